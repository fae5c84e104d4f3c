package rpc

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// A handler that runs where calls are received may ask for a goroutine instead. It gets
// the same request there, and an answer like any other.
func TestNotInline(t *testing.T) {
	var inline, elsewhere atomic.Int64
	observed := make(chan error, 2)
	c, _ := connect(t, Config{
		Handler: routes{echoMethod: {Inline: true, Unary: func(ctx context.Context, request, dst []byte) (Message, error) {
			if IsInline(ctx) {
				inline.Add(1)
				return Message{}, ErrNotInline
			}
			elsewhere.Add(1)
			return Message{Bytes: append(dst, request...)}, nil
		}}},
		Observer: func(ctx context.Context, _ CallInfo) (context.Context, func(CallOutcome)) {
			return ctx, func(o CallOutcome) { observed <- o.Err }
		},
	}, Config{})
	request := []byte("taken along")
	got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: request})
	if err != nil || !bytes.Equal(got, request) {
		t.Errorf("%q, %v", got, err)
	}
	if inline.Load() != 1 || elsewhere.Load() != 1 {
		t.Errorf("it ran %d times inline, %d times elsewhere", inline.Load(), elsewhere.Load())
	}
	if first, second := <-observed, <-observed; !errors.Is(first, ErrNotInline) || second != nil {
		t.Errorf("observed: %v, then %v", first, second)
	}
}

// Many answers of a medium size, given at once in the read loop, end no connection.
func TestManyInlineAnswersAtOnce(t *testing.T) {
	const calls, size = 400, 14 << 10
	c, _ := connect(t, Config{Handler: inlineRoutes(size)}, Config{})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if got, err := c.Invoke(t.Context(), echoMethod, Message{}); err != nil || len(got) != size {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}
