package drive

import (
	"errors"
	"slices"
)

// How a change is made, whatever it is: its operation is planned, its entries are
// written behind the tail, with SyncAlways synced, and then published. What fails on
// the way is cut off again before anybody has seen it.

// commit does one operation.
func (s *Store) commit(op operation) (int64, error) {
	if s.group != nil {
		return s.group.do(op)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commitLocked(op)
}

// commitLocked does one operation by itself and returns the new tail. s.mu must be
// held.
func (s *Store) commitLocked(op operation) (int64, error) {
	g, err := s.writableLocked()
	if err != nil {
		return 0, err
	}
	b := &s.batch
	b.start(g)
	defer b.release()
	if err := s.planLocked(op, true); err != nil {
		return 0, err
	}
	if err := s.settleLocked(op.add(b)); err != nil {
		return 0, err
	}
	return b.end, nil
}

// planLocked plans an operation. With alone, nothing else is in the batch, which
// then holds its seal only if it must.
func (s *Store) planLocked(op operation, alone bool) error {
	b := &s.batch
	end, err := op.plan(b)
	if err != nil {
		return err
	}
	if alone {
		unit := int64(killUnit)
		if s.opts.Sync == SyncAlways {
			unit = powerUnit
		}
		b.hold = op.atomic() && b.begin/unit != (end-1)/unit
	}
	return b.g.makeRoom(end)
}

// settleLocked ends the batch: it writes what is left, syncs if that is the mode,
// and publishes, unless adding has failed. On any error the file is as it was
// before. s.mu must be held.
func (s *Store) settleLocked(err error) error {
	b := &s.batch
	var settle func() error
	if s.opts.Sync == SyncAlways {
		settle = s.syncBatch
	}
	if err == nil {
		err = b.finish(settle)
	}
	if err == nil && settle != nil && len(b.changes) > 0 {
		err = s.syncTo(b.g, b.end)
	}
	if err != nil {
		if b.dirty {
			err = s.rollBackLocked(b.g, err)
		}
		return err
	}
	if len(b.changes) > 0 {
		s.publishLocked(b.g, b.end, b.changes, &b.counts)
	}
	return nil
}

// publishLocked makes entries visible that are in the file: the index first, then
// the tail, so that an iteration, which begins at the tail, never meets an entry
// that the index does not know yet. s.mu must be held.
func (s *Store) publishLocked(g *generation, tail int64, changes []change, added *counts) {
	s.countsMu.Lock()
	g.reach.Store(tail)
	for group := range slices.Chunk(changes, scanGroup) {
		g.index.touchAll(group)
		for _, c := range group {
			g.apply(c, added)
		}
	}
	g.index.settle()
	g.advance(tail)
	s.counts.merge(added)
	s.countsMu.Unlock()
	s.syncLater()
	s.compactLater()
	s.checkpointLater()
}

// apply makes one change to the index and counts what becomes live and what no
// longer is.
func (g *generation) apply(c change, added *counts) { g.applyTo(g.index, c, added) }

// applyTo is apply for an index of the same file.
func (g *generation) applyTo(x *index, c change, added *counts) {
	if old := x.set(c.hash, c.loc); old != 0 {
		size, ok := g.sizeAt(old)
		added.dropLive(size)
		added.unknown = added.unknown || !ok
	}
	if c.loc != 0 {
		size, ok := g.sizeAt(c.loc)
		added.addLive(size)
		added.unknown = added.unknown || !ok
	}
}

// rollBackLocked cuts off what a failed write left behind the tail and returns
// the error of the write. When the file is the cause, or cannot be cut, the store
// takes no more writes. A file that has become shorter than the tail is somebody
// else's doing; it must not be made longer, which would fill it with zeros. s.mu
// must be held.
func (s *Store) rollBackLocked(g *generation, cause error) error {
	var failure *FailedError
	if errors.As(cause, &failure) {
		s.fail(failure)
	}
	tail := g.tail.Load()
	info, err := g.stat()
	switch {
	case err != nil:
	case info.Size() > tail:
		err = g.file.Truncate(tail)
	case info.Size() < tail:
		err = &CorruptError{Path: s.path, Offset: info.Size(), Reason: "the file has been cut short"}
	}
	if err != nil {
		s.fail(&FailedError{Op: failedRollBack, Err: err})
	}
	return cause
}

// makeRoom sees to it that what is written before end can be read.
func (g *generation) makeRoom(end int64) error {
	if !g.pastEnd {
		return nil // the first reader of the new bytes maps them
	}
	_, err := g.cover(end)
	return err
}
