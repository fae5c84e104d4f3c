package drive

// streamWrite is a value on its way into the drive whose payload is written, behind
// the tail, before its size is known. Its methods need s.mu.
type streamWrite struct {
	s     *Store
	g     *generation
	tail  int64 // the tail before the value
	start int64 // where the payload begins
	limit int64 // how many bytes it may have
	done  bool  // it is published, or nothing of it is left
}

// beginStreamLocked begins a value at the tail: it writes what comes before the
// payload. rollBackLocked must follow. s.mu must be held.
func (s *Store) beginStreamLocked() (*streamWrite, error) {
	g, err := s.writableLocked()
	if err != nil {
		return nil, err
	}
	tail := g.tail.Load()
	start := tail + padding(tail)
	w := &streamWrite{s: s, g: g, tail: tail, start: start, limit: maxOffset - metadataSize - start}
	if start > tail {
		if _, err := g.file.WriteAt(zeroPad[:start-tail], tail); err != nil {
			err = w.failedLocked(err)
			w.rollBackLocked()
			return nil, err
		}
	}
	return w, nil
}

// failedLocked lets the store refuse further writes because of err, an error of
// writing, and returns the *FailedError.
func (w *streamWrite) failedLocked(err error) error {
	f := &FailedError{Op: failedWrite, Err: err}
	w.s.fail(f)
	return f
}

// publishLocked ends a value whose payload is in the file and returns the new tail.
func (w *streamWrite) publishLocked(hash uint64, size int64, sum uint32) (end int64, err error) {
	end = w.start + size + metadataSize
	if err := w.g.makeRoom(end); err != nil {
		return 0, err
	}
	meta := appendMetadata(make([]byte, 0, metadataSize), metadata{keyHash: hash, prevOffset: w.tail, checksum: sum})
	if _, err := w.g.file.WriteAt(meta, w.start+size); err != nil {
		return 0, w.failedLocked(err)
	}
	if w.s.opts.Sync == SyncAlways {
		if err := w.s.syncTo(w.g, end); err != nil {
			return 0, err
		}
	}
	w.done = true
	var added counts
	added.add(w.start-w.tail, false)
	w.s.publishLocked(w.g, end, []change{{hash, locationOf(w.start, size)}}, &added)
	return end, nil
}

// rollBackLocked cuts off a value that was not published.
func (w *streamWrite) rollBackLocked() {
	if !w.done {
		w.done = true
		_ = w.s.rollBackLocked(w.g, nil) // the cause is known to whoever met it
	}
}
