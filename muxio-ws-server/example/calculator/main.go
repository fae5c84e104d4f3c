// Command calculator counts primes on a server, which reports its progress by
// calling the client back on the same connection.
//
//	calculator -listen 127.0.0.1:8080
//	calculator -connect ws://127.0.0.1:8080/calculator -limit 5000000
//
// Without either flag it is both ends in one process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// The service: what either end may call at the other.
var (
	countPrimes = rpc.NewMethod("calculator.count_primes", rpc.Binary[uint64](), rpc.Binary[uint64]())
	progress    = rpc.NewMethod("calculator.progress", rpc.Binary[uint64](), rpc.Empty)
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "calculator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("calculator", flag.ContinueOnError)
	listen := flags.String("listen", "", "serve on this address")
	connect := flags.String("connect", "", "calculate at the server with this ws or wss address")
	limit := flags.Uint64("limit", 1_000_000, "count the primes below this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *connect != "":
		return calculate(ctx, out, *connect, *limit)
	case *listen != "":
		addr, stop, err := serve(ctx, *listen)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, "serving at", addr); err != nil {
			return errors.Join(err, stop())
		}
		<-ctx.Done()
		return stop()
	}
	addr, stop, err := serve(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	return errors.Join(calculate(ctx, out, addr, *limit), stop())
}

// serve starts a server and returns its address, and a function that shuts it
// down after the calls in flight.
func serve(ctx context.Context, addr string) (url string, stop func() error, err error) {
	calls := endpoint.New(endpoint.Options{})
	if err := endpoint.Handle(calls, countPrimes, answerCountPrimes); err != nil {
		return "", nil, err
	}
	server := wsserver.New(wsserver.Options{Handler: calls})
	mux := http.NewServeMux()
	mux.Handle("/calculator", server)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, err
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }() // ends with stop, which waits for it
	return "ws://" + l.Addr().String() + "/calculator", func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := errors.Join(server.Shutdown(ctx), web.Shutdown(ctx))
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	}, nil
}

// answerCountPrimes counts the primes below limit and tells the caller after
// each tenth of the way.
func answerCountPrimes(ctx context.Context, limit uint64) (uint64, error) {
	if limit > 1<<28 {
		return 0, rpc.Errorf(rpc.InvalidArgument, "%d is more than this server counts to", limit)
	}
	client, _ := endpoint.Peer(ctx)
	composite := make([]bool, limit)
	var count uint64
	step := max(limit/10, 1)
	for i := uint64(2); i < limit; i++ {
		if i%step == 0 {
			if _, err := caller.Call(ctx, client, progress, i); err != nil {
				return 0, err
			}
		}
		if composite[i] {
			continue
		}
		count++
		for j := i * i; j < limit; j += i {
			composite[j] = true
		}
	}
	return count, nil
}

// calculate asks the server at url for the number of primes below limit.
func calculate(ctx context.Context, out io.Writer, url string, limit uint64) error {
	calls := endpoint.New(endpoint.Options{})
	err := endpoint.Handle(calls, progress, func(_ context.Context, at uint64) (struct{}, error) {
		_, err := fmt.Fprintln(out, "at", at)
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	client, err := wsclient.Dial(ctx, url, wsclient.Options{Handler: calls})
	if err != nil {
		return err
	}
	count, err := caller.Call(ctx, client.Conn(), countPrimes, limit)
	if err == nil {
		_, err = fmt.Fprintf(out, "%d primes below %d\n", count, limit)
	}
	return errors.Join(err, client.Close())
}
