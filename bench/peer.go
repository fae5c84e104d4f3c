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
	"os/exec"
	"strings"
	"time"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-server/server"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	"github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio-ws-server"
)

// servePeerArg makes this program the serving process of a comparison.
const servePeerArg = "serve-peer"

// readHeaderTimeout bounds the handshakes with the peer.
const readHeaderTimeout = 5 * time.Second

// echo is the method of the echo rows.
var echo = rpc.NewMethod("bench.echo", rpc.Bytes, rpc.Bytes)

// peer is the serving process.
type peer struct {
	rawTCP string // address
	http   string // address; paths /raw, /echo and /ws
	cmd    *exec.Cmd
	stdin  io.Closer // its closing ends the process
}

// startPeer starts the serving process with a store at path.
func startPeer(ctx context.Context, path string) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &peer{cmd: exec.CommandContext(ctx, self, servePeerArg, path)}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("the serving process did not start: %w", err)
	}
	p.rawTCP, p.http, _ = strings.Cut(strings.TrimSpace(line), " ")
	return p, nil
}

// stop ends the serving process and waits for it.
func (p *peer) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait() // its exit status says nothing about the figures
}

// servePeer serves everything that the comparisons need on loopback, prints
// the addresses, and ends when standard input does.
func servePeer(ctx context.Context, path string, out io.Writer) (err error) {
	store, err := drive.Open(path, drive.Options{Sync: drive.SyncNone})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, err := server.New(store, server.Options{})
	if err != nil {
		return err
	}
	calls := endpoint.New(endpoint.Options{})
	err = endpoint.Handle(calls, echo, func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	raw, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/raw", serveRawWebSocket)
	mux.Handle("/echo", wsserver.New(wsserver.Options{Handler: calls}))
	mux.Handle("/ws", service)
	go serveRawTCP(raw) // ends with the process
	go func() {         // ends with the process
		err := (&http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout}).Serve(web)
		if !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	fmt.Fprintln(out, raw.Addr(), web.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
