package callertest

import (
	"bytes"
	"context"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var peerChecks = []check{
	{"BothEndsCall", checkBothEndsCall},
	{"CallsBack", checkCallsBack},
	{"CallsBackDuringAStream", checkCallsBackDuringStream},
	{"StreamsFromTheOtherEnd", checkPeerStreams},
}

func checkBothEndsCall(t *testing.T, connect Connect) {
	handler := routes{}.withEcho()
	c, s, _ := connect(t, rpc.Config{Handler: handler}, rpc.Config{Handler: handler})
	const calls = 200
	done := make(chan struct{}, 2)
	for i, end := range []rpc.Invoker{c, s} {
		go func() { // ends with its calls, awaited below
			defer func() { done <- struct{}{} }()
			for n := range calls {
				request := pattern(100*n, byte(i))
				got, err := caller.Call(guard(t), end, echoMethod, request)
				if err != nil || !bytes.Equal(got, request) {
					t.Errorf("end %d, call %d: %d bytes came back, error %v", i, n, len(got), err)
				}
			}
		}()
	}
	await(t, done, "end of the calls")
	await(t, done, "end of the calls")
}

// descend adds a handler that calls its caller back with one less, down to
// zero, so that calls nest across the connection.
func (r routes) descend() routes {
	return r.unary(echoMethod.Name(), func(ctx context.Context, request []byte) ([]byte, error) {
		n := parseNumber(request)
		if n == 0 {
			return number(0), nil
		}
		peer, ok := rpc.PeerFrom(ctx)
		if !ok {
			return nil, rpc.Errorf(rpc.Internal, "no peer")
		}
		below, err := caller.Call(ctx, peer, echoMethod, number(n-1))
		return number(parseNumber(below) + 1), err
	})
}

func checkCallsBack(t *testing.T, connect Connect) {
	const depth = 50
	handler := routes{}.descend()
	c, _, _ := connect(t, rpc.Config{Handler: handler}, rpc.Config{Handler: handler})
	if got, err := caller.Call(guard(t), c, echoMethod, number(depth)); err != nil || parseNumber(got) != depth {
		t.Errorf("depth %d, want %d, error %v", parseNumber(got), depth, err)
	}
}

func checkCallsBackDuringStream(t *testing.T, connect Connect) {
	const items = 100
	handler := routes{}.stream(downloadMethod.Name(), func(ctx context.Context, _ []byte, call rpc.ServerCall) error {
		peer, _ := rpc.PeerFrom(ctx)
		for i := range items {
			item, err := caller.Call(ctx, peer, echoMethod, number(i))
			if err != nil {
				return err
			}
			if err := call.Send(rpc.Message{Bytes: item}); err != nil {
				return err
			}
		}
		return nil
	})
	c, _, _ := connect(t, rpc.Config{Handler: routes{}.withEcho()}, rpc.Config{Handler: handler})
	down, err := caller.OpenServerStream(guard(t), c, downloadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for item, err := range down.All() {
		if err != nil || parseNumber(item) != n {
			t.Fatalf("item %d: number %d, error %v", n, parseNumber(item), err)
		}
		n++
	}
	if n != items {
		t.Errorf("%d items came, want %d", n, items)
	}
}

func checkPeerStreams(t *testing.T, connect Connect) {
	handler := routes{}.echoChats().countUploads().numberedDownloads(0, nil)
	c, s, _ := connect(t, rpc.Config{Handler: handler}, rpc.Config{Handler: handler})
	done := make(chan struct{}, 2)
	for i, end := range []rpc.Invoker{c, s} {
		go func() { // ends with its streams, awaited below
			defer func() { done <- struct{}{} }()
			chatAtTheSameTime(t, end, 100, 10_000, byte(i))
		}()
	}
	await(t, done, "end of a chat")
	await(t, done, "end of a chat")
	upload(t, s, 100, 1000)
}
