package muxio

import (
	"context"
	"sync"
)

// notifier wakes every waiter at once. It is guarded by the lock of the state
// that the waiters wait for.
type notifier struct{ ch chan struct{} }

// wait returns a channel that the next broadcast closes.
func (n *notifier) wait() <-chan struct{} {
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notifier) broadcast() {
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}

// batch is what one transport message is made of: copied bytes, and slices
// that are borrowed from senders until the message is written.
type batch struct {
	copied   []byte
	borrowed []borrow
	bytes    int // copied and borrowed
}

// borrow is a sender's slice that stands in front of copied[at:].
type borrow struct {
	at int
	p  []byte
}

// pieces appends the batch's bytes in order.
func (b *batch) pieces(dst [][]byte) [][]byte {
	from := 0
	for _, r := range b.borrowed {
		if r.at > from {
			dst = append(dst, b.copied[from:r.at])
			from = r.at
		}
		dst = append(dst, r.p)
	}
	if from < len(b.copied) {
		dst = append(dst, b.copied[from:])
	}
	return dst
}

// reset empties the batch and lets go of borrowed memory. A buffer that a
// burst made large is not kept.
func (b *batch) reset(keepBytes int) {
	if cap(b.copied) > keepBytes {
		b.copied = nil
	}
	clear(b.borrowed)
	*b = batch{copied: b.copied[:0], borrowed: b.borrowed[:0]}
}

// writeQueue collects frames of all streams until the session's writer takes
// them. Senders append under mu; one batch fills while the other is written.
type writeQueue struct {
	layout          Layout
	maxQueuedBytes  int
	maxControlBytes int
	wake            chan struct{} // holds one token: there is something to take

	mu           sync.Mutex
	filling      *batch
	spare        *batch // nil while the writer holds it
	controlBytes int    // of filling, appended without regard to room
	closed       error
	taken        uint64   // batches handed to the writer
	written      uint64   // batches that the transport has let go of
	room         notifier // filling was emptied, or the queue closed
	done         notifier // written grew, or the writer ended
	writerEnded  bool
}

func newWriteQueue(layout Layout, limits Limits) *writeQueue {
	return &writeQueue{
		layout:          layout,
		maxQueuedBytes:  limits.MaxQueuedBytes,
		maxControlBytes: limits.MaxControlBytes,
		wake:            make(chan struct{}, 1),
		filling:         &batch{},
		spare:           &batch{},
	}
}

// lockWithRoom waits until n more bytes fit, then returns with mu held. An
// error returns without it.
func (q *writeQueue) lockWithRoom(ctx context.Context, n int) error {
	for {
		q.mu.Lock()
		if q.closed != nil {
			defer q.mu.Unlock()
			return q.closed
		}
		if q.filling.bytes == 0 || q.filling.bytes+n <= q.maxQueuedBytes {
			return nil
		}
		room := q.room.wait()
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// headerLocked appends a frame header. The caller holds mu.
func (q *writeQueue) headerLocked(stream, seq uint32, kind Kind, payloadBytes int) {
	b := q.filling
	b.copied = q.layout.AppendHeader(b.copied, stream, seq, kind, payloadBytes)
	b.bytes += q.layout.HeaderBytes()
}

// payloadLocked appends payload, by reference from referenceFrom bytes on, and
// reports whether it did so. The caller holds mu.
func (q *writeQueue) payloadLocked(p []byte, referenceFrom int) (borrowed bool) {
	b := q.filling
	b.bytes += len(p)
	if len(p) < referenceFrom {
		b.copied = append(b.copied, p...)
		return false
	}
	b.borrowed = append(b.borrowed, borrow{at: len(b.copied), p: p})
	return true
}

// unlockAndWake releases mu and tells the writer that there is work.
func (q *writeQueue) unlockAndWake() {
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// controlLocked appends a small frame without waiting for room, within the
// bound for such frames. The caller holds mu.
func (q *writeQueue) controlLocked(stream, seq uint32, kind Kind, payload []byte) error {
	n := q.layout.HeaderBytes() + len(payload)
	if q.closed != nil {
		return q.closed
	}
	if q.controlBytes+n > q.maxControlBytes {
		return violation(ClosePolicy, "peer does not read what it asks for: %d control bytes wait, limit MaxControlBytes", q.controlBytes)
	}
	q.controlBytes += n
	q.headerLocked(stream, seq, kind, len(payload))
	q.filling.copied = append(q.filling.copied, payload...)
	q.filling.bytes += len(payload)
	return nil
}

// generationLocked names the batch that is filling, for waitWritten.
func (q *writeQueue) generationLocked() uint64 { return q.taken + 1 }

// waitWritten blocks until the transport has let go of the batch, or will
// never see it. The wait is bounded by the transport's own write timeout.
func (q *writeQueue) waitWritten(generation uint64) error {
	for {
		q.mu.Lock()
		if q.written >= generation {
			q.mu.Unlock()
			return nil
		}
		if q.writerEnded {
			defer q.mu.Unlock()
			return q.closed
		}
		done := q.done.wait()
		q.mu.Unlock()
		<-done
	}
}

// waitFlushed blocks until everything queued before the call is written, the
// writer ended, or ctx ends.
func (q *writeQueue) waitFlushed(ctx context.Context) error {
	q.mu.Lock()
	target := q.taken
	if q.filling.bytes > 0 {
		target++
	}
	for q.written < target && !q.writerEnded {
		done := q.done.wait()
		q.mu.Unlock()
		select {
		case <-done:
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

// take waits for a batch to write. It returns nil once the queue is closed and
// empty.
func (q *writeQueue) take() *batch {
	for {
		q.mu.Lock()
		if q.filling.bytes > 0 {
			b := q.filling
			q.filling, q.spare = q.spare, nil
			q.controlBytes = 0
			q.taken++
			q.room.broadcast()
			q.mu.Unlock()
			return b
		}
		closed := q.closed != nil
		q.mu.Unlock()
		if closed {
			return nil
		}
		<-q.wake
	}
}

// wrote gives the batch back after the transport has let go of it.
func (q *writeQueue) wrote(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.reset(q.maxQueuedBytes + 2*ChunkBytes)
	q.spare = b
	q.written++
	q.done.broadcast()
}

// close refuses further frames with err; what is queued is still written.
func (q *writeQueue) close(err error) {
	q.mu.Lock()
	if q.closed == nil {
		q.closed = err
	}
	q.room.broadcast()
	q.unlockAndWake()
}

// endWriter releases everybody who waits for the writer.
func (q *writeQueue) endWriter() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writerEnded = true
	q.filling.reset(0)
	q.room.broadcast()
	q.done.broadcast()
}
