// Command chat is a chat room: lines typed at one client appear at all others.
//
//	chat 127.0.0.1:8080
//	chat ws://127.0.0.1:8080/chat ada
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// join is a call that lasts as long as a stay in the room: the request is a name,
// lines go up, lines of others come down.
var join = rpc.NewBothWays("chat.join", rpc.Bytes, rpc.Bytes, rpc.Bytes)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := errors.New("usage: chat ADDRESS, or chat URL NAME")
	if args := os.Args[1:]; len(args) == 1 {
		err = serve(ctx, args[0], func(url string) { _, _ = fmt.Fprintln(os.Stdout, url) })
	} else if len(args) == 2 {
		err = chat(ctx, args[0], args[1], os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// room knows who is there.
type room struct {
	mu     sync.Mutex
	guests map[chan []byte]struct{}
}

// say tells everybody but from. Who reads too slowly misses the line.
func (r *room) say(from chan []byte, line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for guest := range r.guests {
		if guest != from {
			select {
			case guest <- line:
			default:
			}
		}
	}
}

func (r *room) enter(lines chan []byte, name []byte) {
	r.mu.Lock()
	r.guests[lines] = struct{}{}
	r.mu.Unlock()
	r.say(nil, fmt.Appendf(nil, "%s joins", name)) // the guest too: so it knows that it is heard
}

func (r *room) leave(lines chan []byte, name []byte) {
	r.say(lines, fmt.Appendf(nil, "%s leaves", name))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.guests, lines)
}

// stay serves one guest until it leaves.
func (r *room) stay(ctx context.Context, name []byte, in *endpoint.Receiver[[]byte], out *endpoint.Sender[[]byte]) error {
	lines := make(chan []byte, 100) // so far may a slow reader be behind
	r.enter(lines, name)
	ctx, stop := context.WithCancel(ctx)
	var hearing sync.WaitGroup
	defer hearing.Wait()
	defer stop()
	defer r.leave(lines, name)
	hearing.Go(func() { // ends with the stay; waited for above
		for {
			select {
			case line := <-lines:
				_ = out.Send(line) // fails when the guest has gone, which the loop below sees
			case <-ctx.Done():
				return
			}
		}
	})
	for line, err := range in.All() {
		if err != nil {
			return err
		}
		r.say(lines, fmt.Appendf(nil, "%s: %s", name, line))
	}
	return nil
}

// serve runs a room until ctx ends.
func serve(ctx context.Context, addr string, ready func(url string)) error {
	calls, r := endpoint.New(endpoint.Options{}), &room{guests: map[chan []byte]struct{}{}}
	if err := endpoint.HandleBothWays(calls, join, r.stay); err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := wsserver.New(wsserver.Options{Handler: calls})
	web := http.Server{Handler: server, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = errors.Join(server.Close(), web.Close()) })
	ready("ws://" + l.Addr().String() + "/chat")
	if err = web.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// chat joins under a name, sends the lines of in and writes those of others to out.
func chat(ctx context.Context, url, name string, in io.Reader, out io.Writer) error {
	client, err := wsclient.Dial(ctx, url, wsclient.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	stay, err := caller.OpenBothWays(ctx, client.Conn(), join, []byte(name))
	if err != nil {
		return err
	}
	heard := make(chan error)
	go func() { // ends with the stay; waited for below
		var err error
		for line, lost := range stay.All() {
			if err = lost; err == nil {
				_, err = fmt.Fprintf(out, "%s\n", line)
			}
		}
		heard <- err
	}()
	for lines := bufio.NewScanner(in); err == nil && lines.Scan(); {
		err = stay.Send(lines.Bytes())
	}
	return errors.Join(err, stay.CloseSend(), <-heard)
}
