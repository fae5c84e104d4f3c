package muxio

import (
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestLimitsHaveALeastValue(t *testing.T) {
	accept := func(*RecvStream) Receiver { return nil }
	for name, least := range map[string]int64{
		"MaxFrameBytes": ChunkBytes, "MaxStreams": MinStreams, "MaxAheadFrames": 1, "MaxAheadBytes": 1, "MaxQueuedBytes": ChunkBytes,
		"MaxControlBytes": 1 << 10, "ReferenceFromBytes": 1, "StreamWindow": InitialCredit, "MaxStreamWindow": InitialCredit,
		"ConnWindow": InitialConnCredit,
	} {
		var l Limits
		field := reflect.ValueOf(&l).Elem().FieldByName(name)
		field.SetInt(least)
		if _, err := l.withDefaults(); err != nil {
			t.Errorf("%s of %d: %v", name, least, err)
		}
		if least--; least == 0 { // takes the default
			least = -1
		}
		field.SetInt(least)
		if _, err := NewSession(nil, Config{Limits: l, Accept: accept}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of %d: %v", name, least, err)
		}
	}
	beyond := maxWindow
	beyond++ // at run time, since it is no int on machines of 32 bits
	for _, l := range []Limits{{StreamWindow: beyond}, {MaxStreamWindow: beyond}, {ConnWindow: beyond}, {MaxStreams: beyond}} {
		if _, err := l.withDefaults(); err == nil {
			t.Errorf("%+v are accepted", l)
		}
	}
	if n := reflect.TypeFor[Limits]().NumField(); n != 10 {
		t.Errorf("there are %d limits", n)
	}
}

func TestFrameAtTheLimit(t *testing.T) {
	const limit = ChunkBytes + 1000
	p := newRawPeer(t, Limits{MaxFrameBytes: limit})
	p.send(Frame{Stream: 1, Kind: Open, Payload: make([]byte, limit)}, Frame{Stream: 1, Seq: 1, Kind: End})
	if c := p.end.next(t); await(t, c.ended) != nil || len(c.bytes()) != limit {
		t.Errorf("%d bytes arrived", len(c.bytes()))
	}
	p.send(Frame{Stream: 2, Kind: Open, Payload: make([]byte, limit+1)})
	p.wantClose(CloseTooBig)
}

func TestFramesAheadAtTheLimit(t *testing.T) {
	const limit = 5
	p := newRawPeer(t, Limits{MaxAheadFrames: limit})
	for i := range uint32(limit) {
		p.send(Frame{Stream: 1, Seq: limit - i, Kind: Data, Payload: []byte{byte(limit - i)}})
	}
	p.send(Frame{Stream: 1, Kind: Open, Payload: []byte{0}}, Frame{Stream: 1, Seq: limit + 1, Kind: End})
	if c := p.end.next(t); await(t, c.ended) != nil || string(c.bytes()) != "\x00\x01\x02\x03\x04\x05" {
		t.Errorf("%x arrived", c.bytes())
	}
	for i := range uint32(limit + 1) {
		p.send(Frame{Stream: 2, Seq: i + 1, Kind: Data})
	}
	p.wantClose(ClosePolicy)
}

// Senders of small bodies go on while there is room for a copy, and wait then.
func TestQueueIsBounded(t *testing.T) {
	const limit = 100_000
	synctest.Test(t, func(t *testing.T) {
		a, g, _ := gatedSession(t, Limits{MaxQueuedBytes: limit})
		const each = 10_000
		var returned atomic.Int64
		for range 20 {
			go func() {
				if a.OpenStream(Normal).Send(t.Context(), Body{Bytes: make([]byte, each)}) == nil {
					returned.Add(1)
				}
			}()
			synctest.Wait()
		}
		if n, want := returned.Load(), int64(limit/(each+2*Layout13.HeaderBytes())); n != want {
			t.Errorf("%d senders went on, want %d", n, want)
		}
		g.pass()
		g.leave <- nil
		synctest.Wait()
		if n := returned.Load(); n != 20 {
			t.Errorf("%d senders went on after a message", n)
		}
	})
}

// Streams that this end holds after their end do not count: the peer cannot know.
func TestHeldStreamsDoNotCount(t *testing.T) {
	const limit = MinStreams
	p := newRawPeer(t, Limits{MaxStreams: limit})
	for id := range uint32(2 * limit) {
		p.send(piece(id, 0, []byte("x")), piece(id, 1, []byte("y")), Frame{Stream: id, Seq: 2, Kind: End})
		if err := await(t, p.end.next(t).ended); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint32(limit) {
		p.send(piece(2*limit+id, 0, nil))
		p.end.next(t)
	}
	if err := p.end.Err(); err != nil {
		t.Fatal("closed at the limit:", err)
	}
	p.send(piece(3*limit, 0, nil), piece(3*limit+1, 0, nil))
	p.wantClose(ClosePolicy)
}

// An id is free when its stream has ended and was released.
func TestIdsAreUsedAgain(t *testing.T) {
	p := newRawPeer(t, Limits{})
	for range 3 {
		p.send(Frame{Stream: 7, Kind: Open, Payload: []byte("x")}, Frame{Stream: 7, Seq: 1, Kind: End})
		c := p.end.next(t)
		if err := await(t, c.ended); err != nil {
			t.Fatal(err)
		}
		c.stream.Release()
	}
	p.send(Frame{Stream: 7, Kind: Open, Payload: []byte("x")}, Frame{Stream: 7, Seq: 1, Kind: End},
		Frame{Stream: 7, Kind: Open, Payload: []byte("x")})
	p.wantClose(CloseProtocolError)
}
