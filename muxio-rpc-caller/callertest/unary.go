package callertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var unaryChecks = []check{
	{"Sizes", checkSizes},
	{"Concurrent", checkConcurrent},
	{"ResponsesBelongToTheCaller", checkResponseOwnership},
	{"UnknownMethod", checkUnknownMethod},
	{"Errors", checkErrors},
	{"LongErrorIsCut", checkLongError},
	{"PlainErrorBecomesUnknown", checkPlainError},
	{"EncodingFails", checkEncodingFails},
	{"ParsingFails", checkParsingFails},
	{"Pieces", checkPieces},
}

func checkSizes(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	for _, n := range []int{0, 1, 1000, 64<<10 - 16, 64<<10 - 15, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 + 1, 1 << 20, 16 << 20} {
		request := pattern(n, byte(n))
		got, err := caller.Call(guard(t), c, echoMethod, request)
		if err != nil || !bytes.Equal(got, request) {
			t.Errorf("%d bytes: %d bytes came back, error %v", n, len(got), err)
		}
	}
}

func checkConcurrent(t *testing.T, connect Connect) {
	const workers, calls = 256, 4
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	ctx := guard(t)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range calls {
				request := pattern(100*w+i, byte(w))
				got, err := caller.Call(ctx, c, echoMethod, request)
				if err != nil || !bytes.Equal(got, request) {
					t.Errorf("worker %d, call %d: %d bytes came back of %d, error %v", w, i, len(got), len(request), err)
				}
			}
		})
	}
	all.Wait()
}

func checkResponseOwnership(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	const n = 3000
	first, err := caller.Call(guard(t), c, echoMethod, pattern(n, 1))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range byte(50) {
		if _, err := caller.Call(guard(t), c, echoMethod, pattern(n, seed)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first, pattern(n, 1)) {
		t.Error("later calls changed the first response")
	}
}

func checkUnknownMethod(t *testing.T, connect Connect) {
	c, s, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	ctx := guard(t)
	_, err := caller.Call(ctx, c, blockMethod, struct{}{})
	wantCode(t, "unary call", err, rpc.Unimplemented)

	up, err := caller.OpenClientStream(ctx, c, uploadMethod, nil)
	if err == nil {
		_, err = up.Finish()
	}
	wantCode(t, "client stream", err, rpc.Unimplemented)

	down, err := caller.OpenServerStream(ctx, c, downloadMethod, pattern(1<<20, 1))
	if err == nil {
		_, err = down.Receive()
	}
	wantCode(t, "server stream", err, rpc.Unimplemented)

	_, err = caller.Call(ctx, s, echoMethod, nil)
	wantCode(t, "call of an end without a handler", err, rpc.Unimplemented)
	wantEcho(t, c)
}

func checkErrors(t *testing.T, connect Connect) {
	failing := routes{}.unary(echoMethod.Name(), func(_ context.Context, request []byte) ([]byte, error) {
		code, err := strconv.Atoi(string(request))
		if err != nil {
			return nil, err
		}
		e := &rpc.Error{Code: rpc.Code(code), Reason: "suite.reason", Message: "grüße " + string(request)}
		return nil, fmt.Errorf("wrapped: %w", e)
	})
	failing.stream(downloadMethod.Name(), func(ctx context.Context, request []byte, _ rpc.ServerCall) error {
		_, err := failing[echoMethod.ID()].Unary(ctx, request, nil)
		return err
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: failing})
	for code := rpc.Canceled; code <= rpc.Unauthenticated; code++ {
		request := []byte(strconv.Itoa(int(code)))
		want := rpc.Error{Code: code, Reason: "suite.reason", Message: "grüße " + string(request)}

		_, err := caller.Call(guard(t), c, echoMethod, request)
		wantError(t, "call", err, want)

		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, request)
		if err == nil {
			_, err = down.Receive()
		}
		wantError(t, "stream", err, want)
	}
}

func wantError(t *testing.T, what string, err error, want rpc.Error) {
	t.Helper()
	wantCode(t, what, err, want.Code)
	var e *rpc.Error
	if errors.As(err, &e) && !reflect.DeepEqual(*e, want) {
		t.Errorf("%s: error %+v, want %+v", what, *e, want)
	}
}

func checkLongError(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{
		Handler: routes{}.unary(echoMethod.Name(), func(context.Context, []byte) ([]byte, error) {
			return nil, &rpc.Error{Code: rpc.NotFound, Reason: text(1 << 20), Message: text(1 << 20)}
		}),
	})
	_, err := caller.Call(guard(t), c, echoMethod, nil)
	wantError(t, "call", err, rpc.Error{Code: rpc.NotFound, Reason: text(rpc.MaxErrorReason), Message: text(rpc.MaxErrorMessage)})
}

func checkPlainError(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{
		Handler: routes{}.unary(echoMethod.Name(), func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("no code here")
		}),
	})
	_, err := caller.Call(guard(t), c, echoMethod, nil)
	wantError(t, "call", err, rpc.Error{Code: rpc.Unknown, Message: "no code here"})
}

// errCodec is what brokenCodec fails with.
var errCodec = errors.New("codec of the suite refuses")

// brokenCodec encodes and parses bytes except for "bad".
type brokenCodec struct{}

func (brokenCodec) Append(dst, v []byte) ([]byte, error) {
	if string(v) == "bad" {
		return nil, errCodec
	}
	return append(dst, v...), nil
}

func (brokenCodec) Parse(b []byte) ([]byte, error) {
	if string(b) == "bad" {
		return nil, errCodec
	}
	return b, nil
}

func checkEncodingFails(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	broken := rpc.NewMethod(echoMethod.Name(), brokenCodec{}, rpc.Bytes)
	_, err := caller.Call(guard(t), c, broken, []byte("bad"))
	wantCode(t, "call", err, rpc.InvalidArgument)
	if !errors.Is(err, errCodec) {
		t.Errorf("error %v hides that of the codec", err)
	}
	wantEcho(t, c)
}

func checkParsingFails(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	broken := rpc.NewMethod(echoMethod.Name(), rpc.Bytes, brokenCodec{})
	_, err := caller.Call(guard(t), c, broken, []byte("bad"))
	wantCode(t, "call", err, rpc.Internal)
	if !errors.Is(err, errCodec) {
		t.Errorf("error %v hides that of the codec", err)
	}
	wantEcho(t, c)
}

// piecesCodec encodes three slices, each behind its length, and hands them over
// by reference.
type piecesCodec struct{}

func (piecesCodec) build(w rpc.Builder, v [3][]byte) rpc.Builder {
	for _, p := range v {
		w.Bytes(p)
	}
	return w
}

func (c piecesCodec) Append(dst []byte, v [3][]byte) ([]byte, error) {
	w := c.build(rpc.BuildBytes(dst), v)
	return w.Appended(), nil
}

func (c piecesCodec) AppendMessage(dst []byte, v [3][]byte) (rpc.Message, error) {
	w := c.build(rpc.BuildMessage(dst), v)
	return w.Message(&v), nil
}

func (piecesCodec) Parse([]byte) (v [3][]byte, err error) { return v, errCodec }

func checkPieces(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho()})
	pieces := rpc.NewMethod[[3][]byte](echoMethod.Name(), piecesCodec{}, rpc.Bytes)
	for _, n := range [][3]int{{0, 0, 0}, {10, 5000, 10}, {5000, 10, 5000}, {100_000, 70_000, 300_000}, {0, 4 << 20, 1}} {
		v := [3][]byte{pattern(n[0], 1), pattern(n[1], 2), pattern(n[2], 3)}
		want, _ := piecesCodec{}.Append(nil, v)
		got, err := caller.Call(guard(t), c, pieces, v)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("pieces of %v bytes: %d bytes arrived, want %d equal to those of Append; error %v", n, len(got), len(want), err)
		}
	}
}
