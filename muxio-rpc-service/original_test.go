package rpc

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
)

var originalLayouts = map[string]muxio.Layout{"13": muxio.LayoutOriginal13, "21": muxio.LayoutOriginal21}

// TestOriginalCalls tries calls between two ends that speak the original protocol.
func TestOriginalCalls(t *testing.T) {
	for name, layout := range originalLayouts {
		t.Run(name, func(t *testing.T) {
			c, s := connect(t, Config{Handler: testRoutes(nil), Layout: muxio.LayoutOriginal}, Config{Layout: layout})
			if !c.IsOriginal() || !s.IsOriginal() {
				t.Error("the ends do not know what they speak")
			}
			for _, n := range []int{0, 1, 4096, 65_520, 65_521, 65_535, 65_536, 70_000, 3 << 20} {
				want := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
				got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: want[:n/3], More: [][]byte{want[n/3:]}})
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes came back as %d, %v", n, len(got), err)
				}
			}
			var calls sync.WaitGroup
			for i := range 300 {
				calls.Go(func() {
					want := bytes.Repeat([]byte{byte(i)}, i*i%70_000)
					if got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: want}); err != nil || !bytes.Equal(got, want) {
						t.Errorf("call %d: %d bytes of %d, %v", i, len(got), len(want), err)
					}
				})
			}
			calls.Wait()
			var e *Error
			if _, err := c.Invoke(t.Context(), failMethod, Message{}); !errors.As(err, &e) || e.Message != "not here" || e.Reason != "" {
				t.Errorf("a failure came as %v", err)
			}
			if _, err := c.Invoke(t.Context(), 99, Message{}); !errors.Is(err, Unimplemented) {
				t.Errorf("a method that is not there: %v", err)
			}
			if _, err := c.Invoke(t.Context(), streamMethod, Message{}); !errors.As(err, &e) || e.Message != errNoStreams.Message {
				t.Errorf("a streaming method: %v", err)
			}
			if _, err := c.OpenCall(t.Context(), streamMethod, Message{}); !errors.Is(err, Unimplemented) {
				t.Errorf("a streaming call: %v", err)
			}
			if _, err := c.Ping(t.Context()); !errors.Is(err, Unimplemented) {
				t.Errorf("a ping: %v", err)
			}
		})
	}
}

// rawPeer is the end of a connection whose other end is under test.
type rawPeer struct {
	t *testing.T
	muxio.Transport
	layout muxio.Layout
}

// original starts an end of the original protocol and returns its peer.
func original(t *testing.T, layout muxio.Layout, cfg Config) rawPeer {
	t.Helper()
	a, b := muxio.Pipe()
	cfg.Layout, cfg.Role = muxio.LayoutOriginal, muxio.Responder
	s, err := NewConn(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		s.Wait()
	})
	return rawPeer{t, a, layout}
}

// send sends frames, a message each.
func (p rawPeer) send(frames ...muxio.Frame) {
	p.t.Helper()
	for _, f := range frames {
		if err := p.WriteMessage([][]byte{p.layout.Append(nil, f)}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// message returns the frames of a message, each of at most n bytes, and its end.
func message(stream uint32, body []byte, n int) []muxio.Frame {
	var frames []muxio.Frame
	for p := range slices.Chunk(body, n) {
		frames = append(frames, muxio.Frame{Stream: stream, Seq: uint32(len(frames)), Kind: min(muxio.Kind(len(frames)), muxio.Data), Payload: p})
	}
	return append(frames, muxio.Frame{Stream: stream, Seq: uint32(len(frames)), Kind: muxio.End})
}

// answers reads n responses, in the order of their ends.
func (p rawPeer) answers(n int) []rawAnswer {
	p.t.Helper()
	bodies := map[uint32][]byte{}
	var all []rawAnswer
	for len(all) < n {
		b, err := p.ReadMessage()
		if err != nil {
			p.t.Fatalf("after %d of %d answers: %v", len(all), n, err)
		}
		for len(b) > 0 {
			f, rest, ok, err := p.layout.Parse(b, muxio.DefaultMaxFrameBytes)
			if err != nil || !ok {
				p.t.Fatalf("not a frame: %x, %v", b, err)
			}
			b = rest
			bodies[f.Stream] = append(bodies[f.Stream], f.Payload...)
			if f.Kind != muxio.End {
				continue
			}
			h, payload, ok := parseHeader(bodies[f.Stream])
			if !ok || h.typ != responseMessage || len(h.metadata) != 1 {
				p.t.Fatalf("not a response: %x", bodies[f.Stream])
			}
			all = append(all, rawAnswer{h.request, h.metadata[0], string(payload)})
			delete(bodies, f.Stream)
		}
	}
	return all
}

type rawAnswer struct {
	request uint32
	status  byte
	payload string
}

func call(request uint32, method MethodID, params string) []byte {
	return appendHeader(nil, header{typ: callMessage, request: request, method: method, metadata: []byte(params)})
}

// TestOriginalBytes holds every byte of a call and its answer.
func TestOriginalBytes(t *testing.T) {
	for name, want := range map[string]struct{ call, answer string }{
		"13": {
			"12000000 1b000000 00000000 00 00 1a000000 0100000000000000 0300 616263" + "00000000 1b000000 01000000 02",
			"13000000 00000080 00000000 00 01 1a000000 0100000000000000 0100 00 616263" + "00000000 00000080 01000000 02",
		},
		"21": {
			"12000000 1d000000 00000000 00 4255df04e5600600 00 1c000000 0100000000000000 0300 616263" + "00000000 1d000000 01000000 02 8a55df04e5600600",
			"13000000 00000080 00000000 00 0000000000000000 01 1c000000 0100000000000000 0100 00 616263" + "00000000 00000080 01000000 02 0000000000000000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := original(t, originalLayouts[name], Config{Handler: testRoutes(nil)})
			if err := p.WriteMessage([][]byte{unhex(t, want.call)}); err != nil {
				t.Fatal(err)
			}
			// Both frames of the answer are in one message.
			if got, err := p.ReadMessage(); err != nil || !bytes.Equal(got, unhex(t, want.answer)) {
				t.Errorf("answered %x, %v\nwant     %x", got, err, unhex(t, want.answer))
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOriginalRequests(t *testing.T) {
	long := strings.Repeat("p", 65_535)
	for name, layout := range originalLayouts {
		for _, tt := range []struct {
			name   string
			frames []muxio.Frame
			want   rawAnswer
		}{
			{"in the metadata", message(5, call(9, echoMethod, "params"), 1<<16), rawAnswer{9, 0, "params"}},
			{"in the payload", message(5, append(call(9, echoMethod, ""), "payload"...), 1<<16), rawAnswer{9, 0, "payload"}},
			{"in both", message(5, append(call(9, echoMethod, "params"), "payload"...), 1<<16), rawAnswer{9, 0, "payload"}},
			{"in neither", message(5, call(9, echoMethod, ""), 1<<16), rawAnswer{9, 0, ""}},
			{"in metadata over two frames", message(5, call(9, echoMethod, long), 1<<16), rawAnswer{9, 0, long}},
			{"in single bytes", message(5, append(call(9, echoMethod, "params"), "payload"...), 1), rawAnswer{9, 0, "payload"}},
			{"failure", message(5, call(9, failMethod, ""), 1<<16), rawAnswer{9, 2, "not here"}},
			{"no method", message(5, call(9, 77, "x"), 1<<16), rawAnswer{9, 3, ""}},
			{"response and event are no calls", append(
				append(message(5, append([]byte{1}, call(9, echoMethod, "x")[1:]...), 1<<16), message(6, append([]byte{2}, call(9, echoMethod, "x")[1:]...), 1<<16)...),
				message(7, call(10, echoMethod, "y"), 1<<16)...), rawAnswer{10, 0, "y"}},
			{"of unknown type", append(
				message(5, append([]byte{200}, call(9, echoMethod, "x")[1:]...), 1<<16), message(7, call(10, echoMethod, "y"), 1<<16)...), rawAnswer{10, 0, "y"}},
			{"out of order", func() []muxio.Frame {
				f := message(5, append(call(9, echoMethod, ""), "payload"...), 6)
				slices.Reverse(f[1:])
				return f
			}(), rawAnswer{9, 0, "payload"}},
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				p := original(t, layout, Config{Handler: testRoutes(nil)})
				p.send(tt.frames...)
				if got := p.answers(1)[0]; got != tt.want {
					t.Errorf("got %d bytes of %+.40v\nwant %d bytes of %+.40v", len(got.payload), got, len(tt.want.payload), tt.want)
				}
			})
		}
	}
}

// TestOriginalIDsAreFreeAgain holds that a stream id may be used again when its stream
// has ended, although the call is still running, and that a request id may come twice.
func TestOriginalIDsAreFreeAgain(t *testing.T) {
	leave := make(chan struct{})
	var entered sync.WaitGroup
	entered.Add(3)
	slow := routes{echoMethod: {Unary: func(_ context.Context, request, _ []byte) (Message, error) {
		entered.Done()
		<-leave
		return Message{Bytes: request}, nil
	}}}
	p := original(t, muxio.LayoutOriginal13, Config{Handler: slow})
	for _, params := range []string{"a", "b", "c"} {
		p.send(message(0, call(4, echoMethod, params), 1<<16)...)
	}
	entered.Wait()
	close(leave)
	var got []string
	for _, a := range p.answers(3) {
		got = append(got, a.payload)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("answered %q", got)
	}
}

// TestOriginalCallsWaitForRoom holds that no call of an original peer is refused for its
// number.
func TestOriginalCallsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, calls = 3, 10
		var running atomic.Int64
		var tooMany atomic.Bool
		leave := make(chan struct{})
		slow := routes{echoMethod: {Unary: func(_ context.Context, request, _ []byte) (Message, error) {
			if running.Add(1) > limit {
				tooMany.Store(true)
			}
			defer running.Add(-1)
			<-leave
			return Message{Bytes: request}, nil
		}}}
		p := original(t, muxio.LayoutOriginal13, Config{Handler: slow, MaxCalls: limit})
		for i := range uint32(calls / 2) {
			p.send(message(i, call(i, echoMethod, "x"), 1<<16)...)
		}
		synctest.Wait()
		if n := running.Load(); n != limit {
			t.Errorf("%d calls are running, want %d", n, limit)
		}
		close(leave)
		for i := uint32(calls / 2); i < calls; i++ {
			p.send(message(i, call(i, echoMethod, "x"), 1<<16)...)
		}
		for _, a := range p.answers(calls) {
			if a.status != 0 {
				t.Errorf("call %d failed: %s", a.request, a.payload)
			}
		}
		if tooMany.Load() {
			t.Errorf("more than %d calls were running at a time", limit)
		}
	})
}

// TestOriginalRoomEnds holds that calls do not wait for room for ever: a connection whose
// handlers wait for its end must be able to end.
func TestOriginalRoomEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocked := make(chan error, 10)
		p := original(t, muxio.LayoutOriginal13, Config{Handler: testRoutes(blocked), MaxCalls: 1})
		for i := range uint32(4) {
			p.send(message(i, call(i, blockMethod, ""), 1<<16)...)
		}
		begin := time.Now()
		for _, a := range p.answers(3) {
			if a.status != 2 || !strings.Contains(a.payload, "MaxCalls") {
				t.Errorf("answered %+v", a)
			}
		}
		if took := time.Since(begin); took != OriginalCallWait {
			t.Errorf("refused after %v, all of them", took)
		}
		_ = p.Close(muxio.CloseReason{Code: muxio.CloseNormal}) // Cleanup waits for the end
	})
}

// TestOrderedCalls holds that calls of an ordered method run one after the other in their
// order, whatever a handler does.
func TestOrderedCalls(t *testing.T) {
	for _, end := range []string{"returns", "ends its goroutine"} {
		t.Run("a handler "+end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 50
				var mu sync.Mutex
				var order []string
				running := 0
				handler := routes{
					echoMethod: {Ordered: true, Unary: func(_ context.Context, request, _ []byte) (Message, error) {
						mu.Lock()
						running++
						order = append(order, string(request))
						if running > 1 {
							t.Error("two run at a time")
						}
						mu.Unlock()
						runtime.Gosched()
						mu.Lock()
						running--
						mu.Unlock()
						if end != "returns" && len(order)%7 == 0 {
							runtime.Goexit()
						}
						return Message{Bytes: request}, nil
					}},
					blockMethod: testRoutes(make(chan error, 2))[blockMethod], // holds nobody up
				}
				p := original(t, muxio.LayoutOriginal13, Config{Handler: handler})
				p.send(message(1000, call(1000, blockMethod, ""), 1<<16)...)
				var want []string
				for i := range uint32(calls) {
					want = append(want, strconv.Itoa(int(i)))
					p.send(message(i, call(i, echoMethod, want[i]), 1<<16)...)
					if i%10 == 0 {
						synctest.Wait()
					}
				}
				p.answers(calls)
				if !slices.Equal(order, want) {
					t.Errorf("run in the order %q", order)
				}
			})
		})
	}
}

// TestOriginalResponses tries what a server of the original protocol may answer.
func TestOriginalResponses(t *testing.T) {
	a, b := muxio.Pipe()
	c, err := NewConn(a, Config{Role: muxio.Initiator, Layout: muxio.LayoutOriginal13})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	p := rawPeer{t, b, muxio.LayoutOriginal13}
	for _, tt := range []struct {
		metadata, payload string
		want              string
		err               error
	}{
		{"", "value", "value", nil},
		{"\x00", "value", "value", nil},
		{"\x00", "", "", nil},
		{"\x09", "value", "value", nil},
		{"\x01", "\x01\x04boom", "boom", Unknown},
		{"\x01", "plain text", "plain text", Unknown},
		{"\x02", "text", "text", Internal},
		{"\x02", "bad \xff text", "bad \uFFFD text", Internal},
		{"\x03", "", "the peer does not answer this method", Unimplemented},
		{"\x03", "no such thing", "no such thing", Unimplemented},
	} {
		answered := make(chan error, 1)
		go func() {
			got, err := c.Invoke(t.Context(), echoMethod, Message{Bytes: []byte("x")})
			var e *Error
			if errors.As(err, &e) {
				got = []byte(e.Message)
			}
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				err = fmt.Errorf("status %x with %q: %q, %w", tt.metadata, tt.payload, got, err)
			} else {
				err = nil
			}
			answered <- err
		}()
		b, err := p.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		f, _, _, _ := p.layout.Parse(b, 1<<16)
		h, _, _ := parseHeader(f.Payload)
		if h.request != f.Stream || string(h.metadata) != "x" {
			t.Fatalf("the call is %x", b)
		}
		answer := appendHeader(nil, header{typ: responseMessage, request: h.request, metadata: []byte(tt.metadata)})
		p.send(message(h.request+100, append(answer, tt.payload...), 1<<16)...)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestOriginalPeersAreNotCancelled holds that nothing follows the end of a request that is
// given up: an original server would keep it for ever.
func TestOriginalPeersAreNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := muxio.Pipe()
		c, err := NewConn(a, Config{Role: muxio.Initiator, Layout: muxio.LayoutOriginal13})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := c.Invoke(ctx, echoMethod, Message{}); !errors.Is(err, Canceled) {
			t.Error(err)
		}
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		c.Wait()
		var kinds []muxio.Kind
		for {
			m, err := b.ReadMessage()
			if err != nil {
				break
			}
			for len(m) > 0 {
				f, rest, ok, err := muxio.LayoutOriginal13.Parse(m, 1<<16)
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				kinds, m = append(kinds, f.Kind), rest
			}
		}
		if !slices.Equal(kinds, []muxio.Kind{muxio.Open, muxio.End}) {
			t.Errorf("sent frames of the kinds %d", kinds)
		}
	})
}
