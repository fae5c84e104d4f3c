package muxio

// A peer accepts a number of unfinished streams, which its settings tell. A stream
// is unfinished from its Open frame to its End or Cancel frame, unless its End
// follows its Open at once: most messages are never unfinished.

// slots counts the streams that this end has unfinished, and keeps those whose
// bodies may not begin yet, in order. outbound.mu guards it.
type slots struct {
	most   int64 // as the peer's settings tell
	taken  int64 // by streams that are unfinished, or may begin
	needed ring  // streams that wait for a slot
	// Streams that need none if all of their body goes out in one frame, which
	// takes more of the connection's credit than there is.
	undivided ring
}

// isWholeLocked tells whether what is left of the stream fits one frame with its
// End behind it.
func (w *SendStream) isWholeLocked() bool { return w.job.end && w.job.left <= ChunkBytes }

// takeSlotLocked reports whether the stream has a slot. It takes one if there is.
func (q *outbound) takeSlotLocked(w *SendStream) bool {
	if !w.hasSlot && q.slots.taken < q.slots.most {
		w.hasSlot = true
		q.slots.taken++
	}
	return w.hasSlot
}

// mayBeginLocked reports whether a body of n bytes may go out as the first of its
// stream, of which more follows. If not, the stream waits until it may.
func (q *outbound) mayBeginLocked(w *SendStream) bool {
	switch {
	case q.takeSlotLocked(w):
		return true
	case w.isWholeLocked():
		q.parkLocked(w, &q.slots.undivided)
	default:
		q.parkLocked(w, &q.slots.needed)
	}
	return false
}

// freeSlotLocked gives the slot of a stream, if it has one, to the first that waits.
func (q *outbound) freeSlotLocked(w *SendStream) {
	if !w.hasSlot {
		return
	}
	w.hasSlot = false
	q.slots.taken--
	q.beginLocked()
}

// beginLocked lets streams begin that wait for slots, as many as there are.
func (q *outbound) beginLocked() {
	for w := q.slots.needed.first; w != nil && q.takeSlotLocked(w); w = q.slots.needed.first {
		q.unparkLocked(w)
	}
}

// divideLocked lets undivided bodies go on for which the connection has credit now.
func (q *outbound) divideLocked() {
	for w := q.slots.undivided.first; w != nil && int64(w.job.left) <= q.credit; w = q.slots.undivided.first {
		q.unparkLocked(w)
	}
}

// parkLocked lets a stream wait in a ring that the writer does not look at.
func (q *outbound) parkLocked(w *SendStream, r *ring) {
	w.queued, w.parked = true, r
	r.push(w)
}

// unparkLocked moves the first stream of such a ring to that of the writer.
func (q *outbound) unparkLocked(w *SendStream) {
	w.parked.pop()
	w.queued, w.parked = false, nil
	q.enqueueLocked(w)
}
