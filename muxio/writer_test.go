package muxio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A peer that ends the session leaves what is queued unsent. That is for Err to say,
// not for Close.
func TestCloseAfterThePeerClosed(t *testing.T) {
	g, feed := newGate(t)
	s := newEnd(t, g, Initiator, Limits{}, true)
	g.next() // the settings: they never leave
	if err := feed.Close(CloseReason{Code: 1012, Text: "restart at noon"}); err != nil {
		t.Fatal(err)
	}
	await(t, s.Done())
	for range 2 {
		if err := s.Close(CloseReason{Code: CloseNormal}); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	var closed *CloseError
	if err := s.Err(); !errors.As(err, &closed) || closed.Code != 1012 || !closed.Remote {
		t.Errorf("Err: %v", err)
	}
}

// tryPipe is a pipe that takes what the read loop tries to write now as a whole, now in
// part, and now not at all.
type tryPipe struct {
	Transport
	t     *testing.T
	rest  []byte
	calls [3]atomic.Int64
	turn  int
}

func (p *tryPipe) TryWriteMessage(pieces [][]byte) (taken, flushed bool, err error) {
	p.turn++
	p.calls[p.turn%3].Add(1)
	switch p.turn % 3 {
	case 0:
		return true, true, p.Transport.WriteMessage(pieces)
	case 1:
		message := bytes.Join(pieces, nil)
		half := len(message) / 2
		p.rest = message[half:]
		return true, false, p.Transport.WriteMessage([][]byte{message[:half]})
	}
	return false, false, nil
}

func (p *tryPipe) WriteMessage(pieces [][]byte) error {
	if p.rest != nil {
		p.t.Error("a message is written before the rest of the one before it")
	}
	return p.Transport.WriteMessage(pieces)
}

func (p *tryPipe) Flush() error {
	rest := p.rest
	p.rest = nil
	if rest == nil {
		p.t.Error("there is nothing to flush")
	}
	return p.Transport.WriteMessage([][]byte{rest})
}

func (p *tryPipe) allTried() bool {
	return p.calls[0].Load() > 0 && p.calls[1].Load() > 0 && p.calls[2].Load() > 0
}

// What the read loop answers leaves in order, whether the transport takes it from there or
// leaves it to the writer goroutine.
func TestReadLoopWritesItsAnswers(t *testing.T) {
	const together, rounds = 20, 100
	ta, tb := Pipe()
	try := &tryPipe{Transport: tb, t: t}
	answers := make(chan uint32, together)
	a := newEndWith(t, ta, Config{Role: Initiator, Message: func(_ uint32, p []byte) {
		answers <- binary.LittleEndian.Uint32(p)
	}}, false)
	var b *end
	ready := make(chan struct{})
	b = newEndWith(t, try, Config{Role: Responder, Message: func(_ uint32, p []byte) {
		<-ready
		if err := b.SendMessageNow(b.NextID(), Body{Bytes: p}); err != nil {
			t.Error(err)
		}
	}}, false)
	close(ready)
	sent, got := uint32(0), uint32(0)
	for begin := time.Now(); got < rounds*together || !try.allTried(); {
		if time.Since(begin) > hangGuard {
			t.Fatalf("after %d answers the transport was asked in these ways: %v", got, &try.calls)
		}
		for range 1 + sent%together {
			body := Body{Bytes: binary.LittleEndian.AppendUint32(nil, sent)}
			if err := a.SendMessage(context.Background(), a.NextID(), Normal, body); err != nil {
				t.Fatalf("message %d: %v", sent, err)
			}
			sent++
		}
		for ; got < sent; got++ {
			if n := await(t, answers); n != got {
				t.Fatalf("answer %d is %d", got, n)
			}
		}
	}
}

// A transport that cannot try is asked once.
func TestTransportThatCannotTry(t *testing.T) {
	ta, tb := Pipe()
	try := &refusingPipe{Transport: tb}
	a, b := newEnd(t, ta, Initiator, Limits{}, false), newEnd(t, try, Responder, Limits{}, false)
	for i := range 100 {
		w := a.OpenStream(Normal)
		if err := w.Send(context.Background(), Body{Bytes: fmt.Append(nil, i), End: true}); err != nil {
			t.Fatal(err)
		}
		c := b.next(t)
		if err := await(t, c.ended); err != nil {
			t.Fatal(err)
		}
		c.stream.Release()
	}
	if n := try.asked.Load(); n > 1 {
		t.Errorf("it was asked %d times", n)
	}
}

type refusingPipe struct {
	Transport
	asked atomic.Int64
}

func (p *refusingPipe) TryWriteMessage([][]byte) (taken, flushed bool, err error) {
	p.asked.Add(1)
	return false, false, errors.ErrUnsupported
}

func (p *refusingPipe) Flush() error { return errors.ErrUnsupported }

// CanSendNow keeps a read loop that heeds it within the limits, however much it answers.
func TestCanSendNow(t *testing.T) {
	a, _, _ := gatedSession(t, Limits{}) // nothing leaves
	sent := 0
	for a.CanSendNow(MaxImmediateBytes) {
		if err := a.SendMessageNow(a.NextID(), Body{Bytes: make([]byte, MaxImmediateBytes)}); err != nil {
			t.Fatal(err)
		}
		sent += MaxImmediateBytes
	}
	if sent < DefaultMaxControlBytes/4 || sent > DefaultMaxControlBytes {
		t.Errorf("%d bytes were sent, the limit is %d", sent, DefaultMaxControlBytes)
	}
	if a.CanSendNow(MaxImmediateBytes + 1) {
		t.Error("a body that is too large may be sent at once")
	}
}
