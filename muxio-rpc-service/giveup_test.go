package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
)

// A call that is given up while its request is being sent is cancelled once at the
// peer, which would take a second time for a violation.
func TestRequestIsCancelledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, finish := make(chan struct{}), make(chan struct{})
		c, s := connect(t, Config{Handler: routes{streamMethod: {Name: "stream", Stream: func(context.Context, []byte, ServerCall) error {
			close(started)
			<-finish // it keeps the stream although the caller has gone
			return nil
		}}}}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := c.Invoke(ctx, streamMethod, Message{Bytes: append(appendSize(nil, 1), make([]byte, 4<<20)...)})
			result <- err
		}()
		<-started
		cancel()
		if err := <-result; !errors.Is(err, Canceled) {
			t.Errorf("Invoke: %v", err)
		}
		synctest.Wait()
		if c.Err() != nil || s.Err() != nil {
			t.Errorf("the connection ended with %v and %v", c.Err(), s.Err())
		}
		close(finish)
	})
}

// inlineRoutes answers inline with size bytes.
func inlineRoutes(size int) routes {
	answer := make([]byte, size)
	return routes{echoMethod: {Name: "inline", Inline: true, Unary: func(context.Context, []byte, []byte) (Message, error) {
		return Message{More: [][]byte{answer}}, nil
	}}}
}

// Draining waits for answers that were given in the read loop and have not left.
func TestDrainWaitsForInlineAnswers(t *testing.T) {
	const calls, size = 20, 1 << 20
	synctest.Test(t, func(t *testing.T) {
		handler := inlineRoutes(size)
		answer, served := handler[echoMethod].Unary, make(chan struct{}, calls)
		handler[echoMethod] = Route{Inline: true, Unary: func(ctx context.Context, request, dst []byte) (Message, error) {
			served <- struct{}{}
			return answer(ctx, request, dst)
		}}
		c, s := connect(t, Config{Handler: handler}, Config{})
		results := make(chan error, calls)
		for range calls {
			go func() {
				got, err := c.Invoke(t.Context(), echoMethod, Message{})
				if err == nil && len(got) != size {
					err = errors.New("cut short")
				}
				results <- err
			}()
		}
		for range calls {
			<-served
		}
		if err := s.Drain(t.Context(), muxio.CloseReason{Code: muxio.CloseGoingAway}); err != nil {
			t.Error(err)
		}
		for range calls {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// Answers given in the read loop that the peer does not take are calls that run:
// the limit for those holds them.
func TestInlineAnswersAreBounded(t *testing.T) {
	const limit = 10
	synctest.Test(t, func(t *testing.T) {
		a, b := muxio.Pipe()
		refusals := 0
		s, err := NewConn(b, Config{Role: muxio.Responder, Handler: inlineRoutes(1 << 20), MaxCalls: limit})
		if err != nil {
			t.Fatal(err)
		}
		// A caller that reads, and grants nothing.
		c, err := muxio.NewSession(a, muxio.Config{
			Role:   muxio.Initiator,
			Accept: func(*muxio.RecvStream) muxio.Receiver { return deafReceiver{} },
			Message: func(_ uint32, p []byte) {
				if h, rest, ok := parseHeader(p); ok && errors.Is(failure(status(h.metadata[0]), rest), ResourceExhausted) {
					refusals++
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		const calls = 100
		for range calls {
			id := c.NextID()
			if err := c.SendMessageNow(id, muxio.Body{Bytes: appendCallHeader(nil, id, echoMethod, fields{})}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if refusals != calls-limit {
			t.Errorf("%d of %d calls were refused, limit is %d", refusals, calls, limit)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Drain(ctx, muxio.CloseReason{Code: muxio.CloseGoingAway}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain: %v", err)
		}
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		s.Wait()
	})
}

// deafReceiver takes bytes and grants nothing.
type deafReceiver struct{}

func (deafReceiver) Data([]byte)  {}
func (deafReceiver) End()         {}
func (deafReceiver) Cancel(error) {}

// Responses that the peer does not take keep further calls from being begun, and these
// are begun when it does.
func TestUnsentResponsesHoldCallsBack(t *testing.T) {
	const size, limit, calls = 1 << 20, 4 << 20, 100
	for _, inline := range []bool{false, true} {
		t.Run(fmt.Sprintf("inline=%t", inline), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun atomic.Int64
				handler := routes{echoMethod: {Inline: inline, Unary: func(context.Context, []byte, []byte) (Message, error) {
					begun.Add(1)
					return Message{More: [][]byte{make([]byte, size)}}, nil
				}}}
				a, b := muxio.Pipe()
				s, err := NewConn(b, Config{Role: muxio.Responder, Handler: handler, MaxUnsentBytes: limit})
				if err != nil {
					t.Fatal(err)
				}
				deaf := &lateReceiver{}
				c, err := muxio.NewSession(a, muxio.Config{Role: muxio.Initiator, Accept: deaf.accept})
				if err != nil {
					t.Fatal(err)
				}
				for range calls {
					id := c.NextID()
					if err := c.SendMessageNow(id, muxio.Body{Bytes: appendCallHeader(nil, id, echoMethod, fields{})}); err != nil {
						t.Fatal(err)
					}
					synctest.Wait() // or handlers run at once that do not know of each other's responses
				}
				if n := begun.Load(); n < limit/size || n > limit/size+2 {
					t.Errorf("%d calls were begun, want %d", n, limit/size)
				}
				deaf.hear()
				synctest.Wait()
				if n := begun.Load(); n != calls {
					t.Errorf("%d calls were begun of %d when room was granted", n, calls)
				}
				_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
				s.Wait()
			})
		})
	}
}

// lateReceiver takes bytes, and grants room from the time on that hear is called.
type lateReceiver struct {
	mu      sync.Mutex
	hears   bool
	streams []*lateStream
}

type lateStream struct {
	*muxio.RecvStream
	all   *lateReceiver
	taken int
}

func (l *lateReceiver) accept(s *muxio.RecvStream) muxio.Receiver {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = append(l.streams, &lateStream{RecvStream: s, all: l})
	return l.streams[len(l.streams)-1]
}

func (l *lateReceiver) hear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears = true
	for _, s := range l.streams {
		s.Grant(s.taken)
	}
}

func (s *lateStream) Data(p []byte) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if s.all.hears {
		s.Grant(len(p))
	} else {
		s.taken += len(p)
	}
}

func (s *lateStream) End()         { s.Release() }
func (s *lateStream) Cancel(error) { s.Release() }

// An error of a call that a handler made says nothing of the call that it answers:
// not that it was not begun.
func TestHandlersDoNotPassOnThatACallWasNotBegun(t *testing.T) {
	refused := &Error{Code: ResourceExhausted, Reason: ReasonNotStarted, Message: "elsewhere"}
	for name, route := range map[string]Route{
		"unary":  {Unary: func(context.Context, []byte, []byte) (Message, error) { return Message{}, refused }},
		"inline": {Inline: true, Unary: func(context.Context, []byte, []byte) (Message, error) { return Message{}, refused }},
		"stream": {Stream: func(context.Context, []byte, ServerCall) error { return refused }},
		"stream with items": {Stream: func(_ context.Context, _ []byte, call ServerCall) error {
			return errors.Join(call.Send(Message{}), refused)
		}},
	} {
		c, _ := connect(t, Config{Handler: routes{echoMethod: route}}, Config{})
		var err error
		if route.Unary != nil {
			_, err = c.Invoke(t.Context(), echoMethod, Message{})
		} else {
			var call ClientCall
			for call, err = c.OpenCall(t.Context(), echoMethod, Message{}); err == nil; {
				_, err = call.Receive()
			}
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != ResourceExhausted || e.Message != "elsewhere" || e.Retriable() {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if !refused.Retriable() {
		t.Error("the handler's error was changed")
	}
}

// A call whose deadline has passed gets its answer all the same, because the caller's
// clock may be slower. When the caller gives it up, it ends, also while its answer
// waits for credit.
func TestCallPastItsDeadlineCanBeGivenUp(t *testing.T) {
	large := Message{Bytes: make([]byte, 1<<20)}
	for name, route := range map[string]Route{
		"unary": {Unary: func(context.Context, []byte, []byte) (Message, error) { return large, nil }},
		"unary, late": {Unary: func(ctx context.Context, _, _ []byte) (Message, error) {
			<-ctx.Done()
			return large, nil
		}},
		"stream": {Stream: func(_ context.Context, _ []byte, call ServerCall) error { return call.Send(large) }},
		"stream, late": {Stream: func(ctx context.Context, _ []byte, call ServerCall) error {
			<-ctx.Done()
			return call.Send(large)
		}},
		"stream, error": {Stream: func(_ context.Context, _ []byte, call ServerCall) error {
			return errors.Join(call.Send(Message{Bytes: large.Bytes[:muxio.InitialCredit-50]}), call.Send(large), errors.New(string(large.Bytes)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := muxio.Pipe()
				s, err := NewConn(b, Config{Role: muxio.Responder, Handler: routes{echoMethod: route}})
				if err != nil {
					t.Fatal(err)
				}
				c, err := muxio.NewSession(a, muxio.Config{ // a caller that grants nothing
					Role: muxio.Initiator, Accept: func(*muxio.RecvStream) muxio.Receiver { return deafReceiver{} },
				})
				if err != nil {
					t.Fatal(err)
				}
				w := c.OpenStream(muxio.Normal)
				call := appendCallHeader(nil, w.ID(), echoMethod, fields{timeout: time.Second})
				if err := w.Send(t.Context(), muxio.Body{Prefix: call, Bytes: appendSize(nil, 0), End: true}); err != nil {
					t.Fatal(err)
				}
				<-time.After(2 * time.Second)
				w.Cancel(uint32(DeadlineExceeded))
				synctest.Wait()
				s.mu.Lock()
				if s.calls != 0 {
					t.Errorf("%d calls run", s.calls)
				}
				s.mu.Unlock()
				_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
				s.Wait()
			})
		})
	}
}

// A handler that runs inline may answer with its request, or with what it encoded into
// the memory that it was given, large or small, whole or in pieces: nothing that arrives
// meanwhile gets into the answer.
func TestInlineAnswers(t *testing.T) {
	for name, answer := range map[string]func(request, dst []byte) Message{
		"request": func(request, _ []byte) Message {
			half := len(request) / 2
			return Message{Bytes: request[:half], Lent: true, More: [][]byte{request[half:]}}
		},
		"encoded in front and behind": func(request, dst []byte) Message {
			third := min(len(request)/3, 1000)
			front := append(dst, request[:third]...)
			behind := append(front, request[len(request)-third:]...)[third:]
			return Message{Bytes: front, More: [][]byte{request[third : len(request)-third], behind}}
		},
	} {
		t.Run(name, func(t *testing.T) { inlineAnswers(t, answer) })
	}
}

// inlineAnswers makes calls whose answers must be their requests.
func inlineAnswers(t *testing.T, answer func(request, dst []byte) Message) {
	t.Helper()
	handler := routes{echoMethod: {Inline: true, Unary: func(_ context.Context, request, dst []byte) (Message, error) {
		return answer(request, dst), nil
	}}}
	a, b, _ := connectTCP(t)
	c, err := NewConn(a, Config{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewConn(b, Config{Role: muxio.Responder, Handler: handler})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		s.Wait()
	}()
	var calls sync.WaitGroup
	for i := range 16 {
		calls.Go(func() {
			for j := range 50 {
				want := bytes.Repeat([]byte{byte(i), byte(j), 1}, 10+(i*50+j)*25)
				got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: want})
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes come back as %d others, %v", len(want), len(got), err)
					return
				}
			}
		})
	}
	calls.Wait()
}
