package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-server/server"
)

const (
	// defaultGrace is how long calls in flight may take to finish after the
	// first signal, unless a flag says otherwise.
	defaultGrace = 10 * time.Second
	// headerTimeout bounds how long a client may take to send its request.
	headerTimeout = 10 * time.Second
	// idleTimeout bounds how long a connection without a request stays open.
	idleTimeout = time.Minute
	// maxHeaderBytes bounds the header of a request.
	maxHeaderBytes = 64 << 10
)

// ballastBytes is memory that is reserved and never touched. Values are copied for
// sending and live for moments; in a heap as small as this program's they would call
// for a collection every few MiB, which took a third of its time.
const ballastBytes = 32 << 20

// errCutOff reports calls that a second signal or the end of the grace ended.
var errCutOff = errors.New("calls in flight were cut off")

// serve opens the drive and serves it until a signal. It prints the address on
// out when it is ready. The file is opened after the address is taken, so that
// a failure to listen creates no file.
func serve(cfg config, log *slog.Logger, out io.Writer) (err error) {
	if cfg.Port < 0 || cfg.Port > math.MaxUint16 {
		return fmt.Errorf("port %d is not between 0 and %d", cfg.Port, math.MaxUint16)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return err // it says "listen" and the address
	}
	defer func() { _ = listener.Close() }() // mostly closed already
	store, err := drive.Open(cfg.Storage, cfg.store(log))
	if errors.Is(err, drive.ErrCorrupt) {
		return fmt.Errorf("open %s: %w; drive STORE recover OUT saves what is intact", cfg.Storage, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", cfg.Storage, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	calls, err := server.New(store, server.Options{
		MaxConnections: cfg.MaxConnections, NativeOnly: cfg.NativeOnly,
		QuickWrites: cfg.Sync != drive.SyncAlways, Logger: log,
	})
	if err != nil {
		return err
	}
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
	web := &http.Server{
		Handler:           calls,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	failed := make(chan error, 1)
	// Ends when the listener is closed; failed has room for its result.
	go func() { failed <- web.Serve(listener) }()

	address := "ws://" + listener.Addr().String() + server.Path
	log.Info("serving", "address", address, "storage", cfg.Storage, "readOnly", cfg.ReadOnly, "sync", cfg.Sync,
		"entries", store.Len(), "bytes", store.FileSize())
	if _, err := fmt.Fprintln(out, address); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), calls.Close())
	}
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), calls.Close())
	case sig := <-signals:
		log.Info("stopping", "signal", sig.String(), "grace", cfg.ShutdownGrace, "connections", calls.Connections())
	}
	return stop(cfg.ShutdownGrace, web, calls, signals, log)
}

// stop lets the calls in flight finish, until grace has passed or another
// signal comes. Calls that did not finish are an error.
func stop(grace time.Duration, web *http.Server, calls *server.Server, signals <-chan os.Signal, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	stopped := make(chan error, 1)
	// Ends soon after ctx; waited for below.
	go func() {
		err := calls.Shutdown(ctx)
		if webErr := web.Shutdown(ctx); webErr != nil {
			err = errors.Join(err, web.Close())
		}
		stopped <- err
	}()
	var err error
	select {
	case err = <-stopped:
	case sig := <-signals:
		log.Warn("stopping at once", "signal", sig.String())
		cancel()
		err = <-stopped
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errCutOff, err)
	}
	log.Info("stopped")
	return nil
}
