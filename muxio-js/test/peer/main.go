package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

const (
	anyPort = "127.0.0.1:0"
	// maxReportBytes bounds what a page may post.
	maxReportBytes = 1 << 20
	// maxMessageBytes is small enough for a test to exceed it.
	maxMessageBytes = 8 << 20
	// shutdownTimeout bounds the end of the program.
	shutdownTimeout = 5 * time.Second
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	calls, err := newMethods(slog.New(slog.DiscardHandler)) // one of them panics on purpose
	if err != nil {
		return err
	}
	cfg := rpc.Config{Role: muxio.Responder, Handler: calls, MaxMessageBytes: maxMessageBytes, Logger: logger}
	server := wsserver.New(wsserver.Options{Conn: cfg})
	mux := http.NewServeMux()
	mux.Handle("/ws", server)
	mux.HandleFunc("POST /report", report)
	if len(args) > 0 {
		mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(args[0]))))
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), "tcp", anyPort)
	if err != nil {
		return err
	}
	plain, err := lc.Listen(context.Background(), "tcp", anyPort)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	tcp := serveStreams(plain, cfg, logger)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: shutdownTimeout}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }() // ends with Shutdown, waited for below
	_, _ = fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
	_, _ = fmt.Fprintln(os.Stdout, plain.Addr())

	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started this program is done
	ctx, stop := context.WithTimeout(context.Background(), shutdownTimeout)
	defer stop()
	err = errors.Join(server.Shutdown(ctx), web.Shutdown(ctx), tcp.close())
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// report prints what a page found out.
func report(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReportBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(os.Stdout, "%s\n", body)
}
