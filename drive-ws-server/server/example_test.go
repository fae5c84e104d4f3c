package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
)

// A program that serves a drive beside its other pages, and closes all in order.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := drive.Open(filepath.Join(dir, "data.drive"), drive.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	calls, err := server.New(store, server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle(server.Path, calls)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }() // until Shutdown

	useFrom(listener.Addr().String())

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(calls.Shutdown(ctx), web.Shutdown(ctx), store.Close()); err != nil {
		fmt.Println(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		fmt.Println(err)
	}
	// Output:
	// hello, 25 bytes of file
}

// useFrom is what another program does.
func useFrom(address string) {
	ctx := context.Background()
	c, err := driveclient.Dial(ctx, "ws://"+address, driveclient.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	size, err := c.Write(ctx, []byte("greeting"), []byte("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := c.Get(ctx, []byte("greeting"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %d bytes of file\n", value, size)
}
