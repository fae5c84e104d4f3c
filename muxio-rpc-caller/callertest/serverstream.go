package callertest

import (
	"context"
	"errors"
	"io"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var serverStreamChecks = []check{
	{"Items", checkDownloadItems},
	{"FailsAfterItems", checkDownloadFails},
	{"CallsInsideTheLoop", checkCallsInsideLoop},
	{"SlowConsumersSideBySide", checkSlowConsumers},
	{"LeftEarly", checkDownloadLeft},
	{"ParsingFails", checkDownloadParsingFails},
	{"ClosedAtOnce", checkDownloadClosedAtOnce},
}

// numberedDownloads adds a handler that sends as many numbered items as the
// request says, each with padding.
func (r routes) numberedDownloads(padding int, end error) routes {
	rest := pattern(padding, 1)
	return r.stream(downloadMethod.Name(), func(_ context.Context, request []byte, call rpc.ServerCall) error {
		for n := range parseNumber(request) {
			if err := call.Send(rpc.Message{Bytes: append(number(n), rest...)}); err != nil {
				return err
			}
		}
		return end
	})
}

func checkDownloadItems(t *testing.T, connect Connect) {
	for _, tc := range []struct{ items, padding int }{{0, 0}, {1, 0}, {10_000, 0}, {5, 64<<10 - 8}, {5, 64<<10 - 7}, {3, 4 << 20}} {
		c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.numberedDownloads(tc.padding, nil)})
		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(tc.items))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for item, err := range down.All() {
			if err != nil || parseNumber(item) != n || len(item) != 8+tc.padding {
				t.Fatalf("item %d: number %d in %d bytes, error %v", n, parseNumber(item), len(item), err)
			}
			n++
		}
		if n != tc.items {
			t.Errorf("%d items came, want %d", n, tc.items)
		}
		if _, err := down.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("Receive after the end: %v", err)
		}
	}
}

func checkDownloadFails(t *testing.T, connect Connect) {
	want := rpc.Error{Code: rpc.DataLoss, Reason: "suite.broken", Message: "cannot go on"}
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.numberedDownloads(0, &want)})
	for _, items := range []int{0, 1, 1000} {
		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(items))
		if err != nil {
			t.Fatal(err)
		}
		n, failures := 0, 0
		for _, err := range down.All() {
			if err == nil {
				n++
				continue
			}
			failures++
			wantError(t, "stream", err, want)
		}
		if n != items || failures != 1 {
			t.Errorf("%d items and %d errors came, want %d and 1", n, failures, items)
		}
		_, err = down.Receive()
		wantError(t, "Receive after the end", err, want)
	}
}

func checkCallsInsideLoop(t *testing.T, connect Connect) {
	const items, padding = 512, 32 << 10
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().numberedDownloads(padding, nil)})
	down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(items))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for item, err := range down.All() {
		if err != nil {
			t.Fatal(err)
		}
		wantEcho(t, c)
		if parseNumber(item) != n { // after the call: the item is still valid
			t.Fatalf("item %d has number %d", n, parseNumber(item))
		}
		n++
	}
	if n != items {
		t.Errorf("%d items came, want %d", n, items)
	}
}

// checkSlowConsumers leaves many streams unread, each with more than may be
// under way, then uses the connection, then reads the streams.
func checkSlowConsumers(t *testing.T, connect Connect) {
	const streams, items, padding = 16, 64, 32 << 10
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().numberedDownloads(padding, nil)})
	var open [streams]*caller.ServerStream[[]byte]
	for i := range open {
		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(items))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := down.Receive(); err != nil { // the stream has begun
			t.Fatal(err)
		}
		open[i] = down
		wantEcho(t, c)
	}
	for i, down := range open {
		n := 1
		for item, err := range down.All() {
			if err != nil || parseNumber(item) != n {
				t.Fatalf("stream %d, item %d: number %d, error %v", i, n, parseNumber(item), err)
			}
			n++
		}
		if n != items {
			t.Errorf("stream %d: %d items came, want %d", i, n, items)
		}
	}
}

// endlessDownloads adds a handler that sends until it cannot and tells why.
func (r routes) endlessDownloads(ended chan<- error) routes {
	return r.stream(downloadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		err := endOfSend(func(p []byte) error { return call.Send(rpc.Message{Bytes: p}) })
		<-ctx.Done()
		ended <- err
		return err
	})
}

func checkDownloadLeft(t *testing.T, connect Connect) {
	ended := make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().endlessDownloads(ended)})
	for _, leaveAfter := range []int{1, 3, 100} {
		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range down.All() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == leaveAfter {
				break
			}
		}
		wantCode(t, "the handler's Send", await(t, ended, "end of the handler"), rpc.Canceled)
		_, err = down.Receive()
		wantCode(t, "Receive after leaving", err, rpc.Canceled)
	}
	wantEcho(t, c)
}

func checkDownloadParsingFails(t *testing.T, connect Connect) {
	ended := make(chan error, 1)
	handler := routes{}.withEcho().stream(downloadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		_ = call.Send(rpc.Message{Bytes: []byte("good")})
		_ = call.Send(rpc.Message{Bytes: []byte("bad")})
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	broken := rpc.NewServerStream[[]byte, []byte](downloadMethod.Name(), rpc.Bytes, brokenCodec{})
	down, err := caller.OpenServerStream(guard(t), c, broken, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := down.Receive(); err != nil || string(v) != "good" {
		t.Fatalf("first item %q, error %v", v, err)
	}
	_, err = down.Receive()
	wantCode(t, "Receive", err, rpc.Internal)
	if !errors.Is(err, errCodec) {
		t.Errorf("error %v hides that of the codec", err)
	}
	_ = await(t, ended, "end of the handler's context")
	wantEcho(t, c)
}

func checkDownloadClosedAtOnce(t *testing.T, connect Connect) {
	const rounds = 100
	ended := make(chan error, rounds)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().endlessDownloads(ended)})
	for range rounds {
		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = down.Close()
		_, err = down.Receive()
		wantCode(t, "Receive", err, rpc.Canceled)
	}
	wantEcho(t, c)
}
