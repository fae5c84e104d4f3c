package drive

import (
	"context"
	"io/fs"
	"slices"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// Refresh lets a read-only store see what another process has written to the drive
// since it was opened or last refreshed, and tells whether there was anything. When
// the file was replaced, which is what a compaction does, the store goes on with the
// new one; Entries of the old one stay valid. With Options.Follow it happens by
// itself. A store that is open for writing sees everything already.
//
// Only complete entries that match their checksums are taken, so that one never sees
// a part of a write; but they may not be durable yet, whatever mode the writer has.
//
// Errors leave the store as it was: ErrClosed, fs.ErrNotExist when the path names
// nothing any more, and those of Open, if the file was replaced by one that is no
// drive.
func (s *Store) Refresh() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.gen.Load()
	if g == nil {
		return false, ErrClosed
	}
	if !s.opts.ReadOnly {
		return false, nil
	}
	for range lockTries {
		ours, statErr := g.stat()
		if statErr != nil {
			return false, statErr
		}
		changed, err = s.lookLocked(g, ours)
		if asCorrupt(err) == nil {
			break
		}
		// The writer may have cut off a stream that failed while its bytes were looked at.
		if now, statErr := g.stat(); statErr != nil || now.Size() == ours.Size() && now.ModTime().Equal(ours.ModTime()) {
			break
		}
	}
	return changed, err
}

// lookLocked is Refresh for a file that ours tells of. s.mu must be held.
func (s *Store) lookLocked(g *generation, ours fs.FileInfo) (changed bool, err error) {
	named, err := s.fsys.Stat(s.realPath)
	if err != nil {
		return false, err
	}
	size, tail := ours.Size(), g.tail.Load()
	switch {
	case !s.fsys.SameFile(ours, named), size < tail:
		return true, s.reloadLocked(g)
	case size == tail:
		return false, nil
	}
	return s.followLocked(g, size)
}

// reloadLocked opens the file that the path names now. s.mu must be held.
func (s *Store) reloadLocked(old *generation) error {
	file, err := s.fsys.Open(s.realPath, vfs.ReadOnly, 0)
	if err != nil {
		return err
	}
	g, c, _, err := s.load(file)
	if err != nil {
		_ = file.Close() // nothing was written
		return err
	}
	s.countsMu.Lock()
	s.counts = c
	s.gen.Store(g)
	s.countsMu.Unlock()
	return old.close()
}

// followLocked takes in the complete entries between the tail and size. s.mu must be
// held.
func (s *Store) followLocked(g *generation, size int64) (changed bool, err error) {
	m, err := g.cover(size)
	if err != nil {
		return false, err
	}
	tail, end := g.tail.Load(), size
	var changes []change
	var added counts
	err = m.guard(func() error {
		if !m.leadsTo(size, tail) { // the last write may be unfinished
			end = scanForward(m.data[:size], tail)
		}
		return nil
	})
	if err != nil || end == tail {
		return false, err
	}
	err = g.backward(end, tail, func(group []located) error {
		for _, e := range group {
			added.add(e.start-e.prevOffset, e.tombstone)
			c := change{hash: e.keyHash}
			if !e.tombstone {
				c.loc = locationIn(e)
			}
			changes = append(changes, c)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	slices.Reverse(changes)
	s.publishLocked(g, end, changes, &added)
	return true, nil
}

// leadsTo tells whether the chain from tail back leads to floor through nothing but
// intact entries. It reads through the mapping, under the caller's guard.
func (m *mapping) leadsTo(tail, floor int64) bool {
	for tail > floor {
		e, ok := parseEntry(m.data, tail)
		if !ok || e.prevOffset < floor || !matches(m.data[e.start:e.end], e.checksum) {
			return false
		}
		tail = e.prevOffset
	}
	return true
}

// followOnce is a Refresh in the background.
func (s *Store) followOnce(context.Context) {
	if _, err := s.Refresh(); err != nil {
		s.log.Warn("drive: cannot follow the writer", "path", s.path, "err", err)
	}
}
