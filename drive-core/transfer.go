package drive

// Rename stores the value of oldKey under newKey, replacing what was there, and
// removes oldKey, both in one append, and returns the new tail. The value is
// verified first. Errors: ErrSameKey, ErrNotFound, *CorruptError, and those of
// Write.
func (s *Store) Rename(oldKey, newKey []byte) (int64, error) {
	return s.RenameHash(KeyHash(oldKey), KeyHash(newKey))
}

// RenameHash is Rename for hashes of keys.
func (s *Store) RenameHash(oldHash, newHash uint64) (int64, error) {
	if oldHash == newHash {
		return 0, ErrSameKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.writableLocked()
	if err != nil {
		return 0, err
	}
	e, err := s.find(oldHash)
	if err != nil {
		return 0, err
	}
	end, ok := valueTail(g.tail.Load(), e.Size())
	if !ok || end > maxOffset-tombstoneSize {
		return 0, ErrTooLarge
	}
	end += tombstoneSize
	if err := g.makeRoom(end); err != nil {
		return 0, err
	}
	b := &s.batch
	b.start(g, end-g.tail.Load(), true)
	err = e.m.guard(func() error {
		if err := e.verify(); err != nil {
			return err
		}
		if err := b.value(newHash, e.Bytes(), e.Checksum()); err != nil {
			return err
		}
		if err := b.tombstone(oldHash); err != nil {
			return err
		}
		return b.finish() // within the guard, since it reads the value
	})
	return s.commitLocked(err)
}

// CopyTo stores the value of key in another drive, under the same key, and
// returns the new tail of that drive. The value is verified first. Errors:
// ErrSameStore when both are one file, whatever their paths, ErrNotFound,
// *CorruptError, and those of Write.
func (s *Store) CopyTo(key []byte, dst *Store) (int64, error) {
	return s.CopyToHash(KeyHash(key), dst)
}

// CopyToHash is CopyTo for the KeyHash of a key.
func (s *Store) CopyToHash(hash uint64, dst *Store) (int64, error) {
	if err := s.checkOther(dst); err != nil {
		return 0, err
	}
	e, err := s.find(hash)
	if err != nil {
		return 0, err
	}
	return e.copyTo(hash, dst)
}

// copyTo stores a verified copy of e in dst.
func (e Entry) copyTo(hash uint64, dst *Store) (tail int64, err error) {
	err = e.m.guard(func() error {
		if err := e.verify(); err != nil {
			return err
		}
		dst.mu.Lock()
		defer dst.mu.Unlock()
		tail, err = dst.writeLocked(hash, e.Bytes(), e.Checksum())
		return err
	})
	return tail, err
}

// checkOther refuses a store on the same file.
func (s *Store) checkOther(dst *Store) error {
	if s == dst {
		return ErrSameStore
	}
	a, b := s.gen.Load(), dst.gen.Load()
	if a == nil || b == nil {
		return ErrClosed
	}
	ia, err := a.stat()
	if err != nil {
		return err
	}
	ib, err := b.stat()
	if err != nil {
		return err
	}
	if s.fsys.SameFile(ia, ib) {
		return ErrSameStore
	}
	return nil
}

// MoveTo copies the value of key to another drive and then removes it here. It
// returns the new tail of the drive it is removed from. If the key is overwritten
// here while it is copied, the newer value is copied as well before it is removed.
// After a crash between the two the value is in both. Errors: as for CopyTo; also
// those of removing it, and then the copy stays.
func (s *Store) MoveTo(key []byte, dst *Store) (int64, error) {
	return s.MoveToHash(KeyHash(key), dst)
}

// MoveToHash is MoveTo for the KeyHash of a key.
func (s *Store) MoveToHash(hash uint64, dst *Store) (int64, error) {
	if err := s.checkOther(dst); err != nil {
		return 0, err
	}
	if err := s.checkWritable(); err != nil {
		return 0, err
	}
	e, err := s.find(hash)
	if err != nil {
		return 0, err
	}
	for {
		if _, err := e.copyTo(hash, dst); err != nil {
			return 0, err
		}
		tail, newer, err := s.deleteIfStill(hash, e)
		if err != nil || newer.IsZero() {
			return tail, err
		}
		e = newer
	}
}

// checkWritable tells early whether the store takes writes.
func (s *Store) checkWritable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.writableLocked()
	return err
}

// deleteIfStill removes hash unless it has another value than e by now, which it
// then returns.
func (s *Store) deleteIfStill(hash uint64, e Entry) (tail int64, newer Entry, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.writableLocked()
	if err != nil {
		return 0, Entry{}, err
	}
	if now := g.index.get(hash); now != 0 && (now != e.loc || g.number != e.m.file) {
		newer, err = g.entry(now)
		return 0, newer, err
	}
	tail, err = s.deleteLocked(1, func(int) uint64 { return hash })
	return tail, Entry{}, err
}
