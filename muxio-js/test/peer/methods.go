package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simd-drive/go/muxio"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// flood asks for many items of one size.
type flood struct {
	Name  string `json:"name"`
	Items int    `json:"items"`
	Bytes int    `json:"bytes"`
}

// meeting is what a handler knows of its call.
type meeting struct {
	Metadata    map[string][]string `json:"metadata"`
	RemainingMS int64               `json:"remainingMs"`
}

var (
	echo    = rpc.NewMethod("echo", rpc.Bytes, rpc.Bytes)
	fail    = rpc.NewMethod("fail", asJSON[string]{}, asJSON[string]{})
	crash   = rpc.NewMethod("crash", asJSON[any]{}, asJSON[any]{})
	slow    = rpc.NewMethod("slow", asJSON[string]{}, asJSON[string]{})
	release = rpc.NewMethod("release", asJSON[string]{}, asJSON[string]{})
	hang    = rpc.NewMethod("hang", asJSON[string]{}, asJSON[string]{})
	hung    = rpc.NewMethod("hung", asJSON[string]{}, asJSON[string]{})
	meet    = rpc.NewMethod("meet", asJSON[any]{}, asJSON[meeting]{})
	pinged  = rpc.NewMethod("pinged", asJSON[any]{}, asJSON[bool]{})
	away    = rpc.NewMethod("away", asJSON[string]{}, asJSON[string]{})
	kick    = rpc.NewMethod("kick", asJSON[string]{}, asJSON[string]{})
	sent    = rpc.NewMethod("sent", asJSON[string]{}, asJSON[int64]{})

	count  = rpc.NewServerStream("count", asJSON[int]{}, asJSON[int]{})
	floods = rpc.NewServerStream("flood", asJSON[flood]{}, rpc.Bytes)
	torn   = rpc.NewServerStream("torn", asJSON[int]{}, asJSON[int]{})
	sum    = rpc.NewClientStream("sum", asJSON[int]{}, asJSON[int]{}, asJSON[int]{})
	sink   = rpc.NewClientStream("sink", asJSON[string]{}, rpc.Bytes, asJSON[int]{})
	chat   = rpc.NewBothWays("chat", asJSON[string]{}, asJSON[string]{}, asJSON[string]{})
)

// state is what the handlers share.
type state struct {
	logger   *slog.Logger
	released waits    // slow calls that may return, and sinks that may read
	ended    waits    // why a call that hung ended
	counters counters // items of a flood that have left
}

// newMethods registers every method.
func newMethods(logger *slog.Logger) (*endpoint.Endpoint, error) {
	e := endpoint.New(endpoint.Options{Logger: logger})
	s := &state{logger: logger}
	return e, errors.Join(
		endpoint.Handle(e, echo, func(_ context.Context, b []byte) ([]byte, error) { return b, nil }),
		endpoint.Handle(e, fail, failTyped),
		endpoint.Handle(e, crash, func(context.Context, any) (any, error) { panic("crash was called") }),
		endpoint.Handle(e, slow, s.released.wait),
		endpoint.Handle(e, release, func(_ context.Context, name string) (string, error) {
			s.released.put(name, name)
			return name, nil
		}),
		endpoint.Handle(e, hang, s.hang),
		endpoint.Handle(e, hung, s.ended.wait),
		endpoint.Handle(e, meet, meetCaller),
		endpoint.Handle(e, pinged, pingCaller),
		endpoint.Handle(e, away, s.away),
		endpoint.Handle(e, kick, s.kick),
		endpoint.Handle(e, sent, func(_ context.Context, name string) (int64, error) { return s.counters.of(name).Load(), nil }),
		endpoint.HandleServerStream(e, count, countUp),
		endpoint.HandleServerStream(e, floods, s.flood),
		endpoint.HandleServerStream(e, torn, tearOff),
		endpoint.HandleClientStream(e, sum, sumUp),
		endpoint.HandleClientStream(e, sink, s.sink),
		endpoint.HandleBothWays(e, chat, answerLoudly),
		endpoint.Handle(e, callback, callBack),
	)
}

func failTyped(_ context.Context, message string) (string, error) {
	return "", &rpc.Error{
		Code: rpc.NotFound, Reason: "thing.missing", Message: message,
		Details: []rpc.Detail{{Type: "first", Value: []byte{1, 2, 3}}, {Type: "second"}},
	}
}

// hang returns when its caller gives up, and tells hung why.
func (s *state) hang(ctx context.Context, name string) (string, error) {
	<-ctx.Done()
	why := "canceled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = "deadline exceeded"
	}
	s.ended.put(name, why)
	return "", ctx.Err()
}

func meetCaller(ctx context.Context, _ any) (meeting, error) {
	m := meeting{Metadata: map[string][]string{}}
	for key, value := range rpc.MetadataFrom(ctx).All() {
		m.Metadata[key] = append(m.Metadata[key], string(value))
	}
	if deadline, ok := ctx.Deadline(); ok {
		m.RemainingMS = time.Until(deadline).Milliseconds()
	}
	var answer rpc.Metadata
	answer.Add("answer", []byte{7, 8})
	answer.Add("met-by", []byte("peer"))
	return m, rpc.SetResponseMetadata(ctx, answer)
}

// connOf returns the connection that a call came in on.
func connOf(ctx context.Context) (*rpc.Conn, error) {
	peer, _ := endpoint.Peer(ctx)
	conn, ok := peer.(*rpc.Conn)
	if !ok {
		return nil, errors.New("the call has no connection")
	}
	return conn, nil
}

func pingCaller(ctx context.Context, _ any) (bool, error) {
	conn, err := connOf(ctx)
	if err != nil {
		return false, err
	}
	rtt, err := conn.Ping(ctx)
	return rtt > 0, err
}

// away drains the connection: calls in flight are answered, then it is closed.
func (s *state) away(ctx context.Context, text string) (string, error) {
	conn, err := connOf(ctx)
	if err != nil {
		return "", err
	}
	// Ends with the connection; nobody waits but the program's end.
	go func() {
		if err := conn.Drain(context.Background(), muxio.CloseReason{Code: muxio.CloseGoingAway, Text: text}); err != nil {
			s.logger.Error("drain", "error", err)
		}
	}()
	return text, nil
}

// kick closes the connection without waiting for anything.
func (s *state) kick(ctx context.Context, text string) (string, error) {
	conn, err := connOf(ctx)
	if err != nil {
		return "", err
	}
	return "", conn.Close(muxio.CloseReason{Code: muxio.CloseInternal, Text: text})
}

func countUp(_ context.Context, n int, items *endpoint.Sender[int]) error {
	for i := range n {
		if err := items.Send(i); err != nil {
			return err
		}
	}
	return nil
}

// flood sends items and counts them as they leave.
func (s *state) flood(_ context.Context, f flood, items *endpoint.Sender[[]byte]) error {
	chunk := make([]byte, f.Bytes)
	for i := range f.Items {
		for k := range chunk {
			chunk[k] = byte(i)
		}
		if err := items.Send(chunk); err != nil {
			s.ended.put(f.Name, "canceled")
			return err
		}
		s.counters.of(f.Name).Add(1)
	}
	s.ended.put(f.Name, "complete")
	return nil
}

// tearOff fails after n items.
func tearOff(ctx context.Context, n int, items *endpoint.Sender[int]) error {
	if err := countUp(ctx, n, items); err != nil {
		return err
	}
	return rpc.Errorf(rpc.DataLoss, "torn after %d items", n)
}

func sumUp(_ context.Context, total int, items *endpoint.Receiver[int]) (int, error) {
	for item, err := range items.All() {
		if err != nil {
			return 0, err
		}
		total += item
	}
	return total, nil
}

// sink reads nothing until it is released, then everything, and returns how many
// bytes came.
func (s *state) sink(ctx context.Context, name string, items *endpoint.Receiver[[]byte]) (int, error) {
	if _, err := s.released.wait(ctx, name); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, endpoint.NewReader(items))
	return int(n), err
}

func answerLoudly(_ context.Context, name string, in *endpoint.Receiver[string], out *endpoint.Sender[string]) error {
	if err := out.Send("hello " + name); err != nil {
		return err
	}
	for line, err := range in.All() {
		if err != nil {
			return err
		}
		if line == "leave" {
			return rpc.Errorf(rpc.Aborted, "%s was told to leave", name)
		}
		if err := out.Send(strings.ToUpper(line)); err != nil {
			return err
		}
	}
	return out.Send("goodbye " + name)
}

// counters counts by name.
type counters struct {
	mu    sync.Mutex
	named map[string]*atomic.Int64
}

// of returns the counter of a name.
func (c *counters) of(name string) *atomic.Int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named == nil {
		c.named = make(map[string]*atomic.Int64)
	}
	n, ok := c.named[name]
	if !ok {
		n = new(atomic.Int64)
		c.named[name] = n
	}
	return n
}
