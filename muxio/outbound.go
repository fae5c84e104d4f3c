package muxio

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

const (
	// smallBytes is the size up to which a body is copied into the queue, if
	// there is room, so that its sender goes on at once.
	smallBytes = 16 << 10
	// messageBytes is about how much goes out in one transport message: a
	// small frame waits for no more than that.
	messageBytes = 256 << 10
	// coalescedBytes is how much is written without waiting whether others
	// send too.
	coalescedBytes = 16 << 10
)

// Priority says which of the bodies that wait to be sent go first. A body of
// higher priority goes before all of lower ones; small bodies go before large
// ones in any case.
type Priority uint8

// The priorities. The zero value is normal.
const (
	Normal Priority = iota
	High
	Low
	priorities
)

// order is that in which the writer looks at the priorities.
var order = [priorities]Priority{High, Normal, Low}

// ring is a queue of streams whose bodies wait to be sent, linked through the
// streams.
type ring struct{ first, last *SendStream }

func (r *ring) push(w *SendStream) {
	w.next = nil
	if r.last == nil {
		r.first = w
	} else {
		r.last.next = w
	}
	r.last = w
}

// pop takes the first stream out; there is one.
func (r *ring) pop() {
	w := r.first
	if r.first = w.next; r.first == nil {
		r.last = nil
	}
	w.next = nil
}

// remove takes w out, which is in the ring.
func (r *ring) remove(w *SendStream) {
	var before *SendStream
	for x := r.first; x != w; x = x.next {
		before = x
	}
	if before == nil {
		r.first = w.next
	} else {
		before.next = w.next
	}
	if r.last == w {
		r.last = before
	}
	w.next = nil
}

// outbound is the sending side of a session. Frames that are copied gather in
// a batch; bodies that are too large for that, or that find no room or no
// credit, wait in rings for the writer, which takes them in turn, a chunk each.
// One batch fills while the other is written. The writer is whoever has set
// writing: a goroutine that sends and finds nobody at it, or the session's own.
type outbound struct {
	layout Layout
	limits Limits
	wake   chan struct{} // holds one token: there may be something for the writer goroutine

	mu           sync.Mutex
	filling      *batch
	spare        *batch // nil while the writer holds it
	controlBytes int    // of filling, appended without regard to room
	waitingBytes int    // of bodies that should be there, but have no credit
	small        ring   // bodies of up to smallBytes
	bulk         [priorities]ring
	credit       int64                  // of the connection
	streamWindow int64                  // of the peer, for new streams
	senders      map[uint32]*SendStream // may get grants
	heldIDs      map[uint32]struct{}
	slots        slots
	closed       error
	moreSoon     func() bool   // of [Config]
	corked       atomic.Bool   // the read loop is at work; it wakes the writer when it is done
	writing      bool          // somebody writes a batch
	handed       *batch        // what the read loop could not write, for the writer goroutine; nil if there is none
	begun        bool          // the transport has taken a part of handed
	taken        uint64        // batches handed to the writer
	written      uint64        // batches that the transport has let go of
	flushed      chan struct{} // closed when written grows or the writer ends; nil if nobody waits
	writerEnded  bool
	notify       []*SendStream // scratch: finished without a waiter
}

func newOutbound(layout Layout, limits Limits) *outbound {
	if layout == LayoutOriginal {
		layout = LayoutOriginal13 // until the peer has said which one
	}
	return &outbound{
		layout: layout, limits: limits,
		wake:    make(chan struct{}, 1),
		filling: &batch{}, spare: &batch{},
		credit: InitialConnCredit, streamWindow: InitialCredit,
		senders: make(map[uint32]*SendStream), heldIDs: make(map[uint32]struct{}),
		slots: slots{most: MinStreams},
	}
}

// setLayout says how frames are to stand on the wire from now on.
func (q *outbound) setLayout(l Layout) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.layout = l
}

// cork keeps what the read loop sends until [Session.uncork]: the answers to what came
// together go out together.
func (q *outbound) cork() { q.corked.Store(true) }

// unlockForReadLoop is unlockAndWake for what the read loop sends too.
func (q *outbound) unlockForReadLoop() {
	if q.corked.Load() {
		q.mu.Unlock()
	} else {
		q.unlockAndWake()
	}
}

// unlockAndWake releases mu and tells the writer that there is work.
func (q *outbound) unlockAndWake() {
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// headerLocked appends a frame header.
func (q *outbound) headerLocked(stream, seq uint32, kind Kind, payloadBytes int) {
	b := q.filling
	b.copied = q.layout.AppendHeader(b.copied, stream, seq, kind, payloadBytes)
	b.bytes += q.layout.HeaderBytes()
}

// copyLocked appends n bytes of a body.
func (q *outbound) copyLocked(cur *cursor, n int) {
	b := q.filling
	b.bytes += n
	for n > 0 {
		p := cur.upTo(n)
		b.copied = append(b.copied, p...)
		n -= len(p)
	}
}

// lendLocked appends n bytes of a body, large slices by reference.
func (q *outbound) lendLocked(cur *cursor, n int) {
	b := q.filling
	b.bytes += n
	for n > 0 {
		p := cur.upTo(n)
		n -= len(p)
		if len(p) < q.limits.ReferenceFromBytes {
			b.copied = append(b.copied, p...)
			continue
		}
		b.borrowed = append(b.borrowed, borrow{at: len(b.copied), p: p})
	}
}

// roomLocked tells whether n more bytes may be copied.
func (q *outbound) roomLocked(n int) bool {
	return q.filling.bytes == 0 || q.filling.bytes+n <= q.limits.MaxQueuedBytes
}

// controlLocked appends a small frame without regard to room, within the bound
// for such frames.
func (q *outbound) controlLocked(stream, seq uint32, kind Kind, payload []byte) error {
	if err := q.reserveControlLocked(q.layout.HeaderBytes() + len(payload)); err != nil {
		return err
	}
	q.headerLocked(stream, seq, kind, len(payload))
	q.filling.copied = append(q.filling.copied, payload...)
	q.filling.bytes += len(payload)
	return nil
}

// reserveControlLocked takes n bytes of the bound for frames that cannot wait.
func (q *outbound) reserveControlLocked(n int) error {
	if q.closed != nil {
		return q.closed
	}
	if waiting := q.controlBytes + q.waitingBytes; waiting+n > q.limits.MaxControlBytes {
		return violation(ClosePolicy, "peer does not read what it asks for: %d control bytes wait, limit MaxControlBytes", waiting)
	}
	q.controlBytes += n
	return nil
}

// control queues a small frame that must not wait.
func (q *outbound) control(stream uint32, kind Kind, payload []byte) error {
	q.mu.Lock()
	err := q.controlLocked(stream, 0, kind, payload)
	q.unlockForReadLoop()
	return err
}

// grant queues a Credit frame.
func (q *outbound) grant(stream uint32, n int64) error {
	var payload [4]byte
	binary.LittleEndian.PutUint32(payload[:], uint32(n))
	return q.control(stream, Credit, payload[:])
}

// credited adds a grant of the peer: to a stream, which may be unknown by now,
// or to the connection.
func (q *outbound) credited(stream uint32, n int64) error {
	q.mu.Lock()
	defer q.unlockAndWake()
	if stream == connectionID {
		if q.credit += n; q.credit > maxWindow {
			return violation(CloseProtocolError, "connection: credit of %d bytes", q.credit)
		}
		q.divideLocked()
		return nil
	}
	w := q.senders[stream]
	if w == nil {
		return nil
	}
	if w.credit += n; w.credit > maxWindow {
		return violation(CloseProtocolError, "stream %d: credit of %d bytes", stream, w.credit)
	}
	q.enqueueLocked(w)
	return nil
}

// settled takes the windows and the number of streams that the peer announced.
func (q *outbound) settled(s settings) {
	q.mu.Lock()
	defer q.unlockAndWake()
	q.credit += s.connWindow - InitialConnCredit
	q.streamWindow = s.streamWindow
	for _, w := range q.senders {
		w.widenLocked()
		q.enqueueLocked(w)
	}
	q.slots.most = s.streams
	q.beginLocked()
	q.divideLocked()
}

// enqueueLocked puts a stream whose body waits into its ring, if it has credit.
func (q *outbound) enqueueLocked(w *SendStream) {
	if !w.job.active || w.queued || w.writing || w.credit <= 0 && w.job.left > 0 {
		return
	}
	w.queued = true
	q.ringOf(w).push(w)
}

// ringOf returns the ring in which w waits.
func (q *outbound) ringOf(w *SendStream) *ring {
	switch {
	case w.parked != nil:
		return w.parked
	case w.job.small:
		return &q.small
	}
	return &q.bulk[w.priority]
}

// readyLocked tells whether the writer has something to take.
func (q *outbound) readyLocked() bool {
	if q.filling.bytes > 0 {
		return true
	}
	for _, r := range [...]*ring{&q.small, &q.bulk[High], &q.bulk[Normal], &q.bulk[Low]} {
		if r.first != nil && (q.credit > 0 || r.first.job.left == 0) {
			return true
		}
	}
	return false
}

// finishLocked ends the wait for a body: all of it is written, or it will not
// be.
func (q *outbound) finishLocked(w *SendStream, err error) {
	if w.queued {
		q.ringOf(w).remove(w)
		w.queued = false
	}
	if w.seq == 0 { // it has not begun, and will not
		q.freeSlotLocked(w)
	}
	q.waitingBytes -= w.job.waiting
	w.job = job{err: err, then: w.job.then}
	if w.job.then != nil {
		q.notify = append(q.notify, w)
		return
	}
	w.done <- struct{}{}
}

// tell calls the functions of bodies that nobody waits for, without the lock.
func tell(finished []*SendStream) {
	for _, w := range finished {
		w.job.then(w.job.err)
	}
}

func (q *outbound) broadcastLocked() {
	if q.flushed != nil {
		close(q.flushed)
		q.flushed = nil
	}
}

// close refuses further frames with err; what is copied is still written, and
// what waits in rings is given up.
func (q *outbound) close(err error) {
	q.mu.Lock()
	if q.closed == nil {
		q.closed = err
		q.giveUpLocked(err)
	}
	notify := q.notify
	q.notify = nil
	q.unlockAndWake()
	tell(notify)
}

// giveUpLocked ends the waits of all bodies that are not being written.
func (q *outbound) giveUpLocked(err error) {
	for _, w := range q.senders {
		w.stopLocked(err)
	}
}

// stopAll makes every pending and later Send of a stream fail with err.
func (q *outbound) stopAll(err error) {
	q.mu.Lock()
	q.giveUpLocked(err)
	notify := q.notify
	q.notify = nil
	q.mu.Unlock()
	tell(notify)
}

// waitFlushed blocks until everything copied before the call is written, the
// writer ended, or ctx ends.
func (q *outbound) waitFlushed(ctx context.Context) error {
	q.mu.Lock()
	target := q.taken
	if q.filling.bytes > 0 {
		target++
	}
	for q.written < target && !q.writerEnded {
		if q.flushed == nil {
			q.flushed = make(chan struct{})
		}
		flushed := q.flushed
		q.mu.Unlock()
		select {
		case <-flushed:
		case <-ctx.Done():
			return ctx.Err()
		}
		q.mu.Lock()
	}
	defer q.mu.Unlock()
	if q.written < target {
		return q.closed
	}
	return nil
}
