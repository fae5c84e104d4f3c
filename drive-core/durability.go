package drive

import (
	"path/filepath"

	"github.com/simd-drive/go/drive-core/internal/mutant"
)

// Sync makes everything that was acknowledged before the call durable against power
// loss, also after a write has failed. When it fails, with a *FailedError, the store refuses further writes: what
// the system could not write it may since have dropped, so that a later success
// would prove nothing. Writers do not wait for Sync.
func (s *Store) Sync() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	g := s.gen.Load()
	if g == nil {
		return ErrClosed
	}
	if s.opts.ReadOnly {
		return nil
	}
	return s.syncUnlessFailed(g, g.tail.Load())
}

// syncUnlessFailed is syncHeld, unless a sync has failed before. A failed write does
// not keep what was acknowledged before it from being synced. s.syncMu must be held.
func (s *Store) syncUnlessFailed(g *generation, tail int64) error {
	if failure := s.failure.Load(); failure != nil && failure.ofSync() {
		return failure
	}
	return s.syncHeld(g, tail)
}

// syncTo is syncHeld for callers that do not hold s.syncMu.
func (s *Store) syncTo(g *generation, tail int64) error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return s.syncHeld(g, tail)
}

// syncHeld syncs the file, which has been written up to tail, and the name that it
// was given, and notes that in the mark. s.syncMu must be held. Any error is a
// *FailedError, and the store has failed.
func (s *Store) syncHeld(g *generation, tail int64) error {
	if err := s.syncFile(g); err != nil {
		return err
	}
	if !s.dirSynced {
		if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
			f := &FailedError{Op: failedSyncDir, Err: err}
			s.fail(f)
			return f
		}
		s.dirSynced = true
	}
	s.noteSynced(g, tail, false)
	return nil
}

// syncBatch syncs what a batch has written so far, before its seal.
func (s *Store) syncBatch() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return s.syncFile(s.batch.g)
}

// syncFile syncs the file alone. s.syncMu must be held.
func (s *Store) syncFile(g *generation) error {
	if mutant.NoSync {
		return nil
	}
	if err := g.file.Sync(); err != nil {
		f := &FailedError{Op: failedSync, Err: err}
		s.fail(f)
		s.marker.mark.failed = true
		s.writeMark(g, false)
		return f
	}
	return nil
}

// beginMark writes the mark of a file that it was not of before. s.syncMu must be
// held.
func (s *Store) beginMark(g *generation, tail int64) {
	s.marker.mark = mark{}
	if info, err := g.stat(); err == nil {
		s.marker.mark.file = s.fsys.FileID(info)
	}
	s.noteSynced(g, tail, true)
}

// noteSynced writes the mark, and with durable syncs it. That it cannot be written is
// no failure: an old mark, or none, only makes recovery more careful. s.syncMu must
// be held.
func (s *Store) noteSynced(g *generation, tail int64, durable bool) {
	k := &s.marker
	var sum uint64
	if tail > 0 {
		var meta [metadataSize]byte
		if _, err := g.file.ReadAt(meta[:], tail-metadataSize); err != nil {
			return
		}
		sum = fingerprint(meta[:])
	}
	k.mark.add(markPoint{tail, sum})
	s.writeMark(g, durable)
}

// writeMark writes the mark as it is, and warns when it cannot. s.syncMu must be
// held.
func (s *Store) writeMark(g *generation, durable bool) {
	made, err := s.marker.note(g.file, filepath.Dir(s.realPath), durable)
	if err != nil {
		s.log.Warn("drive: the mark of what is synced cannot be written", "path", s.marker.path, "err", err)
		return
	}
	s.dirSynced = s.dirSynced || made
}

// syncLater sees to it that the background syncs what has just been published.
// s.mu must be held.
func (s *Store) syncLater() {
	if d := s.opts.Sync.Interval(); d > 0 && !s.opts.ReadOnly && s.tasks.claimSync() {
		s.tasks.syncAfter(d, s.syncInBackground)
	}
}

// syncInBackground is the sync that SyncInterval promises. A failure shows in the
// log at once and in the next write.
func (s *Store) syncInBackground() {
	_ = s.Sync() // it has failed the store, or the store is closed
}
