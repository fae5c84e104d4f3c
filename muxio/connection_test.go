package muxio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func pingFrame(payload []byte) Frame {
	return Frame{Stream: connectionID, Kind: Ping, Payload: payload}
}

func goAwayFrame(reason CloseReason) Frame {
	return Frame{Stream: connectionID, Kind: GoAway, Payload: appendGoAway([]byte{}, reason)}
}

func TestPingMeasuresTheRoundTrip(t *testing.T) {
	const roundTrip = 80 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		ta, tb := newDelayedLink(roundTrip, gbps)
		a, b := newEnd(t, ta, Initiator, Limits{}, true), newEnd(t, tb, Responder, Limits{}, true)
		for _, from := range []*end{a, b} {
			rtt, err := from.Ping(t.Context())
			if err != nil || rtt < roundTrip || rtt > roundTrip+time.Millisecond {
				t.Errorf("measured %v, %v", rtt, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), roundTrip/2)
		defer cancel()
		if _, err := a.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping with half the time: %v", err)
		}
		if n := len(a.pings.waiting); n != 0 {
			t.Errorf("%d pings are still waited for", n)
		}
		result := make(chan error, 1)
		go func() {
			_, err := a.Ping(context.Background())
			result <- err
		}()
		synctest.Wait()
		_ = a.Close(CloseReason{Code: CloseNormal})
		if err := <-result; !errors.Is(err, ErrClosed) {
			t.Errorf("Ping on a session that ends: %v", err)
		}
		if _, err := a.Ping(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Ping on a session that has ended: %v", err)
		}
		_ = b.Close(CloseReason{Code: CloseNormal})
	})
}

// A peer that does not answer pings must not make this end remember them all.
func TestUnansweredPingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		b := newEnd(t, tb, Responder, Limits{}, false)
		go func() { _ = readFrames(ta, func(Frame) {}) }() // ends with the transport
		writeFrames(t, ta, settingsFrame())
		for i := range uint32(100) {
			writeFrames(t, ta, piece(1, i, make([]byte, InitialCredit/2)))
			<-time.After(2 * pingEvery)
		}
		b.pings.mu.Lock()
		defer b.pings.mu.Unlock()
		if n := len(b.pings.waiting); n > 1 {
			t.Errorf("%d pings are waited for", n)
		}
		_ = ta.Close(CloseReason{Code: CloseNormal})
	})
}

func TestPingsAreAnsweredUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		b := newEnd(t, tb, Responder, Limits{}, true)
		var pongs [][]byte
		closed := make(chan error, 1)
		go func() { // ends with the transport
			closed <- readFrames(ta, func(f Frame) {
				if f.Kind == Pong && f.Stream == connectionID && f.Seq == 0 {
					pongs = append(pongs, bytes.Clone(f.Payload))
				}
			})
		}()
		writeFrames(t, ta, settingsFrame())
		n := uint64(0)
		for range 3 {
			for range MaxPingsPerSecond {
				n++
				writeFrames(t, ta, pingFrame(binary.BigEndian.AppendUint64(nil, n)))
			}
			<-time.After(time.Second)
		}
		synctest.Wait()
		if err := b.Err(); err != nil || uint64(len(pongs)) != n {
			t.Fatalf("%d of %d pings were answered, %v", len(pongs), n, err)
		}
		for i, p := range pongs {
			if binary.BigEndian.Uint64(p) != uint64(i+1) {
				t.Fatalf("pong %d has the bytes %x", i, p)
			}
		}
		for range MaxPingsPerSecond + 1 {
			writeFrames(t, ta, pingFrame(make([]byte, pingBytes)))
		}
		wantCloseCode(t, <-closed, ClosePolicy)
	})
}

// wantCloseCode reports an end for another reason, or without a text.
func wantCloseCode(t *testing.T, err error, code CloseCode) {
	t.Helper()
	var closed *CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Text == "" {
		t.Errorf("closed with %v, want code %d and a reason", err, code)
	}
}

func TestPongsThatNobodyAskedForAreDropped(t *testing.T) {
	p := newRawPeer(t, Limits{})
	for i := range uint64(10 * MaxPingsPerSecond) {
		p.send(Frame{Stream: connectionID, Kind: Pong, Payload: binary.LittleEndian.AppendUint64(nil, i)})
	}
	p.send(Frame{Stream: 1, Kind: Open, Payload: []byte("x")})
	p.end.next(t)
	if err := p.end.Err(); err != nil {
		t.Error(err)
	}
}

func TestMalformedFramesOfTheConnection(t *testing.T) {
	text := strings.Repeat("x", MaxCloseText)
	for name, f := range map[string]Frame{
		"ping of 7 bytes":          pingFrame(make([]byte, 7)),
		"ping of 9 bytes":          pingFrame(make([]byte, 9)),
		"pong of 7 bytes":          {Stream: connectionID, Kind: Pong, Payload: make([]byte, 7)},
		"ping on a stream":         {Stream: 1, Kind: Ping, Payload: make([]byte, 8)},
		"pong on a stream":         {Stream: 1, Kind: Pong, Payload: make([]byte, 8)},
		"going away on a stream":   {Stream: 1, Kind: GoAway, Payload: make([]byte, 8)},
		"going away without code":  {Stream: connectionID, Kind: GoAway, Payload: []byte{1}},
		"going away with an essay": {Stream: connectionID, Kind: GoAway, Payload: []byte("co" + text + "x")},
		"credit of 3 bytes":        {Stream: connectionID, Kind: Credit, Payload: make([]byte, 3)},
		"credit of 5 bytes":        {Stream: connectionID, Kind: Credit, Payload: make([]byte, 5)},
		"data of the connection":   {Stream: connectionID, Seq: 1, Kind: Data, Payload: []byte("x")},
		"open of the connection":   {Stream: connectionID, Kind: Open, Payload: []byte("x")},
		"end of the connection":    {Stream: connectionID, Seq: 1, Kind: End},
		"cancel of the connection": {Stream: connectionID, Kind: Cancel},
		"cancel of 3 bytes":        {Stream: 1, Kind: Cancel, Payload: make([]byte, 3)},
		"cancel of 5 bytes":        {Stream: 1, Kind: Cancel, Payload: make([]byte, 5)},
		"data of no stream":        {Stream: connectionID &^ responderBit, Seq: 1, Kind: Data, Payload: []byte("x")},
		"numbered ping":            {Stream: connectionID, Seq: 1, Kind: Ping, Payload: make([]byte, 8)},
		"numbered pong":            {Stream: connectionID, Seq: 1, Kind: Pong, Payload: make([]byte, 8)},
		"numbered goodbye":         {Stream: connectionID, Seq: 1, Kind: GoAway, Payload: []byte("co")},
		"numbered credit":          {Stream: connectionID, Seq: 1, Kind: Credit, Payload: make([]byte, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newRawPeer(t, Limits{})
			p.send(f)
			p.wantClose(CloseProtocolError)
		})
	}
}

func TestGoAwayIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := Pipe()
		told := make(chan CloseReason, 10)
		b, err := NewSession(tb, Config{
			Role: Responder, Accept: func(*RecvStream) Receiver { panic("no stream comes") },
			GoingAway: func(r CloseReason) { told <- r },
		})
		if err != nil {
			t.Fatal(err)
		}
		a := newEnd(t, ta, Initiator, Limits{}, true)
		long := strings.Repeat("bye", MaxCloseText)
		if err := errors.Join(
			a.GoAway(CloseReason{Code: CloseGoingAway, Text: long}),
			a.GoAway(CloseReason{Code: CloseNormal, Text: "once more"}),
		); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Ping(t.Context()); err != nil {
			t.Error("the connection does not go on:", err)
		}
		if got := <-told; len(told) != 0 || got.Code != CloseGoingAway || got.Text != long[:MaxCloseText] {
			t.Errorf("told %+v and %d more", got, len(told))
		}
		if err := b.OpenStream(Normal).Send(t.Context(), Body{Bytes: []byte("answer"), End: true}); err != nil {
			t.Error("what is in flight does not go on:", err)
		}
		if c := <-a.accepted; <-c.ended != nil || string(c.bytes()) != "answer" {
			t.Errorf("%q arrived", c.bytes())
		}
		_ = b.Close(CloseReason{Code: CloseNormal})
		_ = a.Close(CloseReason{Code: CloseNormal})
	})
}

// streamOfBytes is a transport that ends without a goodbye.
type streamOfBytes struct{ Transport }

func (s streamOfBytes) ReadMessage() ([]byte, error) {
	b, err := s.Transport.ReadMessage()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

func TestLastGoAwayExplainsTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames []Frame
		want   error
	}{
		{"none", nil, io.ErrUnexpectedEOF},
		{"done", []Frame{goAwayFrame(CloseReason{Code: CloseNormal})}, io.EOF},
		{
			"tired",
			[]Frame{goAwayFrame(CloseReason{Code: CloseGoingAway, Text: "tired"})},
			&CloseError{CloseReason: CloseReason{Code: CloseGoingAway, Text: "tired"}, Remote: true},
		},
		{
			"the last one counts",
			[]Frame{goAwayFrame(CloseReason{Code: CloseGoingAway}), goAwayFrame(CloseReason{Code: ClosePolicy, Text: "too much"})},
			&CloseError{CloseReason: CloseReason{Code: ClosePolicy, Text: "too much"}, Remote: true},
		},
		{"by the function for transports", nil, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ta, tb := Pipe()
			b := newEnd(t, streamOfBytes{tb}, Responder, Limits{}, true)
			if _, err := ta.ReadMessage(); err != nil { // its settings: nothing is being written
				t.Fatal(err)
			}
			writeFrames(t, ta, append([]Frame{settingsFrame()}, tt.frames...)...)
			if errors.Is(tt.want, io.EOF) && tt.frames == nil {
				if err := ta.WriteMessage([][]byte{AppendGoodbye(nil, CloseReason{Code: CloseNormal})}); err != nil {
					t.Fatal(err)
				}
			}
			_ = ta.Close(CloseReason{Code: CloseNormal})
			await(t, b.Done())
			var want, got *CloseError
			if errors.As(tt.want, &want) {
				if !errors.As(b.Err(), &got) || *got != *want {
					t.Errorf("ended with %v, want %v", b.Err(), want)
				}
			} else if !errors.Is(b.Err(), tt.want) {
				t.Errorf("ended with %v, want %v", b.Err(), tt.want)
			}
		})
	}
}

func TestCancelCarriesItsCode(t *testing.T) {
	for _, code := range []uint32{0, 1, 4, 1 << 31, 1<<32 - 1} {
		for name, cancel := range map[string]func(a *end, w *SendStream){
			"open":          func(_ *end, w *SendStream) { w.Cancel(code) },
			"unless ended":  func(_ *end, w *SendStream) { w.CancelUnlessEnded(code) },
			"as message":    func(a *end, w *SendStream) { a.CancelMessage(w.ID(), code) },
			"the first one": func(_ *end, w *SendStream) { w.Cancel(code); w.Cancel(code + 1) },
		} {
			a, b := pair(t, Limits{})
			w := a.OpenStream(Normal)
			if err := w.Send(context.Background(), Body{Bytes: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			c := b.next(t)
			cancel(a, w)
			err := await(t, c.ended)
			var canceled *CanceledError
			if !errors.As(err, &canceled) || canceled.Code != code || !errors.Is(err, ErrCanceled) {
				t.Errorf("%s: the receiver saw %v, want code %d", name, err, code)
			}
		}
	}
}

func TestCancelUnlessEnded(t *testing.T) {
	a, b := pair(t, Limits{})
	w := a.OpenStream(Normal)
	if err := w.Send(context.Background(), Body{Bytes: []byte("x"), End: true}); err != nil {
		t.Fatal(err)
	}
	w.CancelUnlessEnded(1)
	c := b.next(t)
	if err := await(t, c.ended); err != nil {
		t.Error(err)
	}
	if _, err := a.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if len(c.ended) > 0 {
		t.Errorf("the receiver saw %v after the end", <-c.ended)
	}
}
