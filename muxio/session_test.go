package muxio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// hangGuard bounds waits that only a defect makes long.
const hangGuard = 30 * time.Second

// collector keeps what arrives on one stream.
type collector struct {
	stream *RecvStream
	hold   bool // does not grant room

	mu    sync.Mutex
	data  []byte
	ended chan error // nil for End, the cause for Cancel
}

func (c *collector) Data(p []byte) {
	c.mu.Lock()
	c.data = append(c.data, p...)
	c.mu.Unlock()
	if !c.hold {
		c.stream.Grant(len(p))
	}
}
func (c *collector) End()               { c.ended <- nil }
func (c *collector) Cancel(cause error) { c.ended <- cause }

func (c *collector) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.data)
}

// end is one session under test with the streams that it accepted.
type end struct {
	*Session
	accepted chan *collector
}

func newEnd(t *testing.T, transport Transport, role Role, limits Limits, hold bool) *end {
	t.Helper()
	return newEndWith(t, transport, Config{Role: role, Limits: limits}, hold)
}

func newEndWith(t *testing.T, transport Transport, cfg Config, hold bool) *end {
	t.Helper()
	e := &end{accepted: make(chan *collector, 10000)}
	cfg.Accept = func(r *RecvStream) Receiver {
		c := &collector{stream: r, hold: hold, ended: make(chan error, 4)}
		e.accepted <- c
		return c
	}
	s, err := NewSession(transport, cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.Session = s
	t.Cleanup(func() { _ = s.Close(CloseReason{Code: CloseNormal}) })
	return e
}

// next returns the next stream that was accepted.
func (e *end) next(t *testing.T) *collector {
	t.Helper()
	return await(t, e.accepted)
}

func await[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(hangGuard):
		t.Fatal("timed out")
		panic("unreachable")
	}
}

func pair(t *testing.T, limits Limits) (a, b *end) {
	t.Helper()
	ta, tb := Pipe()
	return newEnd(t, ta, Initiator, limits, false), newEnd(t, tb, Responder, limits, false)
}

func TestStreamsCarryBodiesOfEverySize(t *testing.T) {
	a, b := pair(t, Limits{})
	for _, from := range []struct{ send, receive *end }{{a, b}, {b, a}} {
		for _, n := range []int{0, 1, 13, ChunkBytes - 1, ChunkBytes, ChunkBytes + 1, InitialCredit, InitialCredit + 1, 3 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef~"), n/17+1)[:n]
			cut := n / 3
			w := from.send.OpenStream(Normal)
			err := w.Send(context.Background(), Body{Prefix: body[:cut], More: [][]byte{nil, body[cut : 2*cut], body[2*cut:]}, End: true})
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			c := from.receive.next(t)
			if err := await(t, c.ended); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			if !bytes.Equal(c.bytes(), body) {
				t.Errorf("%d bytes: %d arrived", n, len(c.bytes()))
			}
			c.stream.Release()
		}
	}
}

// More streams than the receiver accepts wait for each other.
func TestManyStreamsAtATime(t *testing.T) {
	a, b := pair(t, Limits{MaxStreams: MinStreams})
	const streams = 4 * MinStreams
	body := bytes.Repeat([]byte("x"), 100_000)
	var senders sync.WaitGroup
	for range streams {
		senders.Go(func() {
			if err := a.OpenStream(Normal).Send(context.Background(), Body{Bytes: body, End: true}); err != nil {
				t.Error(err)
			}
		})
	}
	for range streams {
		c := b.next(t)
		if err := await(t, c.ended); err != nil {
			t.Fatal(err)
		}
		if len(c.bytes()) != len(body) {
			t.Errorf("%d of %d bytes", len(c.bytes()), len(body))
		}
		c.stream.Release()
	}
	senders.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.receivers) != 0 || len(a.out.senders) != 0 || a.out.slots.taken != 0 {
		t.Errorf("%d receivers, %d senders and %d slots remain", len(b.receivers), len(a.out.senders), a.out.slots.taken)
	}
}

func TestReaderThatGrantsNothingStopsItsSenderOnly(t *testing.T) {
	ta, tb := Pipe()
	a, b := newEnd(t, ta, Initiator, Limits{}, false), newEnd(t, tb, Responder, Limits{}, true)
	ctx, cancel := context.WithCancel(context.Background())
	blocked := a.OpenStream(Normal)
	result := make(chan error, 1)
	go func() { result <- blocked.Send(ctx, Body{Bytes: make([]byte, 4<<20), End: true}) }()
	slow := b.next(t)

	if err := a.OpenStream(Normal).Send(ctx, Body{Bytes: []byte("small"), End: true}); err != nil {
		t.Fatal(err)
	}
	if err := await(t, b.next(t).ended); err != nil {
		t.Fatal("a small stream behind a blocked one:", err)
	}
	cancel()
	if err := await(t, result); !errors.Is(err, context.Canceled) {
		t.Errorf("blocked Send returned %v", err)
	}
	if n := len(slow.bytes()); n > InitialCredit {
		t.Errorf("%d bytes arrived without a grant", n)
	}
	blocked.Cancel(0)
	if err := await(t, slow.ended); !errors.Is(err, ErrCanceled) {
		t.Errorf("receiver saw %v", err)
	}
}

func TestCancelAfterEndReachesAHeldStream(t *testing.T) {
	a, b := pair(t, Limits{})
	w := a.OpenStream(Normal)
	if err := w.Send(context.Background(), Body{Bytes: []byte("work"), End: true}); err != nil {
		t.Fatal(err)
	}
	c := b.next(t)
	if err := await(t, c.ended); err != nil {
		t.Fatal(err)
	}
	w.Cancel(0)
	if err := await(t, c.ended); !errors.Is(err, ErrCanceled) {
		t.Errorf("receiver saw %v", err)
	}
	if err := w.Send(context.Background(), Body{Bytes: []byte("more")}); err == nil {
		t.Error("Send after Cancel succeeded")
	}
}

func TestStopReleasesABlockedSender(t *testing.T) {
	ta, tb := Pipe()
	a, b := newEnd(t, ta, Initiator, Limits{}, false), newEnd(t, tb, Responder, Limits{}, true)
	w := a.OpenStream(Normal)
	result := make(chan error, 1)
	go func() { result <- w.Send(context.Background(), Body{Bytes: make([]byte, 1<<20), End: true}) }()
	b.next(t)
	w.Stop()
	if err := await(t, result); !errors.Is(err, ErrStopped) {
		t.Errorf("Send returned %v", err)
	}
}

func TestEndOfTheConnectionReachesEverybody(t *testing.T) {
	ta, tb := Pipe()
	a, b := newEnd(t, ta, Initiator, Limits{}, false), newEnd(t, tb, Responder, Limits{}, true)
	w := a.OpenStream(Normal)
	result := make(chan error, 1)
	go func() { result <- w.Send(context.Background(), Body{Bytes: make([]byte, 1<<20), End: true}) }()
	c := b.next(t)
	_ = b.Close(CloseReason{Code: CloseGoingAway, Text: "tired"})
	var closed *CloseError
	if err := await(t, result); !errors.As(err, &closed) || closed.Text != "tired" || !closed.Remote {
		t.Errorf("blocked Send returned %v", err)
	}
	if err := await(t, c.ended); !errors.Is(err, ErrClosed) {
		t.Errorf("receiver saw %v", err)
	}
	await(t, a.Done())
	if err := a.OpenStream(Normal).Send(context.Background(), Body{Bytes: []byte("x"), End: true}); err == nil {
		t.Error("Send on an ended session succeeded")
	}
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	a, b := pair(t, Limits{})
	for range 100 {
		if err := a.OpenStream(Normal).Send(context.Background(), Body{Bytes: []byte("x"), End: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(CloseReason{Code: CloseNormal}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := await(t, b.next(t).ended); err != nil {
			t.Fatal(err)
		}
	}
	await(t, b.Done())
	if err := b.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("the other end saw %v", err)
	}
}

// rawPeer plays a peer byte by byte against a session that is a responder.
type rawPeer struct {
	t         *testing.T
	transport Transport
	end       *end
}

func newRawPeer(t *testing.T, limits Limits) *rawPeer {
	t.Helper()
	ta, tb := Pipe()
	t.Cleanup(func() { _ = ta.Close(CloseReason{Code: CloseNormal}) })
	p := &rawPeer{t: t, transport: ta, end: newEnd(t, tb, Responder, limits, true)}
	p.send(settingsFrame())
	return p
}

// settingsFrame is what any peer sends first.
func settingsFrame() Frame {
	return Frame{Stream: connectionID, Kind: Settings, Payload: appendSettings(nil, defaultSettings)}
}

func (p *rawPeer) send(frames ...Frame) {
	p.t.Helper()
	var message []byte
	for _, f := range frames {
		message = Layout13.Append(message, f)
	}
	if err := p.transport.WriteMessage([][]byte{message}); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		p.t.Fatal(err)
	}
}

// wantClose reads until the session closes, and checks the code.
func (p *rawPeer) wantClose(code CloseCode) {
	p.t.Helper()
	wantClosed(p.t, p.transport, code)
}

func TestFramesOutOfOrder(t *testing.T) {
	p := newRawPeer(t, Limits{})
	p.send(Frame{Stream: 5, Seq: 2, Kind: Data, Payload: []byte("c")},
		Frame{Stream: 5, Seq: 1, Kind: Data, Payload: []byte("b")},
		Frame{Stream: 5, Seq: 3, Kind: End},
		Frame{Stream: 5, Seq: 0, Kind: Open, Payload: []byte("a")})
	c := p.end.next(t)
	if err := await(t, c.ended); err != nil || string(c.bytes()) != "abc" {
		t.Errorf("got %q, %v", c.bytes(), err)
	}
}

func TestFramesSplitAtEveryByte(t *testing.T) {
	var message []byte
	for i, f := range []Frame{{Seq: 0, Kind: Open, Payload: []byte("hello ")}, {Seq: 1, Kind: Data, Payload: []byte("world")}, {Seq: 2, Kind: End}} {
		f.Stream = 9
		message = Layout13.Append(message, f)
		_ = i
	}
	for cut := range len(message) {
		p := newRawPeer(t, Limits{})
		for _, part := range [][]byte{message[:cut], nil, message[cut:]} {
			if err := p.transport.WriteMessage([][]byte{part}); err != nil {
				t.Fatal(err)
			}
		}
		c := p.end.next(t)
		if err := await(t, c.ended); err != nil || string(c.bytes()) != "hello world" {
			t.Fatalf("cut at %d: %q, %v", cut, c.bytes(), err)
		}
	}
}

func TestViolationsCloseWithAReason(t *testing.T) {
	open := Frame{Stream: 1, Kind: Open, Payload: []byte("x")}
	end := Frame{Stream: 1, Seq: 1, Kind: End}
	credit := binary.LittleEndian.AppendUint32(nil, 1)
	manyAhead := make([]Frame, 0, DefaultMaxAheadFrames+1)
	for i := range DefaultMaxAheadFrames + 1 {
		manyAhead = append(manyAhead, Frame{Stream: 1, Seq: uint32(i + 1), Kind: Data})
	}
	tooMuch := make([]Frame, 0, 6)
	for i := range 5 {
		tooMuch = append(tooMuch, piece(1, uint32(i), make([]byte, ChunkBytes)))
	}
	for name, tt := range map[string]struct {
		frames []Frame
		code   CloseCode
	}{
		"repeated sequence number":    {[]Frame{open, open}, CloseProtocolError},
		"number repeated ahead":       {[]Frame{{Stream: 1, Seq: 2, Kind: Data}, {Stream: 1, Seq: 2, Kind: Data}}, CloseProtocolError},
		"data after the end":          {[]Frame{open, end, {Stream: 1, Seq: 2, Kind: Data}}, CloseProtocolError},
		"data ahead beyond the end":   {[]Frame{open, {Stream: 1, Seq: 2, Kind: Data}, end}, CloseProtocolError},
		"end with bytes":              {[]Frame{open, {Stream: 1, Seq: 1, Kind: End, Payload: []byte("x")}}, CloseProtocolError},
		"data after cancel":           {[]Frame{open, {Stream: 1, Kind: Cancel}, {Stream: 1, Seq: 2, Kind: Data}}, CloseProtocolError},
		"cancelled twice":             {[]Frame{open, {Stream: 1, Kind: Cancel}, {Stream: 1, Kind: Cancel}}, CloseProtocolError},
		"open that is not the first":  {[]Frame{open, {Stream: 1, Seq: 1, Kind: Open}}, CloseProtocolError},
		"open ahead":                  {[]Frame{{Stream: 1, Seq: 1, Kind: Open}}, CloseProtocolError},
		"data that is the first":      {[]Frame{{Stream: 1, Kind: Data, Payload: []byte("x")}}, CloseProtocolError},
		"whole message of data":       {[]Frame{{Stream: 1, Kind: Data, Payload: []byte("x")}, end}, CloseProtocolError},
		"end that is the first":       {[]Frame{{Stream: 1, Kind: End}}, CloseProtocolError},
		"numbered cancel":             {[]Frame{open, {Stream: 1, Seq: 1, Kind: Cancel}}, CloseProtocolError},
		"numbered credit":             {[]Frame{{Stream: responderBit, Seq: 1, Kind: Credit, Payload: credit}}, CloseProtocolError},
		"id of a stream that is held": {[]Frame{open, end, open}, CloseProtocolError},
		"id of the other half":        {[]Frame{{Stream: 1 | responderBit, Kind: Open}}, CloseProtocolError},
		"grant for the peer's stream": {[]Frame{{Stream: 1, Kind: Credit, Payload: credit}}, CloseProtocolError},
		"grant without a number":      {[]Frame{{Stream: responderBit, Kind: Credit}}, CloseProtocolError},
		"unknown kind":                {[]Frame{{Stream: 1, Kind: 11}}, CloseProtocolError},
		"more bytes than granted":     {tooMuch, CloseProtocolError},
		"too many frames ahead":       {manyAhead, ClosePolicy},
		"frame over the limit":        {[]Frame{{Stream: 1, Kind: Open, Payload: make([]byte, DefaultMaxFrameBytes+1)}}, CloseTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			p := newRawPeer(t, Limits{})
			p.send(tt.frames...)
			p.wantClose(tt.code)
		})
	}
}

func TestBytesAheadAreBounded(t *testing.T) {
	p := newRawPeer(t, Limits{MaxAheadBytes: 1000})
	p.send(Frame{Stream: 1, Seq: 1, Kind: Data, Payload: make([]byte, 600)},
		Frame{Stream: 2, Seq: 1, Kind: Data, Payload: make([]byte, 400)},
		Frame{Stream: 3, Seq: 1, Kind: Data, Payload: []byte("x")})
	p.wantClose(ClosePolicy)
}

func TestStreamsAreBounded(t *testing.T) {
	const limit = MinStreams + 1
	for name, beyond := range map[string][]Frame{
		"a stream more":             {piece(limit, 0, nil), pingFrame(make([]byte, 8))},
		"a stream that is given up": {piece(limit, 0, nil), {Stream: limit, Kind: Cancel}},
		"a stream that ends later":  {piece(limit, 0, nil), piece(limit, 1, nil), {Stream: limit, Seq: 2, Kind: End}},
		"the end of another":        {piece(limit, 0, nil), {Stream: 0, Seq: 1, Kind: End}},
		"a frame ahead":             {piece(limit, 1, nil), piece(limit, 0, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newRawPeer(t, Limits{MaxStreams: limit})
			for i := range uint32(limit) {
				p.send(piece(i, 0, []byte("x")))
			}
			p.send(piece(limit, 0, nil), Frame{Stream: limit, Seq: 1, Kind: End}) // never unfinished
			for range limit + 1 {
				p.end.next(t).stream.Release()
			}
			if p.end.Err() != nil {
				t.Fatal("closed at the limit:", p.end.Err())
			}
			p.send(beyond...)
			p.wantClose(ClosePolicy)
			if err := p.end.Err(); !strings.Contains(err.Error(), "MaxStreams") {
				t.Errorf("the session ended with %v", err)
			}
		})
	}
}

// A stream makes room for another by its end and by being given up, once.
func TestFinishedStreamsDoNotCount(t *testing.T) {
	const limit = MinStreams
	p := newRawPeer(t, Limits{MaxStreams: limit})
	next := uint32(0)
	open := func() Frame {
		next++
		return piece(next, 0, nil)
	}
	for range limit {
		p.send(open())
	}
	for id := uint32(1); id <= 2*limit; id += 2 {
		p.send(Frame{Stream: id, Seq: 1, Kind: End}, Frame{Stream: id, Kind: Cancel}, open()) // the Cancel after the End counts nothing
		p.send(Frame{Stream: id + 1, Kind: Cancel}, open())
	}
	p.send(piece(next, 1, nil)) // the limit is reached and not exceeded
	for range next {
		p.end.next(t)
	}
	if err := p.end.Err(); err != nil {
		t.Fatal("closed at the limit:", err)
	}
	p.send(open(), open())
	p.wantClose(ClosePolicy)
}

func TestPeerThatDoesNotReadIsDisconnected(t *testing.T) {
	p := newRawPeer(t, Limits{MaxControlBytes: 4 << 10})
	for i := 0; p.end.Err() == nil; i++ {
		if i > 10_000 {
			t.Fatal("the session never ended")
		}
		_ = p.end.SendMessageNow(p.end.NextID(), Body{Bytes: make([]byte, 1000)})
	}
	var closed *CloseError
	if err := p.end.Err(); !errors.As(err, &closed) || closed.Code != ClosePolicy {
		t.Errorf("ended with %v", err)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, limits := range []Limits{{MaxStreams: -1}, {MaxFrameBytes: 10}, {MaxQueuedBytes: 1}} {
		if _, err := NewSession(nil, Config{Limits: limits, Accept: func(*RecvStream) Receiver { return nil }}); err == nil {
			t.Errorf("%+v was accepted", limits)
		}
	}
	if _, err := NewSession(nil, Config{}); err == nil {
		t.Error("a session without Accept was accepted")
	}
}

// FuzzSession lets arbitrary bytes play the peer: the session must neither
// panic nor outlive its transport.
func FuzzSession(f *testing.F) {
	open := Layout13.Append(nil, Frame{Stream: 1, Kind: Open, Payload: []byte("x")})
	f.Add(append(open, Layout13.Append(nil, Frame{Stream: 1, Seq: 1, Kind: End})...), 7)
	f.Add(Layout13.Append(nil, Frame{Stream: 1, Seq: 4, Kind: Data, Payload: []byte("ahead")}), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		ta, tb := Pipe()
		s, err := NewSession(tb, Config{Role: Responder, Accept: func(r *RecvStream) Receiver {
			return &collector{stream: r, ended: make(chan error, 4)}
		}})
		if err != nil {
			t.Fatal(err)
		}
		go func() { // ends when the pipe is closed below
			for {
				if _, err := ta.ReadMessage(); err != nil {
					return
				}
			}
		}()
		b = append(Layout13.Append(nil, settingsFrame()), b...)
		cut = min(max(cut, 0), len(b))
		_ = ta.WriteMessage([][]byte{b[:cut]})
		_ = ta.WriteMessage([][]byte{b[cut:]})
		_ = ta.Close(CloseReason{Code: CloseNormal})
		select {
		case <-s.Done():
		case <-time.After(hangGuard):
			t.Fatal("the session did not end")
		}
		_ = s.Close(CloseReason{Code: CloseNormal})
	})
}
