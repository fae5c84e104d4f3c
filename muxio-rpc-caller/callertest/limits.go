package callertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var limitChecks = []check{
	{"TooManyCalls", checkTooManyCalls},
	{"RequestOverTheCallersLimit", checkRequestOverCallersLimit},
	{"RequestOverThePeersLimit", checkRequestOverPeersLimit},
	{"ResponseOverAnyLimit", checkResponseOverLimit},
	{"ItemOverAnyLimit", checkItemOverLimit},
}

func checkTooManyCalls(t *testing.T, connect Connect) {
	const limit = 4
	started, ended := make(chan struct{}, limit), make(chan error, limit)
	handler := routes{}.withEcho().withBlock(started, ended).echoChats()
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler, MaxCalls: limit})
	ctx, cancel := context.WithCancel(guard(t))
	results := make(chan error, limit)
	for range limit {
		go func() { // ends with the call, awaited below
			_, err := caller.Call(ctx, c, blockMethod, struct{}{})
			results <- err
		}()
	}
	for range limit {
		await(t, started, "start of a handler")
	}
	_, err := caller.Call(guard(t), c, echoMethod, nil)
	wantCode(t, "one call too many", err, rpc.ResourceExhausted)
	chat, err := caller.OpenBothWays(guard(t), c, chatMethod, nil)
	if err == nil {
		_, err = chat.Receive()
	}
	wantCode(t, "one stream too many", err, rpc.ResourceExhausted)
	cancel()
	for range limit {
		_ = await(t, ended, "end of a handler")
		wantCode(t, "cancelled call", await(t, results, "end of a call"), rpc.Canceled)
	}
	// A handler has told its end before the connection counts it out.
	for err = errNotYet; errors.Is(err, rpc.ResourceExhausted); {
		_, err = caller.Call(guard(t), c, echoMethod, nil)
	}
	if err != nil {
		t.Errorf("call after the others have ended: %v", err)
	}
}

// errNotYet starts a loop that ends with the first call that is let in.
var errNotYet = rpc.Errorf(rpc.ResourceExhausted, "not yet")

// messageLimit is the limit for messages in the checks below.
const messageLimit = 200_000

func checkRequestOverCallersLimit(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{MaxMessageBytes: messageLimit}, rpc.Config{Handler: routes{}.withEcho().echoChats()})
	got, err := caller.Call(guard(t), c, echoMethod, pattern(messageLimit, 1))
	if err != nil || len(got) != messageLimit {
		t.Errorf("request at the limit: %d bytes came back, error %v", len(got), err)
	}
	_, err = caller.Call(guard(t), c, echoMethod, pattern(messageLimit+1, 1))
	wantCode(t, "request over the limit", err, rpc.ResourceExhausted)
	_, err = caller.OpenBothWays(guard(t), c, chatMethod, pattern(messageLimit+1, 1))
	wantCode(t, "request of a stream over the limit", err, rpc.ResourceExhausted)
	wantEcho(t, c)
}

func checkRequestOverPeersLimit(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().echoChats(), MaxMessageBytes: messageLimit})
	got, err := caller.Call(guard(t), c, echoMethod, pattern(messageLimit, 1))
	if err != nil || len(got) != messageLimit {
		t.Errorf("request at the limit: %d bytes came back, error %v", len(got), err)
	}
	for _, n := range []int{messageLimit + 1, 20 * messageLimit} {
		_, err = caller.Call(guard(t), c, echoMethod, pattern(n, 1))
		wantCode(t, "request over the limit", err, rpc.ResourceExhausted)
		chat, err := caller.OpenBothWays(guard(t), c, chatMethod, pattern(n, 1))
		if err == nil {
			_, err = chat.Receive()
		}
		wantCode(t, "request of a stream over the limit", err, rpc.ResourceExhausted)
		wantEcho(t, c)
	}
}

func checkResponseOverLimit(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().unary("callertest.sized", func(_ context.Context, request []byte) ([]byte, error) {
		return pattern(parseNumber(request), 1), nil
	})
	sized := rpc.NewMethod("callertest.sized", rpc.Bytes, rpc.Bytes)
	for name, limit := range map[string][2]int{"caller": {messageLimit, 0}, "peer": {0, messageLimit}} {
		c, _, _ := connect(t, rpc.Config{MaxMessageBytes: limit[0]}, rpc.Config{Handler: handler, MaxMessageBytes: limit[1]})
		got, err := caller.Call(guard(t), c, sized, number(messageLimit))
		if err != nil || !bytes.Equal(got, pattern(messageLimit, 1)) {
			t.Errorf("limit of the %s, response at the limit: %d bytes came, error %v", name, len(got), err)
		}
		for _, n := range []int{messageLimit + 1, 20 * messageLimit} {
			_, err = caller.Call(guard(t), c, sized, number(n))
			wantCode(t, "limit of the "+name+", response over the limit", err, rpc.ResourceExhausted)
			wantEcho(t, c)
		}
	}
}

func checkItemOverLimit(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().echoChats().stream(downloadMethod.Name(), func(_ context.Context, request []byte, call rpc.ServerCall) error {
		return call.Send(rpc.Message{Bytes: pattern(parseNumber(request), 1)})
	})
	for name, limit := range map[string][2]int{"caller": {messageLimit, 0}, "peer": {0, messageLimit}} {
		c, _, _ := connect(t, rpc.Config{MaxMessageBytes: limit[0]}, rpc.Config{Handler: handler, MaxMessageBytes: limit[1]})
		got, err := sendItem(t, c, messageLimit)
		if err != nil || len(got) != messageLimit {
			t.Errorf("limit of the %s, item at the limit: %d bytes came back, error %v", name, len(got), err)
		}
		_, err = sendItem(t, c, messageLimit+1)
		wantCode(t, "limit of the "+name+", item sent over the limit", err, rpc.ResourceExhausted)

		down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(messageLimit+1))
		if err == nil {
			_, err = down.Receive()
		}
		wantCode(t, "limit of the "+name+", item received over the limit", err, rpc.ResourceExhausted)
		wantEcho(t, c)
	}
}

// sendItem sends one item of n bytes and returns what comes back.
func sendItem(t *testing.T, c rpc.Invoker, n int) ([]byte, error) {
	t.Helper()
	chat, err := caller.OpenBothWays(guard(t), c, chatMethod, nil)
	if err != nil {
		return nil, err
	}
	defer chat.Close()
	if err := chat.Send(pattern(n, 1)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return chat.Receive()
}
