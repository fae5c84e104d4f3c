// Command filetransfer sends files to a server, which tells how far it is, and
// fetches them again.
//
//	filetransfer 127.0.0.1:8080 inbox
//	filetransfer ws://127.0.0.1:8080/ put FILE
//	filetransfer ws://127.0.0.1:8080/ get NAME >FILE
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// The service. The request of both is a name; put sends bytes up, and what comes down
// is how many have arrived; get is answered by bytes.
var (
	put = rpc.NewBothWays("files.put", rpc.Bytes, rpc.Bytes, rpc.Binary[int64]())
	get = rpc.NewServerStream("files.get", rpc.Bytes, rpc.Bytes)
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := errors.New("usage: filetransfer ADDRESS DIR, or filetransfer URL put|get NAME")
	switch args := os.Args[1:]; len(args) {
	case 2:
		err = serve(ctx, args[0], args[1], func(url string) { _, _ = fmt.Fprintln(os.Stdout, url) })
	case 3:
		err = transfer(ctx, args[0], args[1], args[2], os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "filetransfer:", err)
		os.Exit(1)
	}
}

// receive stores a file and tells how many bytes have arrived. Only a whole file gets
// its name: a caller that gives up, or is cut off, leaves nothing.
func receive(root *os.Root, name string, in *endpoint.Receiver[[]byte], out *endpoint.Sender[int64]) (err error) {
	f, err := root.Create(name + ".part")
	if err != nil {
		return rpc.Errorf(rpc.InvalidArgument, "%v", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	total := int64(0)
	for chunk, err := range in.All() {
		if err == nil {
			_, err = f.Write(chunk)
		}
		if total += int64(len(chunk)); err == nil {
			err = out.Send(total)
		}
		if err != nil {
			return errors.Join(err, root.Remove(name+".part"))
		}
	}
	return root.Rename(name+".part", name)
}

// serve keeps files in dir until ctx ends.
func serve(ctx context.Context, addr, dir string, ready func(url string)) error {
	root, err := os.OpenRoot(dir) // names of clients do not leave it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	calls := endpoint.New(endpoint.Options{})
	err = errors.Join(
		endpoint.HandleBothWays(calls, put, func(_ context.Context, name []byte, in *endpoint.Receiver[[]byte], out *endpoint.Sender[int64]) error {
			return receive(root, string(name), in, out)
		}),
		endpoint.HandleServerStream(calls, get, func(_ context.Context, name []byte, out *endpoint.Sender[[]byte]) error {
			f, err := root.Open(string(name))
			if err != nil {
				return rpc.Errorf(rpc.NotFound, "%v", err)
			}
			_, err = io.Copy(endpoint.NewWriter(out), f)
			return errors.Join(err, f.Close())
		}))
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := wsserver.New(wsserver.Options{Handler: calls})
	web := &http.Server{Handler: server, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = errors.Join(server.Close(), web.Close()) })
	ready("ws://" + l.Addr().String() + "/")
	if err = web.Serve(l); errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// transfer puts or gets one file.
func transfer(ctx context.Context, url, verb, name string, out, progress io.Writer) error {
	client, err := wsclient.Dial(ctx, url, wsclient.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if verb == "get" {
		stream, err := caller.OpenServerStream(ctx, client.Conn(), get, []byte(name))
		if err == nil {
			_, err = io.Copy(out, caller.NewReader(stream))
		}
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	stream, err := caller.OpenBothWays(ctx, client.Conn(), put, []byte(filepath.Base(name)))
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { // ends with the file or the call; waited for below
		_, err := io.Copy(rpc.NewMessageWriter(stream.Send), f)
		if err != nil {
			_ = stream.Close()
		}
		sent <- errors.Join(err, stream.CloseSend())
	}()
	for total, err := range stream.All() {
		if err != nil {
			return errors.Join(err, <-sent)
		}
		_, _ = fmt.Fprintf(progress, "%d bytes\n", total)
	}
	return <-sent
}
