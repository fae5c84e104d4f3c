package muxio

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// Body is what one [SendStream.Send] sends: Prefix, then Bytes, then each
// slice of More.
type Body struct {
	Prefix []byte
	Bytes  []byte
	More   [][]byte
	// Owner is kept reachable until the last slice is written.
	Owner any
	// End finishes the stream after these bytes.
	End bool
}

// Len returns the number of bytes in the body.
func (b *Body) Len() int {
	n := len(b.Prefix) + len(b.Bytes)
	for _, p := range b.More {
		n += len(p)
	}
	return n
}

// cursor walks the slices of a body.
type cursor struct {
	current []byte
	then    []byte // Bytes, until it is current
	more    [][]byte
}

// upTo returns the next slice of at most n bytes; n is less than or equal to
// what is left of the body.
func (c *cursor) upTo(n int) []byte {
	for len(c.current) == 0 {
		if c.then != nil {
			c.current, c.then = c.then, nil
			continue
		}
		c.current, c.more = c.more[0], c.more[1:]
	}
	n = min(n, len(c.current))
	p := c.current[:n]
	c.current = c.current[n:]
	return p
}

// SendStream is the sending end of a stream. Send is for one goroutine at a
// time; Stop and Cancel may be called from any goroutine.
type SendStream struct {
	session *Session
	id      uint32

	// Guarded by session.queue.mu, so that nothing follows a Cancel frame.
	seq       uint32
	ended     bool
	cancelled bool

	mu         sync.Mutex
	credit     int64 // payload bytes that may still be sent
	registered bool  // grants of the peer reach this stream
	stopped    error
	changed    notifier // credit grew or stopped was set
}

// ID returns the stream's id, unique among the unfinished streams that this
// end opened.
func (w *SendStream) ID() uint32 { return w.id }

// Send sends the body. It borrows the body's slices until it returns: small
// ones are copied, larger ones handed to the transport by reference. Send
// blocks while the queue is full or the peer has granted no room; ctx bounds
// those waits. After an error the stream must be cancelled.
func (w *SendStream) Send(ctx context.Context, body Body) error {
	cur := cursor{current: body.Prefix, then: body.Bytes, more: body.More}
	generation, err := w.sendFrames(ctx, &cur, body.Len(), body.End)
	if generation != 0 {
		if werr := w.session.queue.waitWritten(generation); err == nil {
			err = werr
		}
	}
	runtime.KeepAlive(body.Owner)
	return err
}

// sendFrames queues the body frame by frame. It returns the last batch that
// borrows from the body, 0 if none does.
func (w *SendStream) sendFrames(ctx context.Context, cur *cursor, left int, end bool) (generation uint64, err error) {
	if left > InitialCredit || !end {
		w.register()
	}
	for left > 0 || end {
		n := min(left, ChunkBytes)
		if n > 0 {
			if n, err = w.takeCredit(ctx, n); err != nil {
				return generation, err
			}
		}
		last := end && n == left
		g, err := w.queueFrame(ctx, cur, n, last)
		generation = max(generation, g)
		if err != nil || last {
			return generation, err
		}
		left -= n
	}
	return generation, nil
}

// queueFrame queues the next n bytes as one frame, and the end of the stream
// behind them.
func (w *SendStream) queueFrame(ctx context.Context, cur *cursor, n int, last bool) (generation uint64, err error) {
	q := w.session.queue
	if err := q.lockWithRoom(ctx, n+2*q.layout.HeaderBytes()); err != nil {
		return 0, err
	}
	defer q.unlockAndWake()
	if w.ended || w.cancelled {
		return 0, ErrStreamEnded
	}
	kind := Data
	if w.seq == 0 {
		kind = Open
	}
	if n > 0 || kind == Open {
		q.headerLocked(w.id, w.seq, kind, n)
		w.seq++
	}
	for n > 0 {
		p := cur.upTo(n)
		if q.payloadLocked(p, w.session.limits.ReferenceFromBytes) {
			generation = q.generationLocked()
		}
		n -= len(p)
	}
	if last {
		q.headerLocked(w.id, w.seq, End, 0)
		w.seq++
		w.ended = true
		w.unregister()
	}
	return generation, nil
}

// takeCredit waits until the peer has granted room and takes up to n bytes.
func (w *SendStream) takeCredit(ctx context.Context, n int) (int, error) {
	for {
		w.mu.Lock()
		if w.stopped != nil {
			defer w.mu.Unlock()
			return 0, w.stopped
		}
		if w.credit > 0 {
			n = int(min(int64(n), w.credit))
			w.credit -= int64(n)
			w.mu.Unlock()
			return n, nil
		}
		changed := w.changed.wait()
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// grant adds room that the peer granted.
func (w *SendStream) grant(n uint32) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credit += int64(n)
	if w.credit > maxCredit {
		return violation(CloseProtocolError, "stream %d was granted more than %d bytes", w.id, int64(maxCredit))
	}
	w.changed.broadcast()
	return nil
}

// maxCredit bounds what grants may add up to.
const maxCredit = 1 << 40

// Stop makes a running and every later Send fail with [ErrStopped]. Nothing is
// sent to the peer.
func (w *SendStream) Stop() { w.stop(ErrStopped) }

func (w *SendStream) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped == nil {
		w.stopped = err
	}
	w.changed.broadcast()
}

// Cancel gives the stream up and tells the peer, also after the stream ended:
// then it asks the receiver to give up the work on it. Only the first call has
// an effect.
func (w *SendStream) Cancel() {
	w.Stop()
	q := w.session.queue
	q.mu.Lock()
	if w.cancelled || w.seq == 0 {
		w.cancelled = true
		q.mu.Unlock()
		w.unregister()
		return
	}
	w.cancelled = true
	err := q.controlLocked(w.id, w.seq, Cancel, nil)
	q.unlockAndWake()
	w.unregister()
	w.session.check(err)
}

func (w *SendStream) register() {
	w.mu.Lock()
	known := w.registered
	w.registered = true
	w.mu.Unlock()
	if known {
		return
	}
	if err := w.session.registerSender(w); err != nil {
		w.stop(err)
	}
}

func (w *SendStream) unregister() {
	w.mu.Lock()
	known := w.registered
	w.mu.Unlock()
	if known {
		w.session.unregisterSender(w)
	}
}

// MaxImmediateBytes bounds a body sent by [SendStream.SendImmediate].
const MaxImmediateBytes = 8 << 10

// SendImmediate sends a small body as a whole stream without ever blocking, so
// that a read loop may answer by it. What waits that way is bounded by
// [Limits.MaxControlBytes]; a peer that exceeds it is disconnected.
func (w *SendStream) SendImmediate(body Body) error {
	n := body.Len()
	if n > MaxImmediateBytes {
		return fmt.Errorf("muxio: %d bytes to send immediately, limit is %d", n, MaxImmediateBytes)
	}
	q := w.session.queue
	q.mu.Lock()
	if w.seq != 0 || w.cancelled {
		q.mu.Unlock()
		return ErrStreamEnded
	}
	err := q.controlLocked(w.id, 0, Open, flatten(&body, n))
	if err == nil {
		err = q.controlLocked(w.id, 1, End, nil)
	}
	w.seq, w.ended = 2, true
	q.unlockAndWake()
	w.session.check(err)
	return err
}

// flatten copies a body of n bytes into one slice.
func flatten(body *Body, n int) []byte {
	p := make([]byte, 0, n)
	p = append(append(p, body.Prefix...), body.Bytes...)
	for _, m := range body.More {
		p = append(p, m...)
	}
	return p
}

// CancelUnlessEnded cancels the stream if its end has not been sent.
func (w *SendStream) CancelUnlessEnded() {
	q := w.session.queue
	q.mu.Lock()
	ended := w.ended
	q.mu.Unlock()
	if !ended {
		w.Cancel()
	}
}
