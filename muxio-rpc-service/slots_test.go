package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/simd-drive/go/muxio"
)

// openEcho opens a call of streamMethod that stays open, and receives its first message.
func openEcho(t *testing.T, c *Conn) ClientCall {
	t.Helper()
	call, err := c.OpenCall(t.Context(), streamMethod, Message{Bytes: []byte("first")})
	if err != nil {
		t.Fatal(err)
	}
	return first(t, call)
}

// first receives the first message of a call.
func first(t *testing.T, call ClientCall) ClientCall {
	t.Helper()
	if got, err := call.Receive(); err != nil || string(got) != "first" {
		t.Errorf("received %q, %v", got, err)
	}
	return call
}

// finish ends a call of streamMethod.
func finish(t *testing.T, call ClientCall) {
	t.Helper()
	if err := call.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := call.Receive(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// With one slot left in each direction, calls of all shapes that do not stay open go
// on; with none, unary calls do, and a streaming call waits until another is over.
func TestCallsWithTheLastSlots(t *testing.T) {
	limits := muxio.Limits{MaxStreams: muxio.MinStreams}
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, Config{Handler: testRoutes(nil), Limits: limits}, Config{Limits: limits})
		open := make([]ClientCall, muxio.MinStreams-1)
		for i := range open {
			open[i] = openEcho(t, c)
		}
		for range 3 { // the request of a server stream ends before its response
			call, err := c.OpenCall(t.Context(), streamMethod, Message{Bytes: []byte("first")})
			if err != nil {
				t.Fatal(err)
			}
			if err := call.CloseSend(); err != nil {
				t.Error(err)
			}
			finish(t, first(t, call))
		}
		large := bytes.Repeat([]byte("x"), 1<<20)
		if got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: large}); err != nil || !bytes.Equal(got, large) {
			t.Errorf("a large call: %d bytes, %v", len(got), err)
		}

		open = append(open, openEcho(t, c))
		if got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: large[:1000]}); err != nil || len(got) != 1000 {
			t.Errorf("a small call: %d bytes, %v", len(got), err)
		}
		opened := make(chan ClientCall)
		go func() {
			call, err := c.OpenCall(t.Context(), streamMethod, Message{Bytes: []byte("first")})
			if err != nil {
				t.Error(err)
			}
			opened <- call
		}()
		synctest.Wait()
		select {
		case <-opened:
			t.Error("a call beyond the limit did not wait")
		default:
		}
		finish(t, open[7])
		finish(t, first(t, <-opened))
		ctx, cancel := context.WithCancel(t.Context())
		late := make(chan error)
		open[7] = openEcho(t, c)
		go func() {
			_, err := c.OpenCall(ctx, streamMethod, Message{})
			late <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-late; !errors.Is(err, Canceled) {
			t.Errorf("a call that waited for its turn: %v", err)
		}
		for _, call := range open {
			finish(t, call)
		}
		if err := c.Err(); err != nil {
			t.Error("the connection ended:", err)
		}
	})
}

// Calls whose requests have ended are no unfinished streams, and are bounded by
// MaxCalls: what is beyond is refused, and the connection goes on.
func TestEndedRequestsAreBoundedByMaxCalls(t *testing.T) {
	const calls = 2 * muxio.MinStreams
	synctest.Test(t, func(t *testing.T) {
		blocked := make(chan error, 2*calls+2)
		c, s := connect(t, Config{
			Handler: testRoutes(blocked), MaxCalls: calls, Limits: muxio.Limits{MaxStreams: muxio.MinStreams},
		}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		results := make(chan error, calls)
		call := func() error {
			_, err := c.Invoke(ctx, blockMethod, Message{Bytes: make([]byte, muxio.ChunkBytes+1)}) // of several frames
			return err
		}
		for range calls {
			go func() { results <- call() }()
			<-blocked
		}
		if err := call(); !errors.Is(err, ResourceExhausted) {
			t.Errorf("a call beyond MaxCalls: %v", err)
		}
		if c.Err() != nil || s.Err() != nil {
			t.Errorf("the connection ended: %v, %v", c.Err(), s.Err())
		}
		cancel()
		for range calls {
			if err := <-results; !errors.Is(err, Canceled) {
				t.Error(err)
			}
		}
	})
}
