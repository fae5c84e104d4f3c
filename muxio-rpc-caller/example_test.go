package caller_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/simd-drive/go/muxio"
	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// The methods that both ends import.
var (
	Greet  = rpc.NewMethod("example.greet", rpc.Binary[string](), rpc.Binary[string]())
	Count  = rpc.NewServerStream("example.count", rpc.Binary[int](), rpc.Binary[int]())
	Upload = rpc.NewClientStream("example.upload", rpc.Empty, rpc.Bytes, rpc.Binary[int]())
	Text   = rpc.NewServerStream("example.text", rpc.Empty, rpc.Bytes)
)

func Example() {
	conn := dial()
	defer conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	ctx := context.Background()

	greeting, err := caller.Call(ctx, conn, Greet, "world")
	fmt.Println(greeting, err)

	_, err = caller.Call(ctx, conn, Greet, "")
	fmt.Println(errors.Is(err, rpc.InvalidArgument), err)

	numbers, err := caller.OpenServerStream(ctx, conn, Count, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n, err := range numbers.All() {
		fmt.Println(n, err)
	}

	// Output:
	// hello world <nil>
	// true invalid argument: nobody to greet
	// 1 <nil>
	// 2 <nil>
}

// Bytes of any length go up without being held in memory. If the reader fails,
// the call is cancelled, so that the peer never takes a part for the whole.
func ExampleUpload() {
	conn := dial()
	defer conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})

	stream, err := caller.OpenClientStream(context.Background(), conn, Upload, struct{}{})
	if err != nil {
		fmt.Println(err)
		return
	}
	size, err := caller.Upload(stream, strings.NewReader(strings.Repeat("x", 1_000_000)))
	fmt.Println(size, err)

	// Output:
	// 1000000 <nil>
}

// A Reader gives io.EOF only for a stream that is whole.
func ExampleNewReader() {
	conn := dial()
	defer conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})

	stream, err := caller.OpenServerStream(context.Background(), conn, Text, struct{}{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := caller.NewReader(stream)
	defer r.Close()
	n, err := io.Copy(os.Stdout, r)
	fmt.Println(n, err)

	// Output:
	// bytes of any length
	// 20 <nil>
}

// dial returns a connection to an end that answers the methods of the example.
// A program dials with muxio-ws-client and answers with muxio-rpc-endpoint.
func dial() *rpc.Conn {
	a, b := muxio.Pipe()
	if _, err := rpc.NewConn(b, rpc.Config{Role: muxio.Responder, Handler: answers{}}); err != nil {
		panic(err)
	}
	conn, err := rpc.NewConn(a, rpc.Config{Role: muxio.Initiator})
	if err != nil {
		panic(err)
	}
	return conn
}

// answers is an [rpc.Handler] without the comfort of muxio-rpc-endpoint.
type answers struct{}

func (answers) Route(id rpc.MethodID) (rpc.Route, bool) {
	switch id {
	case Greet.ID():
		return rpc.Route{Unary: greet}, true
	case Count.ID():
		return rpc.Route{Stream: count}, true
	case Upload.ID():
		return rpc.Route{Stream: measure}, true
	case Text.ID():
		return rpc.Route{Stream: func(_ context.Context, _ []byte, call rpc.ServerCall) error {
			return call.Send(rpc.Message{Bytes: []byte("bytes of any length\n")})
		}}, true
	}
	return rpc.Route{}, false
}

func greet(_ context.Context, request, dst []byte) (rpc.Message, error) {
	name, err := Greet.Request().Parse(request)
	if err != nil || name == "" {
		return rpc.Message{}, rpc.Errorf(rpc.InvalidArgument, "nobody to greet")
	}
	return rpc.AppendMessage(Greet.Response(), dst, "hello "+name)
}

func count(_ context.Context, request []byte, call rpc.ServerCall) error {
	last, err := Count.Request().Parse(request)
	for n := 1; n <= last && err == nil; n++ {
		var b []byte
		if b, err = Count.Item().Append(nil, n); err == nil {
			err = call.Send(rpc.Message{Bytes: b})
		}
	}
	return err
}

func measure(_ context.Context, _ []byte, call rpc.ServerCall) error {
	size := 0
	for {
		b, err := call.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		size += len(b)
	}
	b, err := Upload.Response().Append(nil, size)
	if err != nil {
		return err
	}
	return call.Send(rpc.Message{Bytes: b})
}
