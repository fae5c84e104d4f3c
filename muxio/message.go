package muxio

import (
	"context"
	"fmt"
)

// A message is a stream that is sent as a whole. Most calls are two of them, so
// that they have a way of their own, without an object for each.

// MaxImmediateBytes bounds a body sent by [Session.SendMessageNow].
const MaxImmediateBytes = smallBytes

// SendMessage sends body as the whole stream id, which came from [Session.NextID].
// It borrows the body's slices until it returns, under the same rules as
// [SendStream.Send]. After an error the message must be cancelled.
func (s *Session) SendMessage(ctx context.Context, id uint32, p Priority, body Body) error {
	n := body.Len()
	q := s.out
	q.mu.Lock()
	if n <= smallBytes && int64(n) <= q.credit && q.closed == nil && q.roomLocked(n+2*q.layout.HeaderBytes()) {
		q.messageLocked(id, &body, n)
		q.credit -= int64(n)
		s.sendQueuedLocked()
		return nil
	}
	w := s.newStreamLocked(id, p)
	q.mu.Unlock()
	body.End = true
	return w.Send(ctx, body)
}

// SendMessageNow is SendMessage for small bodies that never blocks, so that a
// read loop may answer by it. What waits that way is bounded by
// [Limits.MaxControlBytes]; a peer that exceeds it is disconnected.
func (s *Session) SendMessageNow(id uint32, body Body) error {
	n := body.Len()
	if n > MaxImmediateBytes {
		return fmt.Errorf("muxio: %d bytes to send immediately, limit is %d", n, MaxImmediateBytes)
	}
	q := s.out
	q.mu.Lock()
	size := n + 2*q.layout.HeaderBytes()
	err := q.reserveControlLocked(size)
	switch {
	case err != nil:
	case int64(n) > q.credit: // the peer owes grants: what it asked for waits
		q.controlBytes -= size // of the next message, which this one will not be in
		q.waitingBytes += size
		s.startLocked(id, Normal, copied(&body, n), nil).job.waiting = size
	default:
		q.messageLocked(id, &body, n)
		q.credit -= int64(n)
	}
	q.unlockForReadLoop()
	s.check(err)
	return err
}

// CanSendNow tells whether a body of n bytes may be sent by [Session.SendMessageNow]
// without any danger to the session: what waits stays within half of
// [Limits.MaxControlBytes]. A read loop that finds no room sends later.
func (s *Session) CanSendNow(n int) bool {
	q := s.out
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.controlBytes + q.waitingBytes + n + 2*q.layout.HeaderBytes()
	return n <= MaxImmediateBytes && waiting <= q.limits.MaxControlBytes/2
}

// SendMessageLater sends body without blocking and calls then, unless nil, when
// its slices are no longer borrowed, with nil when all of it was handed to the
// transport. then must not block and not call the session.
func (s *Session) SendMessageLater(id uint32, p Priority, body Body, then func(error)) {
	q := s.out
	q.mu.Lock()
	err := q.closed
	if err == nil {
		s.startLocked(id, p, body, then)
	}
	q.unlockAndWake()
	if err != nil && then != nil {
		then(err)
	}
}

// startLocked lets the writer take a message that nobody waits for.
func (s *Session) startLocked(id uint32, p Priority, body Body, then func(error)) *SendStream {
	if then == nil {
		then = func(error) {}
	}
	w := s.newStreamLocked(id, p)
	body.End = true
	w.startLocked(&body, body.Len())
	w.job.then = then
	return w
}

// copied returns a body of n bytes with memory of its own.
func copied(body *Body, n int) Body {
	p := make([]byte, 0, n)
	p = append(append(p, body.Prefix...), body.Bytes...)
	for _, m := range body.More {
		p = append(p, m...)
	}
	return Body{Bytes: p}
}

// messageLocked appends a whole stream.
func (q *outbound) messageLocked(id uint32, body *Body, n int) {
	q.headerLocked(id, 0, Open, n)
	cur := body.cursor()
	q.copyLocked(&cur, n)
	q.headerLocked(id, 1, End, 0)
}

// CancelMessage asks the peer to give up the work on a message that was sent. One that
// speaks the original protocol is not asked when all of the message has been sent.
func (s *Session) CancelMessage(id, code uint32) {
	q := s.out
	q.mu.Lock()
	if w := q.senders[id]; w != nil { // not yet sent
		q.mu.Unlock()
		w.Cancel(code)
		return
	}
	var err error
	if !s.original {
		err = q.cancelLocked(id, 0, code)
	}
	q.unlockAndWake()
	s.check(err)
}

// StopMessage gives up sending what is left of a message; the peer is told
// nothing.
func (s *Session) StopMessage(id uint32) {
	s.out.mu.Lock()
	w := s.out.senders[id]
	s.out.mu.Unlock()
	if w != nil {
		w.Stop()
	}
}

// newStreamLocked returns the sending end of stream id.
func (s *Session) newStreamLocked(id uint32, p Priority) *SendStream {
	window := s.out.streamWindow
	return &SendStream{q: s.out, session: s, id: id, priority: p, credit: window, window: window, done: make(chan struct{}, 1)}
}

// OpenStream returns a new stream to the peer. Nothing is sent until the first
// Send.
func (s *Session) OpenStream(p Priority) *SendStream {
	id := s.NextID()
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.newStreamLocked(id, p)
}
