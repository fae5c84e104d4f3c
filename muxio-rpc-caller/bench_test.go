package caller_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/simd-drive/go/muxio"
	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// sized answers the calls of the benchmarks.
type sized struct{}

var (
	benchEcho = rpc.NewMethod("bench.echo", rpc.Bytes, rpc.Bytes)
	benchUp   = rpc.NewClientStream("bench.up", rpc.Empty, rpc.Bytes, rpc.Empty)
)

func (sized) Route(id rpc.MethodID) (rpc.Route, bool) {
	switch id {
	case benchEcho.ID():
		return rpc.Route{Unary: func(_ context.Context, request, _ []byte) (rpc.Message, error) {
			return rpc.Message{Bytes: request}, nil
		}}, true
	case benchUp.ID():
		return rpc.Route{Stream: func(_ context.Context, _ []byte, call rpc.ServerCall) error {
			for {
				if _, err := call.Receive(); errors.Is(err, io.EOF) {
					return call.Send(rpc.Message{})
				} else if err != nil {
					return err
				}
			}
		}}, true
	}
	return rpc.Route{}, false
}

func benchConn(b *testing.B) *rpc.Conn {
	b.Helper()
	x, y := muxio.Pipe()
	server, err := rpc.NewConn(y, rpc.Config{Role: muxio.Responder, Handler: sized{}})
	if err != nil {
		b.Fatal(err)
	}
	client, err := rpc.NewConn(x, rpc.Config{Role: muxio.Initiator})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = client.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		server.Wait()
	})
	return client
}

func BenchmarkCall(b *testing.B) {
	for _, n := range []int{16, 4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			c, request := benchConn(b), make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := caller.Call(b.Context(), c, benchEcho, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCallParallel(b *testing.B) {
	c, request := benchConn(b), make([]byte, 16)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := caller.Call(b.Context(), c, benchEcho, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// zeros gives n zero bytes.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}

func BenchmarkUpload(b *testing.B) {
	const size = 16 << 20
	c := benchConn(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		up, err := caller.OpenClientStream(b.Context(), c, benchUp, struct{}{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := caller.Upload(up, &zeros{left: size}); err != nil {
			b.Fatal(err)
		}
	}
}
