package muxio

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// What concerns the connection as a whole: settings, credit, round trips, and
// going away.

// pingEvery is how often at most the round trip is measured for the windows.
const pingEvery = time.Second

// connectionFrame takes a frame that is not of a stream.
func (s *Session) connectionFrame(f Frame) error {
	if f.Stream != connectionID {
		return violation(CloseProtocolError, "frame of kind %d for stream %d", f.Kind, f.Stream)
	}
	switch f.Kind {
	case Settings:
		if s.settled {
			return violation(CloseProtocolError, "settings come twice")
		}
		theirs, err := parseSettings(f.Payload)
		if err != nil {
			return err
		}
		s.settled = true
		s.out.settled(theirs)
		return nil
	case Credit:
		return s.credit(f)
	case Ping:
		return s.pinged(f)
	case Pong:
		if len(f.Payload) != pingBytes {
			return violation(CloseProtocolError, "pong of %d bytes", len(f.Payload))
		}
		s.pings.answered(binary.LittleEndian.Uint64(f.Payload))
		return nil
	case GoAway:
		return s.goneAway(f)
	default:
		return violation(CloseProtocolError, "frame of kind %d for the connection", f.Kind)
	}
}

// credit passes a grant on. Streams that have ended need none.
func (s *Session) credit(f Frame) error {
	if len(f.Payload) != 4 {
		return violation(CloseProtocolError, "malformed grant for stream %d", f.Stream)
	}
	return s.out.credited(f.Stream, int64(binary.LittleEndian.Uint32(f.Payload)))
}

// pingBytes is the size of the payload of a Ping.
const pingBytes = 8

// pings measures round trips.
type pings struct {
	rtt  atomic.Int64 // the last one, in nanoseconds; 0 before the first
	last atomic.Int64 // when the last measurement for a window began

	mu      sync.Mutex
	next    uint64
	measure uint64 // the last ping for a window, which may never be answered
	waiting map[uint64]ping

	// Of the read loop: pings of the peer in the present second.
	second time.Time
	count  int
}

// ping is one on its way.
type ping struct {
	sent time.Time
	done chan time.Duration // nil when nobody waits
}

// pinged answers a ping of the peer.
func (s *Session) pinged(f Frame) error {
	if len(f.Payload) != pingBytes {
		return violation(CloseProtocolError, "ping of %d bytes", len(f.Payload))
	}
	p := &s.pings
	if now := time.Now(); now.Sub(p.second) >= time.Second {
		p.second, p.count = now, 0
	}
	if p.count++; p.count > MaxPingsPerSecond {
		return violation(ClosePolicy, "more than %d pings in a second, limit MaxPingsPerSecond", MaxPingsPerSecond)
	}
	s.check(s.out.control(connectionID, Pong, f.Payload)) // an end that is closing answers nothing, and goes on
	return nil
}

// answered takes the answer to a ping. An answer that nobody asked for is
// dropped.
func (p *pings) answered(token uint64) {
	p.mu.Lock()
	asked, ok := p.waiting[token]
	delete(p.waiting, token)
	p.mu.Unlock()
	if !ok {
		return
	}
	rtt := max(time.Since(asked.sent), 1)
	p.rtt.Store(int64(rtt))
	if asked.done != nil {
		asked.done <- rtt
	}
}

// ping sends a ping. Its token is for forgetting it.
func (s *Session) ping(done chan time.Duration) (token uint64, err error) {
	p := &s.pings
	p.mu.Lock()
	p.next++
	token = p.next
	if p.waiting == nil {
		p.waiting = make(map[uint64]ping)
	}
	p.waiting[token] = ping{sent: time.Now(), done: done}
	p.mu.Unlock()
	var payload [pingBytes]byte
	binary.LittleEndian.PutUint64(payload[:], token)
	if err := s.out.control(connectionID, Ping, payload[:]); err != nil {
		p.forget(token)
		return 0, err
	}
	return token, nil
}

func (p *pings) forget(token uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, token)
}

// Ping measures the time to the peer and back, through the queues of both
// sessions. Its errors are that of ctx, that with which the session ended, and
// [ErrOriginal].
func (s *Session) Ping(ctx context.Context) (time.Duration, error) {
	if s.original {
		return 0, ErrOriginal
	}
	done := make(chan time.Duration, 1)
	token, err := s.ping(done)
	if err != nil {
		return 0, err
	}
	defer s.pings.forget(token)
	select {
	case rtt := <-done:
		return rtt, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.done:
		return 0, s.Err()
	}
}

// measuredRTT returns the round trip as it was measured last, 0 if never. It
// begins a measurement when the last one is old.
func (s *Session) measuredRTT() time.Duration {
	p := &s.pings
	now := time.Now().UnixNano()
	if last := p.last.Load(); now-last >= int64(pingEvery) && p.last.CompareAndSwap(last, now) {
		p.mu.Lock()
		delete(p.waiting, p.measure)
		p.mu.Unlock()
		token, _ := s.ping(nil) // a session that has ended needs no windows
		p.mu.Lock()
		p.measure = token
		p.mu.Unlock()
	}
	return time.Duration(p.rtt.Load())
}

// appendGoAway appends the payload of a GoAway frame.
func appendGoAway(dst []byte, reason CloseReason) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(reason.Code))
	return append(dst, reason.Text[:min(len(reason.Text), MaxCloseText)]...)
}

// GoAway tells the peer that this end accepts no new calls; what is in flight
// goes on. Of several only the first has an effect at the other end. A peer that
// speaks the original protocol cannot be told, which is no error.
func (s *Session) GoAway(reason CloseReason) error {
	if s.original {
		return nil
	}
	return s.out.control(connectionID, GoAway, appendGoAway(nil, reason))
}

// AppendGoodbye appends the frame that tells the reason for the end of a
// connection, for a [Transport] that has no other way to tell it.
func AppendGoodbye(dst []byte, reason CloseReason) []byte {
	return Layout13.Append(dst, Frame{Stream: connectionID, Kind: GoAway, Payload: appendGoAway(nil, reason)})
}

// goneAway takes a GoAway frame.
func (s *Session) goneAway(f Frame) error {
	if len(f.Payload) < 2 || len(f.Payload) > 2+MaxCloseText {
		return violation(CloseProtocolError, "malformed GoAway")
	}
	first := s.goingAway == nil
	s.goingAway = &CloseReason{Code: CloseCode(binary.LittleEndian.Uint16(f.Payload)), Text: string(f.Payload[2:])}
	if first && s.cfg.GoingAway != nil {
		s.cfg.GoingAway(*s.goingAway)
	}
	return nil
}
