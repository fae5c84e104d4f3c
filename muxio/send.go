package muxio

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
)

// Body is what one Send sends: Prefix, then Bytes, then each slice of More.
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

func (b *Body) cursor() cursor { return cursor{current: b.Prefix, then: b.Bytes, more: b.More} }

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

// job is a body that waits for the writer, or is being written.
type job struct {
	active bool
	small  bool
	cursor cursor
	left   int
	end    bool
	owner  any
	err    error       // the outcome
	then   func(error) // told of it, when nobody waits

	waiting int // what it has in outbound.waitingBytes
}

// SendStream is the sending end of a stream. Send is for one goroutine at a
// time; Stop and Cancel may be called from any goroutine.
type SendStream struct {
	q        *outbound
	session  *Session
	id       uint32
	priority Priority
	done     chan struct{} // holds one token when the job is finished

	// Guarded by q.mu.
	seq        uint32
	credit     int64 // payload bytes that may still be sent
	window     int64 // what the peer allows new streams, as far as credit has it
	registered bool  // grants of the peer reach this stream
	ended      bool
	cancelled  bool
	stopped    error
	job        job
	queued     bool  // in a ring
	hasSlot    bool  // among those of the peer
	parked     *ring // unless nil, the ring it is in, for want of a slot
	writing    bool  // its body is borrowed from by a batch
	next       *SendStream
}

// ID returns the stream's id, unique among the unfinished streams that this
// end opened.
func (w *SendStream) ID() uint32 { return w.id }

// Send sends the body. It borrows the body's slices until it returns: small
// bodies are copied, of larger ones the slices are handed to the transport by
// reference. Send blocks while others are being sent, the peer has granted no
// room or accepts no more unfinished streams; ctx bounds that wait, but not the
// writing of what is under way. After an error the stream must be cancelled.
func (w *SendStream) Send(ctx context.Context, body Body) error {
	n := body.Len()
	q := w.q
	q.mu.Lock()
	if err := w.usableLocked(); err != nil {
		q.mu.Unlock()
		return err
	}
	if w.copyNowLocked(&body, n) {
		q.unlockAndWake()
		return nil
	}
	w.startLocked(&body, n)
	w.writeOwnLocked()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.stop(ctx.Err())
		<-w.done // at once, or when what is being written is written
		w.goOnIfSent(ctx.Err())
	}
	runtime.KeepAlive(body.Owner)
	return w.job.err
}

// goOnIfSent takes back a stop for err that came too late to keep anything from being
// sent.
func (w *SendStream) goOnIfSent(err error) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.job.err == nil && errors.Is(w.stopped, err) {
		w.stopped = nil
	}
}

// writeOwnLocked writes what waits in the rings, the body just queued among it,
// unless somebody else is at it. q.mu is held, and released.
func (w *SendStream) writeOwnLocked() {
	q := w.q
	if q.writing || q.writerEnded || !q.readyLocked() {
		q.unlockAndWake()
		return
	}
	w.session.writeLocked()
}

// usableLocked tells why nothing can be sent.
func (w *SendStream) usableLocked() error {
	switch {
	case w.stopped != nil:
		return w.stopped
	case w.ended || w.cancelled:
		return ErrStreamEnded
	case w.q.closed != nil:
		return w.q.closed
	}
	return nil
}

// copyNowLocked copies a body into the queue if it is small, and there is room
// and credit.
func (w *SendStream) copyNowLocked(body *Body, n int) bool {
	q := w.q
	if n > smallBytes || int64(n) > w.credit || int64(n) > q.credit || !q.roomLocked(n+2*q.layout.HeaderBytes()) {
		return false
	}
	if w.seq == 0 && !body.End && !q.takeSlotLocked(w) {
		return false
	}
	if n > 0 || w.seq == 0 {
		w.headerLocked(n)
		cur := body.cursor()
		q.copyLocked(&cur, n)
		w.credit -= int64(n)
		q.credit -= int64(n)
	}
	if body.End {
		w.endLocked()
	} else {
		w.registerLocked()
	}
	return true
}

// startLocked lets the writer take a body.
func (w *SendStream) startLocked(body *Body, n int) {
	w.job = job{active: true, small: n <= smallBytes, cursor: body.cursor(), left: n, end: body.End, owner: body.Owner}
	w.registerLocked()
	if w.seq > 0 || w.isWholeLocked() || w.q.mayBeginLocked(w) {
		w.q.enqueueLocked(w)
	}
}

// headerLocked appends the header of the next frame with n bytes.
func (w *SendStream) headerLocked(n int) {
	kind := Data
	if w.seq == 0 {
		kind = Open
	}
	w.q.headerLocked(w.id, w.seq, kind, n)
	w.seq++
}

// endLocked appends the End frame.
func (w *SendStream) endLocked() {
	w.q.headerLocked(w.id, w.seq, End, 0)
	w.seq++
	w.ended = true
	w.unregisterLocked()
}

func (w *SendStream) registerLocked() {
	if !w.registered {
		w.registered = true
		w.q.senders[w.id] = w
		w.widenLocked()
	}
}

// widenLocked adds what the peer's settings allow a stream that was made before
// they arrived.
func (w *SendStream) widenLocked() {
	w.credit += w.q.streamWindow - w.window
	w.window = w.q.streamWindow
}

// unregisterLocked forgets the stream, unless its body is still to be written.
func (w *SendStream) unregisterLocked() {
	if w.registered && w.q.senders[w.id] == w {
		delete(w.q.senders, w.id)
	}
	w.registered = false
	w.q.freeSlotLocked(w)
}

// Stop makes a pending Send and every later one fail with [ErrStopped]. The
// peer is told nothing: for it the stream is unfinished until Cancel.
func (w *SendStream) Stop() { w.stop(ErrStopped) }

func (w *SendStream) stop(err error) {
	q := w.q
	q.mu.Lock()
	w.stopLocked(err)
	notify := q.notify
	q.notify = nil
	q.unlockAndWake() // another may begin
	tell(notify)
}

func (w *SendStream) stopLocked(err error) {
	if w.stopped == nil {
		w.stopped = err
	}
	if w.job.active && !w.writing {
		w.q.finishLocked(w, w.stopped)
	}
}

// Cancel gives the stream up and tells the peer, also after the stream ended:
// then it asks the receiver to give up the work on it. code is for the
// receiver; 0 says nothing. Only the first call has an effect.
func (w *SendStream) Cancel(code uint32) {
	w.Stop()
	q := w.q
	q.mu.Lock()
	tellPeer := !w.cancelled && w.seq > 0
	if w.session.original && w.ended {
		tellPeer = false
	}
	w.cancelled = true
	w.unregisterLocked()
	var err error
	if tellPeer {
		err = q.cancelLocked(w.id, w.seq, code)
	}
	q.unlockAndWake()
	w.session.check(err)
}

// CancelUnlessEnded cancels the stream if its end has not been sent.
func (w *SendStream) CancelUnlessEnded(code uint32) {
	w.q.mu.Lock()
	ended := w.ended
	w.q.mu.Unlock()
	if !ended {
		w.Cancel(code)
	}
}

// cancelLocked queues a Cancel frame for a stream of which seq frames were sent. In the
// original protocol it counts like the others, and has no code.
func (q *outbound) cancelLocked(id, seq, code uint32) error {
	if q.layout.original {
		return q.controlLocked(id, seq, Cancel, nil)
	}
	if code == 0 {
		return q.controlLocked(id, 0, Cancel, nil)
	}
	var payload [4]byte
	binary.LittleEndian.PutUint32(payload[:], code)
	return q.controlLocked(id, 0, Cancel, payload[:])
}
