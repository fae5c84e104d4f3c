package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/simd-drive/go/muxio"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// The methods that both ends import.
var (
	Greet   = rpc.NewMethod("example.greet", rpc.Binary[string](), rpc.Binary[string]())
	Average = rpc.NewClientStream("example.average", rpc.Empty, rpc.Binary[int](), rpc.Binary[float64]())
	Text    = rpc.NewServerStream("example.text", rpc.Empty, rpc.Bytes)
)

func Example() {
	logger := slog.New(slog.DiscardHandler)

	ep := endpoint.New(endpoint.Options{Logger: logger})
	err := endpoint.Handle(ep, Greet, func(_ context.Context, name string) (string, error) {
		if name == "" {
			return "", rpc.Errorf(rpc.InvalidArgument, "nobody to greet")
		}
		return "hello " + name, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	conn := serve(ep)
	defer conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	greeting, err := greet(conn, "world")
	fmt.Println(greeting, err)
	_, err = greet(conn, "")
	fmt.Println(err)

	// Output:
	// hello world <nil>
	// invalid argument: nobody to greet
}

// Handlers of streams receive or send items, one by one or as a stream of
// bytes.
func Example_streams() {
	ep := endpoint.New(endpoint.Options{})
	err := errors.Join(
		endpoint.HandleClientStream(ep, Average, func(_ context.Context, _ struct{}, numbers *endpoint.Receiver[int]) (float64, error) {
			sum, count := 0, 0
			for n, err := range numbers.All() {
				if err != nil {
					return 0, err
				}
				sum += n
				count++
			}
			return float64(sum) / float64(max(count, 1)), nil
		}),
		endpoint.HandleServerStream(ep, Text, func(_ context.Context, _ struct{}, chunks *endpoint.Sender[[]byte]) error {
			_, err := io.WriteString(endpoint.NewWriter(chunks), "bytes of any length\n")
			return err
		}))
	fmt.Println(ep.Methods(), err)

	// Output:
	// [example.average example.text] <nil>
}

// Middleware sees every call before its handler does, and how it ended.
func ExampleMiddleware() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	logging := func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
		err := next(ctx)
		log.InfoContext(ctx, "call", "method", info.Name, "kind", info.Kind, "bytes", info.RequestBytes, "error", err)
		return err
	}
	limit := func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
		if info.RequestBytes > 10 {
			return rpc.Errorf(rpc.ResourceExhausted, "name too long")
		}
		return next(ctx)
	}
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{logging, limit}})
	err := endpoint.Handle(ep, Greet, func(_ context.Context, name string) (string, error) { return "hello " + name, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := serve(ep)
	defer conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	for _, name := range []string{"world", "rather a lot of people"} {
		greeting, err := greet(conn, name)
		fmt.Println(greeting, err)
	}

	// Output:
	// level=INFO msg=call method=example.greet kind=unary bytes=6 error=<nil>
	// hello world <nil>
	// level=INFO msg=call method=example.greet kind=unary bytes=23 error="resource exhausted: name too long"
	//  resource exhausted: name too long
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// serve answers at one end of a pipe and returns a connection to it. A program
// serves with muxio-ws-server and calls with muxio-rpc-caller.
func serve(handler rpc.Handler) *rpc.Conn {
	a, b := muxio.Pipe()
	if _, err := rpc.NewConn(b, rpc.Config{Role: muxio.Responder, Handler: handler}); err != nil {
		panic(err)
	}
	conn, err := rpc.NewConn(a, rpc.Config{Role: muxio.Initiator})
	if err != nil {
		panic(err)
	}
	return conn
}

func greet(conn rpc.Invoker, name string) (string, error) {
	request, err := Greet.Request().Append(nil, name)
	if err != nil {
		return "", err
	}
	response, err := conn.Invoke(context.Background(), Greet.ID(), rpc.Message{Bytes: request})
	if err != nil {
		return "", err
	}
	return Greet.Response().Parse(response)
}
