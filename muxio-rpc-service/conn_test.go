package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
)

// hangGuard bounds waits that only a defect makes long.
const hangGuard = 30 * time.Second

// routes is a Handler for tests.
type routes map[MethodID]Route

func (r routes) Route(id MethodID) (Route, bool) {
	route, ok := r[id]
	return route, ok
}

const (
	echoMethod   MethodID = 1
	blockMethod  MethodID = 2
	streamMethod MethodID = 3
	failMethod   MethodID = 4
)

// testRoutes answers: echo sends its request back, block waits for its context
// and tells blocked, stream sends each message back.
func testRoutes(blocked chan<- error) routes {
	return routes{
		echoMethod: {Name: "echo", Unary: func(_ context.Context, request, _ []byte) (Message, error) {
			return Message{Bytes: request}, nil
		}},
		blockMethod: {Name: "block", Unary: func(ctx context.Context, _, _ []byte) (Message, error) {
			blocked <- nil
			<-ctx.Done()
			blocked <- ctx.Err()
			return Message{}, ctx.Err()
		}},
		streamMethod: {Name: "stream", Stream: func(_ context.Context, request []byte, call ServerCall) error {
			err := call.Send(Message{Bytes: request})
			for err == nil {
				var m []byte
				if m, err = call.Receive(); err == nil {
					err = call.Send(Message{Bytes: m})
				}
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}},
		failMethod: {Name: "fail", Unary: func(context.Context, []byte, []byte) (Message, error) {
			return Message{}, &Error{Code: NotFound, Reason: "test.reason", Message: "not here"}
		}},
	}
}

func connect(t testing.TB, server, client Config) (c, s *Conn) {
	t.Helper()
	a, b := muxio.Pipe()
	client.Role, server.Role = muxio.Initiator, muxio.Responder
	c, err := NewConn(a, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err = NewConn(b, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		c.Wait()
		s.Wait()
	})
	return c, s
}

func TestInvokeEchoes(t *testing.T) {
	c, _ := connect(t, Config{Handler: testRoutes(nil)}, Config{})
	for _, n := range []int{0, 1, 100, muxio.ChunkBytes - headerBytes, muxio.ChunkBytes, 5 << 20} {
		body := bytes.Repeat([]byte("ab"), n/2+1)[:n]
		got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: body[:n/2], More: [][]byte{body[n/2:]}})
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
	if n := c.buffered.Load(); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

func TestInvokeFailures(t *testing.T) {
	c, _ := connect(t, Config{Handler: testRoutes(nil), MaxMessageBytes: 1000}, Config{})
	var e *Error
	if _, err := c.Invoke(t.Context(), failMethod, Message{}); !errors.As(err, &e) || !reflect.DeepEqual(e, &Error{Code: NotFound, Reason: "test.reason", Message: "not here"}) {
		t.Errorf("failing method: %v", err)
	}
	if _, err := c.Invoke(t.Context(), 99, Message{}); !errors.Is(err, Unimplemented) {
		t.Errorf("unknown method: %v", err)
	}
	if _, err := c.OpenCall(t.Context(), 99, Message{}); err != nil {
		t.Errorf("opening a call of an unknown method: %v", err)
	}
	if _, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: make([]byte, 1001)}); !errors.Is(err, ResourceExhausted) {
		t.Errorf("one byte over the limit: %v", err)
	}
	if _, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: make([]byte, 1000)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: make([]byte, 8<<20)}); !errors.Is(err, ResourceExhausted) {
		t.Errorf("far over the limit: %v", err)
	}
}

func TestCancelReachesTheHandler(t *testing.T) {
	blocked := make(chan error, 1)
	c, _ := connect(t, Config{Handler: testRoutes(blocked)}, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := c.Invoke(ctx, blockMethod, Message{})
		result <- err
	}()
	<-blocked
	cancel()
	if err := <-result; !errors.Is(err, Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller saw %v", err)
	}
	if err := <-blocked; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler saw %v", err)
	}
}

func TestCallsBeyondTheLimitAreRefused(t *testing.T) {
	blocked := make(chan error, 4)
	c, _ := connect(t, Config{Handler: testRoutes(blocked), MaxCalls: 1}, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _, _ = c.Invoke(ctx, blockMethod, Message{}) })
	<-blocked
	if _, err := c.Invoke(ctx, echoMethod, Message{}); !errors.Is(err, ResourceExhausted) {
		t.Errorf("second call: %v", err)
	}
	call, err := c.OpenCall(ctx, streamMethod, Message{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call.Receive(); !errors.Is(err, ResourceExhausted) {
		t.Errorf("second call, streaming: %v", err)
	}
	cancel()
	running.Wait()
}

func TestStreamEchoes(t *testing.T) {
	c, s := connect(t, Config{Handler: testRoutes(nil)}, Config{})
	call, err := c.OpenCall(t.Context(), streamMethod, Message{Bytes: []byte("first")})
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{0, 1, 1000, muxio.ChunkBytes, muxio.InitialCredit + 1, 3 << 20}
	go func() {
		for _, n := range sizes {
			if err := call.Send(Message{Bytes: bytes.Repeat([]byte{7}, n)}); err != nil {
				t.Error(err)
			}
		}
		if err := call.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	for i, n := range append([]int{5}, sizes...) {
		m, err := call.Receive()
		if err != nil || len(m) != n {
			t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
		}
	}
	for range 2 {
		if _, err := call.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last message: %v", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(c.pending) != 0 {
		t.Errorf("%d calls stay pending", len(c.pending))
	}
}

func TestMessagesNobodyAskedForAreIgnored(t *testing.T) {
	a, b := muxio.Pipe()
	s, err := NewConn(b, Config{Role: muxio.Responder, Handler: testRoutes(nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Wait()
	defer s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	message := muxio.Layout13.Append(nil, muxio.Frame{Stream: 1<<32 - 1, Kind: muxio.Settings})
	for i, typ := range []messageType{responseMessage, 2, 3, 255} {
		h := appendHeader(nil, header{typ: typ, request: 1, method: echoMethod, metadata: []byte{0}})
		message = muxio.Layout13.Append(message, muxio.Frame{Stream: uint32(i), Kind: muxio.Open, Payload: h})
		message = muxio.Layout13.Append(message, muxio.Frame{Stream: uint32(i), Seq: 1, Kind: muxio.End})
	}
	h := appendHeader(nil, header{typ: callMessage, request: 77, method: echoMethod})
	message = muxio.Layout13.Append(message, muxio.Frame{Stream: 50, Kind: muxio.Open, Payload: h})
	message = muxio.Layout13.Append(message, muxio.Frame{Stream: 50, Seq: 1, Kind: muxio.End})
	if err := a.WriteMessage([][]byte{message}); err != nil {
		t.Fatal(err)
	}
	answer, err := a.ReadMessage() // the first answer must be the call's
	if err != nil {
		t.Fatal(err)
	}
	f, rest, ok, err := muxio.Layout13.Parse(answer, muxio.DefaultMaxFrameBytes)
	if f.Kind == muxio.Settings {
		if len(rest) == 0 {
			if rest, err = a.ReadMessage(); err != nil {
				t.Fatal(err)
			}
		}
		f, _, ok, err = muxio.Layout13.Parse(rest, muxio.DefaultMaxFrameBytes)
	}
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	got, _, _ := parseHeader(f.Payload)
	if got.typ != responseMessage || got.request != 77 {
		t.Errorf("answered with %+v", got)
	}
}

func TestDrainAnswersWhatIsInFlight(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := routes{echoMethod: {Name: "slow", Unary: func(context.Context, []byte, []byte) (Message, error) {
		close(entered)
		<-leave
		return Message{Bytes: []byte("done")}, nil
	}}}
	c, s := connect(t, Config{Handler: slow}, Config{})
	result := make(chan string, 1)
	go func() {
		got, err := c.Invoke(t.Context(), echoMethod, Message{})
		result <- string(got) + errorText(err)
	}()
	<-entered
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(context.Background(), muxio.CloseReason{Code: muxio.CloseGoingAway}) }()
	for { // until the drain has begun
		if _, err := c.Invoke(t.Context(), 99, Message{}); err != nil && errors.Is(err, Unimplemented) {
			s.mu.Lock()
			draining := s.draining
			s.mu.Unlock()
			if draining {
				break
			}
		}
	}
	if _, err := c.Invoke(t.Context(), echoMethod, Message{}); !errors.Is(err, Unavailable) {
		t.Errorf("call during the drain: %v", err)
	}
	close(leave)
	if got := <-result; got != "done" {
		t.Errorf("call in flight: %s", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPendingCallsFailWithTheConnection(t *testing.T) {
	blocked := make(chan error, 2000)
	c, s := connect(t, Config{Handler: testRoutes(blocked)}, Config{})
	const calls = 500
	results := make(chan error, calls)
	for range calls {
		go func() {
			_, err := c.Invoke(t.Context(), blockMethod, Message{})
			results <- err
		}()
	}
	for range calls {
		<-blocked
	}
	_ = s.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "gone"})
	for range calls {
		select {
		case err := <-results:
			if !errors.Is(err, Unavailable) {
				t.Fatal(err)
			}
		case <-time.After(hangGuard):
			t.Fatal("a pending call hangs")
		}
	}
	if _, err := c.Invoke(t.Context(), echoMethod, Message{}); !errors.Is(err, Unavailable) {
		t.Errorf("call afterwards: %v", err)
	}
}

func BenchmarkInvoke(b *testing.B) {
	c, _ := connect(b, Config{Handler: testRoutes(nil)}, Config{})
	request := Message{Bytes: make([]byte, 32)}
	b.ReportAllocs()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Invoke(context.Background(), echoMethod, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
