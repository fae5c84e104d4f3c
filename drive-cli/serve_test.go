package main

import (
	"context"
	"net"
	"net/http"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-server/server"
)

// serveStore serves an empty drive on loopback for the time of one script and
// puts its address into $STORE.
func serveStore(env *testscript.Env) error {
	store, err := drive.Open(filepath.Join(env.WorkDir, "served.drive"), drive.Options{})
	if err != nil {
		return err
	}
	env.Defer(func() { _ = store.Close() })
	service, err := server.New(store, server.Options{})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: service}
	served := make(chan struct{})
	go func() { // ends when the server is closed below, which waits for it
		defer close(served)
		_ = web.Serve(listener)
	}()
	env.Defer(func() {
		_ = service.Shutdown(context.Background())
		_ = web.Close()
		<-served
	})
	env.Setenv("STORE", "ws://"+listener.Addr().String())
	return nil
}
