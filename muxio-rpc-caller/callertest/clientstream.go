package callertest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var clientStreamChecks = []check{
	{"Items", checkUploadItems},
	{"LargeItems", checkUploadLargeItems},
	{"SlowReader", checkUploadSlowReader},
	{"FinishedEarly", checkUploadFinishedEarly},
	{"FailedEarly", checkUploadFailedEarly},
	{"ClosedMidway", checkUploadClosed},
	{"EncodingFails", checkUploadEncodingFails},
	{"ResponseMissing", checkUploadResponseMissing},
	{"SecondResponse", checkUploadSecondResponse},
}

// number encodes an item or a response of the checks.
func number(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func parseNumber(b []byte) int {
	if len(b) < 8 {
		return -1
	}
	return int(binary.LittleEndian.Uint64(b))
}

// countItems receives numbered items to their end and returns how many came in
// order.
func countItems(call rpc.ServerCall) (int, error) {
	for n := 0; ; n++ {
		item, err := call.Receive()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if got := parseNumber(item); got != n {
			return n, rpc.Errorf(rpc.DataLoss, "item %d came as number %d", got, n)
		}
	}
}

// countUploads adds a handler that answers with the number of items.
func (r routes) countUploads() routes {
	return r.stream(uploadMethod.Name(), func(_ context.Context, request []byte, call rpc.ServerCall) error {
		if string(request) != "count" {
			return rpc.Errorf(rpc.InvalidArgument, "request %q", request)
		}
		n, err := countItems(call)
		if err != nil {
			return err
		}
		return call.Send(rpc.Message{Bytes: number(n)})
	})
}

// upload sends numbered items, each with padding behind the number.
func upload(t *testing.T, c rpc.Invoker, items, padding int) {
	t.Helper()
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, []byte("count"))
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	rest := pattern(padding, 1)
	for i := range items {
		if err := up.Send(append(number(i), rest...)); err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
	}
	got, err := up.Finish()
	if err != nil || parseNumber(got) != items {
		t.Errorf("%d items of %d bytes: answer %d, error %v", items, 8+padding, parseNumber(got), err)
	}
}

func checkUploadItems(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.countUploads()})
	for _, n := range []int{0, 1, 2, 10_000} {
		upload(t, c, n, 0)
	}
}

func checkUploadLargeItems(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.countUploads()})
	for _, padding := range []int{64<<10 - 9, 64<<10 - 8, 64 << 10, 300_000, 4 << 20} {
		upload(t, c, 3, padding)
	}
}

// maxUnderWayBytes is what a stream may have under way between a sender that
// returned from Send and a receiver that has not asked for it: credit, queues
// and the buffers of a transport. The streams of the checks are far larger.
const maxUnderWayBytes = 8 << 20

func checkUploadSlowReader(t *testing.T, connect Connect) {
	const itemBytes, items = 32 << 10, 1024
	var sent, most atomic.Int64 // no network tells the race detector what comes before what
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		peer, _ := rpc.PeerFrom(ctx)
		for n := range items {
			// A round trip for each item gives the sender all the time that
			// an unbounded one would need to run ahead.
			if _, err := peer.Invoke(ctx, echoMethod.ID(), rpc.Message{}); err != nil {
				return err
			}
			most.Store(max(most.Load(), sent.Load()-int64(n)*itemBytes))
			if _, err := call.Receive(); err != nil {
				return err
			}
		}
		return call.Send(rpc.Message{Bytes: number(items)})
	})
	c, _, _ := connect(t, rpc.Config{Handler: routes{}.withEcho()}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	item := pattern(itemBytes, 1)
	for i := range items {
		if err := up.Send(item); err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
		sent.Add(itemBytes)
		if i%100 == 0 {
			wantEcho(t, c) // the full stream holds nobody else up
		}
	}
	if got, err := up.Finish(); err != nil || parseNumber(got) != items {
		t.Errorf("answer %d, error %v", parseNumber(got), err)
	}
	if ahead := most.Load(); ahead > maxUnderWayBytes {
		t.Errorf("the sender was %d bytes ahead of its reader, want at most %d", ahead, maxUnderWayBytes)
	}
}

func checkUploadFinishedEarly(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		if _, err := call.Receive(); err != nil {
			return err
		}
		return call.Send(rpc.Message{Bytes: []byte("enough")})
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	for range 20 {
		up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := endOfSend(up.Send); !errors.Is(err, io.EOF) {
			t.Errorf("Send ended with %v, want io.EOF", err)
		}
		if got, err := up.Finish(); err != nil || string(got) != "enough" {
			t.Errorf("Finish gave %q, error %v", got, err)
		}
	}
	wantEcho(t, c)
}

func checkUploadFailedEarly(t *testing.T, connect Connect) {
	want := rpc.Error{Code: rpc.FailedPrecondition, Reason: "suite.full", Message: "no more"}
	for _, taken := range []int{0, 1} {
		handler := routes{}.withEcho().stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
			for range taken {
				if _, err := call.Receive(); err != nil {
					return err
				}
			}
			return &want
		})
		c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
		for range 20 {
			up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := endOfSend(up.Send); !errors.Is(err, io.EOF) {
				t.Errorf("Send: %v, want io.EOF", err)
			}
			_, err = up.Finish()
			wantError(t, "Finish", err, want)
		}
		wantEcho(t, c)
	}
}

func checkUploadClosed(t *testing.T, connect Connect) {
	taken, seen := make(chan struct{}, 1), make(chan error, 1)
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		if _, err := call.Receive(); err != nil {
			return err
		}
		taken <- struct{}{}
		_, err := call.Receive()
		<-ctx.Done()
		seen <- err
		return err
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Send([]byte("part")); err != nil {
		t.Fatal(err)
	}
	await(t, taken, "first item")
	if err := up.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := up.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	// The handler must not take the part for the whole.
	wantCode(t, "the handler's Receive", await(t, seen, "end of the handler"), rpc.Canceled)
	if err := up.Send([]byte("more")); err == nil {
		t.Error("Send after Close succeeded")
	}
	_, err = up.Finish()
	wantCode(t, "Finish after Close", err, rpc.Canceled)
	wantEcho(t, c)
}

func checkUploadEncodingFails(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.countUploads()})
	broken := rpc.NewClientStream(uploadMethod.Name(), rpc.Bytes, brokenCodec{}, rpc.Bytes)
	up, err := caller.OpenClientStream(guard(t), c, broken, []byte("count"))
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Send(number(0)); err != nil {
		t.Fatal(err)
	}
	err = up.Send([]byte("bad"))
	wantCode(t, "Send", err, rpc.InvalidArgument)
	if !errors.Is(err, errCodec) {
		t.Errorf("error %v hides that of the codec", err)
	}
	if err := up.Send(number(1)); err != nil {
		t.Errorf("Send after an encoding error: %v", err)
	}
	if got, err := up.Finish(); err != nil || parseNumber(got) != 2 {
		t.Errorf("answer %d, error %v", parseNumber(got), err)
	}
}

func checkUploadResponseMissing(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(context.Context, []byte, rpc.ServerCall) error { return nil })
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = up.Finish()
	wantCode(t, "Finish", err, rpc.Internal)
	wantEcho(t, c)
}

func checkUploadSecondResponse(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		if err := call.Send(rpc.Message{Bytes: []byte("one")}); err != nil {
			return err
		}
		return call.Send(rpc.Message{Bytes: []byte("two")})
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = up.Finish()
	wantCode(t, "Finish", err, rpc.Internal)
	wantEcho(t, c)
}
