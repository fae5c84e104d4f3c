package muxio

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Who writes what is queued, and when. A session has a goroutine for it, but a goroutine
// that sends writes by itself when nobody else is at it and nobody else is about to send:
// a lone call waits for no other goroutine to run. When many send at a time, the
// session's own waits until they have, so that their frames share a system call. The read
// loop writes its answers by itself, as far as it need not wait for that.

// writeLoop writes what others have queued and do not write themselves.
func (s *Session) writeLoop() {
	defer s.loops.Done()
	for s.out.await() {
		if s.out.handed != nil {
			s.writeHandedLocked()
		} else {
			s.writeLocked()
		}
	}
	s.out.endWriter(nil)
	s.mu.Lock()
	failed := s.writeErr != nil
	s.mu.Unlock()
	if failed {
		s.leaveToReader()
	}
}

// writeLocked writes one message: everything that is queued, as far as it has room.
// s.out.mu is held, nobody else is writing; mu is released.
func (s *Session) writeLocked() {
	b := s.out.takeLocked()
	if b == nil {
		s.out.mu.Unlock()
		return
	}
	s.out.mu.Unlock()
	s.write(b)
}

// write writes a batch.
func (s *Session) write(b *batch) {
	s.pieces = b.pieces(s.pieces[:0])
	err := s.transport.WriteMessage(s.pieces)
	clear(s.pieces)
	s.endWrite(b, err)
}

// endWrite lets go of a batch that was written, or could not be.
func (s *Session) endWrite(b *batch, err error) {
	if err != nil {
		s.writeFailed(fmt.Errorf("muxio: writing: %w", err))
		s.out.endWriter(b)
		return
	}
	s.out.wrote(b)
}

// tryBytes is the most that the read loop writes by itself. A longer message is copied
// and sent by another processor, while the read loop takes what has come meanwhile.
const tryBytes = 16 << 10

// uncork lets what the read loop has sent go out.
func (s *Session) uncork() {
	q := s.out
	q.corked.Store(false)
	q.mu.Lock()
	switch {
	case !q.readyLocked():
		q.mu.Unlock()
	case s.tryWriter != nil && !q.writing && !q.writerEnded && q.isShortLocked():
		s.tryLocked()
	default:
		q.unlockAndWake()
	}
}

// isShortLocked tells whether all that is queued is a short message of copied bytes.
func (q *outbound) isShortLocked() bool {
	return q.filling.bytes <= tryBytes && len(q.filling.borrowed) == 0 && q.small.first == nil &&
		q.bulk[High].first == nil && q.bulk[Normal].first == nil && q.bulk[Low].first == nil
}

// tryLocked writes what is queued as far as that takes no waiting, and leaves the rest to the
// writer goroutine. s.out.mu is held, nobody else is writing; mu is released.
func (s *Session) tryLocked() {
	q := s.out
	b := q.takeLocked()
	q.mu.Unlock()
	s.pieces = b.pieces(s.pieces[:0])
	taken, flushed, err := s.tryWriter.TryWriteMessage(s.pieces)
	clear(s.pieces)
	if errors.Is(err, errors.ErrUnsupported) {
		s.tryWriter, err = nil, nil
	}
	if err != nil || flushed {
		s.endWrite(b, err)
		return
	}
	q.mu.Lock()
	q.handed, q.begun = b, taken
	q.unlockAndWake()
}

// writeHandedLocked writes what the read loop could not. s.out.mu is held, and released.
func (s *Session) writeHandedLocked() {
	q := s.out
	b, begun := q.handed, q.begun
	q.handed = nil
	q.mu.Unlock()
	if begun {
		s.endWrite(b, s.tryWriter.Flush()) // it has taken something, so it is there
	} else {
		s.write(b)
	}
}

// sendQueuedLocked sees to it that what the caller has queued is written: by itself,
// if nobody else is writing, so that it need not wait for another goroutine to run.
// s.out.mu is held, and released.
func (s *Session) sendQueuedLocked() {
	q := s.out
	if q.writing || q.writerEnded || q.corked.Load() || q.moreSoon != nil && q.moreSoon() {
		q.unlockAndWake()
		return
	}
	s.writeLocked()
}

// writeFailed refuses further frames.
func (s *Session) writeFailed(err error) {
	s.mu.Lock()
	s.writeErr = err
	s.mu.Unlock()
	s.out.close(err)
}

// reasonTimeout is how long the read loop may go on when nothing can be written.
const reasonTimeout = 500 * time.Millisecond

// leaveToReader leaves it to the read loop to end a session that cannot write: a peer
// that has closed the connection may have said why, and that explains more than the
// failed write.
func (s *Session) leaveToReader() {
	late := time.NewTimer(reasonTimeout)
	defer late.Stop()
	select {
	case <-s.done:
	case <-late.C:
		_ = s.transport.Close(CloseReason{Code: CloseGoingAway, Text: "write failed"})
	}
}

// await waits until the writer goroutine has something to write and may write it, or was
// handed something: then it holds mu and returns true. It returns false when the queue is closed and
// empty, or writing has failed.
func (q *outbound) await() bool {
	for {
		q.mu.Lock()
		if q.handed != nil {
			return true
		}
		if !q.writing && !q.writerEnded && q.readyLocked() {
			q.letOthersSendLocked()
			if !q.writing && !q.writerEnded {
				return true
			}
		}
		over := q.writerEnded || q.closed != nil && !q.writing && !q.readyLocked()
		q.mu.Unlock()
		if over {
			return false
		}
		<-q.wake
	}
}

// letOthersSendLocked lets goroutines that are about to send run first, as long as
// they do, so that their frames go out together: a system call for each costs far
// more. It releases mu meanwhile.
func (q *outbound) letOthersSendLocked() {
	if q.moreSoon == nil {
		return
	}
	for seen := -1; q.filling.bytes > seen && q.filling.bytes < coalescedBytes && q.moreSoon(); {
		seen = q.filling.bytes
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
}

// takeLocked takes the batch to write, nil if all that was ready has to wait. With a
// batch the caller is the writer, until it calls wrote or endWriter.
func (q *outbound) takeLocked() *batch {
	q.gatherLocked()
	b := q.filling
	if b.bytes == 0 {
		return nil
	}
	q.filling, q.spare = q.spare, nil
	q.controlBytes = 0
	q.taken++
	q.writing = true
	return b
}

// gatherLocked adds what waits in the rings to the batch: small bodies first,
// then one chunk of each large one in turn, until the message is long enough.
func (q *outbound) gatherLocked() {
	for q.small.first != nil && q.filling.bytes < messageBytes {
		if !q.chunkLocked(&q.small) {
			break
		}
	}
	for _, p := range order {
		for q.bulk[p].first != nil && q.filling.bytes < messageBytes {
			if !q.chunkLocked(&q.bulk[p]) {
				return
			}
		}
	}
}

// chunkLocked moves one chunk of the first body of a ring into the batch. It
// reports false when the credit of the connection is used up.
func (q *outbound) chunkLocked(r *ring) bool {
	w := r.first
	n := min(w.job.left, ChunkBytes, int(min(w.credit, maxWindow)), int(min(q.credit, maxWindow)))
	if n <= 0 && w.job.left > 0 {
		if w.credit > 0 {
			return false // the connection's credit
		}
		r.pop()
		w.queued = false // until the peer grants more
		return true
	}
	r.pop()
	w.queued = false
	if w.seq == 0 && n < w.job.left && !q.mayBeginLocked(w) {
		return true
	}
	if n > 0 || w.seq == 0 {
		w.headerLocked(n)
		q.lendLocked(&w.job.cursor, n)
		w.job.left -= n
		w.credit -= int64(n)
		q.credit -= int64(n)
	}
	if w.job.left == 0 && w.job.end {
		w.endLocked()
	}
	if !w.writing {
		w.writing = true
		q.filling.parts = append(q.filling.parts, w)
	}
	// More of it in this very message, after the others had their turn.
	if w.job.left > 0 && w.credit > 0 {
		w.queued = true
		r.push(w)
	}
	return true
}

// wrote gives the batch back after the transport has let go of it.
func (q *outbound) wrote(b *batch) {
	q.mu.Lock()
	for _, w := range b.parts {
		w.writing = false
		switch {
		case w.job.active && w.job.left == 0:
			q.finishLocked(w, nil)
		case w.job.active && w.stopped != nil:
			q.finishLocked(w, w.stopped)
		default:
			q.enqueueLocked(w)
		}
	}
	b.reset(q.limits.MaxQueuedBytes + 2*ChunkBytes)
	q.spare = b
	q.written++
	q.writing = false
	q.broadcastLocked()
	notify := q.notify
	q.notify = nil
	if q.closed != nil || q.readyLocked() {
		q.unlockAndWake()
	} else {
		q.mu.Unlock()
	}
	tell(notify)
}

// endWriter releases everybody who waits for the writer.
func (q *outbound) endWriter(b *batch) {
	q.mu.Lock()
	q.writerEnded, q.writing = true, false
	if q.closed == nil {
		q.closed = ErrClosed
	}
	if b != nil {
		for _, w := range b.parts {
			w.writing = false
			w.stopLocked(q.closed)
		}
	}
	q.giveUpLocked(q.closed)
	q.filling.reset(0)
	q.broadcastLocked()
	notify := q.notify
	q.notify = nil
	q.unlockAndWake()
	tell(notify)
}
