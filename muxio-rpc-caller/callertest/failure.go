package callertest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/simd-drive/go/muxio"
	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var failureChecks = []check{
	{"Killed", checkKilled},
	{"ClosedByTheClient", checkClosedByClient},
	{"ClosedByTheServer", checkClosedByServer},
	{"CallsAfterTheEnd", checkCallsAfterEnd},
	{"AnswersBeforeTheEndAreKept", checkAnswersKept},
}

// pendingCalls is how many calls of each kind are under way when a connection
// ends.
const pendingCalls = 100

// silent is a handler whose calls end with their context. Each start is told to
// started and each end to ended.
func silent(started chan<- struct{}, ended chan<- error) routes {
	wait := func(ctx context.Context) error {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	stream := func(ctx context.Context, _ []byte, _ rpc.ServerCall) error { return wait(ctx) }
	return routes{}.
		unary(blockMethod.Name(), func(ctx context.Context, _ []byte) ([]byte, error) { return nil, wait(ctx) }).
		stream(uploadMethod.Name(), stream).
		stream(downloadMethod.Name(), stream).
		stream(chatMethod.Name(), stream)
}

// checkPendingCalls leaves calls of all kinds pending, ends the connection and
// wants all of them to fail as the loss of a connection.
func checkPendingCalls(t *testing.T, connect Connect, end func(c, s *rpc.Conn, kill func())) {
	t.Helper()
	started, ended := make(chan struct{}, 4*pendingCalls), make(chan error, 4*pendingCalls)
	c, s, kill := connect(t, rpc.Config{}, rpc.Config{Handler: silent(started, ended)})
	ctx := guard(t)
	kinds := map[string]func() error{
		"unary": func() error {
			_, err := caller.Call(ctx, c, blockMethod, struct{}{})
			return err
		},
		"client stream": func() error {
			up, err := caller.OpenClientStream(ctx, c, uploadMethod, nil)
			if err != nil {
				return err
			}
			return endOfSend(up.Send)
		},
		"server stream": func() error {
			down, err := caller.OpenServerStream(ctx, c, downloadMethod, nil)
			if err != nil {
				return err
			}
			_, err = down.Receive()
			return err
		},
		"both ways": func() error {
			chat, err := caller.OpenBothWays(ctx, c, chatMethod, nil)
			if err != nil {
				return err
			}
			if err := chat.Send([]byte("hello")); err != nil {
				return err
			}
			_, err = chat.Receive()
			return err
		},
	}
	type outcome struct {
		kind string
		err  error
	}
	results := make(chan outcome, len(kinds)*pendingCalls)
	for kind, call := range kinds {
		for range pendingCalls {
			go func() { results <- outcome{kind, call()} }() // ends with the call, awaited below
		}
	}
	for range len(kinds) * pendingCalls {
		await(t, started, "start of a handler")
	}
	end(c, s, kill)
	for range len(kinds) * pendingCalls {
		o := await(t, results, "end of a pending call")
		wantCode(t, "pending call, "+o.kind, o.err, rpc.Unavailable)
	}
	for range len(kinds) * pendingCalls {
		_ = await(t, ended, "end of a handler's context")
	}
	await(t, c.Done(), "end of the client's connection")
	await(t, s.Done(), "end of the server's connection")
	if c.Err() == nil || s.Err() == nil {
		t.Errorf("the ends do not tell why they ended: %v, %v", c.Err(), s.Err())
	}
}

func checkKilled(t *testing.T, connect Connect) {
	checkPendingCalls(t, connect, func(_, _ *rpc.Conn, kill func()) { kill() })
}

func checkClosedByClient(t *testing.T, connect Connect) {
	checkPendingCalls(t, connect, func(c, _ *rpc.Conn, _ func()) {
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	})
}

func checkClosedByServer(t *testing.T, connect Connect) {
	checkPendingCalls(t, connect, func(_, s *rpc.Conn, _ func()) {
		_ = s.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "restart"})
	})
}

func checkCallsAfterEnd(t *testing.T, connect Connect) {
	handler := routes{}.withEcho().countUploads().numberedDownloads(0, nil)
	for name, end := range map[string]func(c, s *rpc.Conn, kill func()){
		"kill": func(_, _ *rpc.Conn, kill func()) { kill() },
		"client closes": func(c, _ *rpc.Conn, _ func()) {
			_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		},
		"server closes": func(_, s *rpc.Conn, _ func()) {
			_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		},
	} {
		c, s, kill := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
		up, err := caller.OpenClientStream(guard(t), c, uploadMethod, []byte("count"))
		if err != nil {
			t.Fatal(err)
		}
		wantEcho(t, c)
		end(c, s, kill)
		await(t, c.Done(), "end of the connection")

		_, err = caller.Call(guard(t), c, echoMethod, nil)
		wantCode(t, name+": call", err, rpc.Unavailable)
		_, err = caller.OpenServerStream(guard(t), c, downloadMethod, number(1))
		wantCode(t, name+": stream", err, rpc.Unavailable)
		wantCode(t, name+": Send on an open stream", up.Send(number(0)), rpc.Unavailable)
		_, err = up.Finish()
		wantCode(t, name+": Finish of an open stream", err, rpc.Unavailable)
		if err := c.Close(muxio.CloseReason{Code: muxio.CloseNormal}); err != nil {
			t.Errorf("%s: closing once more: %v", name, err)
		}
	}
}

// checkAnswersKept has calls answered in full before the answering end drains
// and closes the connection: the caller finds the answers when it comes to
// look, although the connection has ended.
func checkAnswersKept(t *testing.T, connect Connect) {
	const items = 10
	handler := routes{}.withEcho().numberedDownloads(100, nil).
		stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
			return call.Send(rpc.Message{Bytes: []byte("enough")})
		})
	c, s, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(items))
	if err != nil {
		t.Fatal(err)
	}
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantEcho(t, c) // both calls have reached the peer
	if err := s.Drain(guard(t), muxio.CloseReason{Code: muxio.CloseGoingAway}); err != nil {
		t.Errorf("Drain: %v", err)
	}
	await(t, c.Done(), "end of the connection")

	n := 0
	for _, err := range down.All() {
		if err != nil {
			t.Errorf("item %d: %v", n, err)
			break
		}
		n++
	}
	if n != items {
		t.Errorf("%d items came, want %d", n, items)
	}
	if err := up.Send([]byte("more")); !errors.Is(err, io.EOF) {
		t.Errorf("Send: %v, want io.EOF", err)
	}
	if got, err := up.Finish(); err != nil || string(got) != "enough" {
		t.Errorf("Finish gave %q, error %v", got, err)
	}
}
