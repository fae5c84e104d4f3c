package drive

import (
	"errors"
	"io/fs"
	"runtime"
)

// Rename stores the value of oldKey under newKey, replacing what was there, and
// removes oldKey, both in one atomic batch, and returns the new tail. The value is
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
	op := &renameOperation{from: oldHash, to: newHash}
	tail, err := s.commit(op)
	runtime.KeepAlive(op)
	return tail, err
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
		tail, err = dst.commit(&valueOperation{hash, e.Bytes(), e.Checksum()})
		return err
	})
	return tail, err
}

// checkOther refuses a store on the same file.
func (s *Store) checkOther(dst *Store) error {
	if s == dst {
		return ErrSameStore
	}
	ia, err := s.stat()
	if err != nil {
		return err
	}
	ib, err := dst.stat()
	if err != nil {
		return err
	}
	if s.fsys.SameFile(ia, ib) {
		return ErrSameStore
	}
	return nil
}

// stat tells about the store's file, which a compaction may be replacing.
func (s *Store) stat() (fs.FileInfo, error) {
	for {
		g := s.gen.Load()
		if g == nil {
			return nil, ErrClosed
		}
		info, err := g.stat()
		if err == nil || !errors.Is(err, ErrClosed) || s.gen.Load() == g {
			return info, err
		}
	}
}

// MoveTo copies the value of key to another drive and then removes it here. It
// returns the new tail of the drive it is removed from. If the key is overwritten
// here while it is copied, the newer value is copied as well before it is removed.
// After a crash between the two the value is in both: the copy is synced before the
// removal, unless the other drive's mode is SyncNone. Errors: as for CopyTo; also
// those of syncing and removing, and then the copy stays.
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
		if dst.opts.Sync != SyncAlways && dst.opts.Sync != SyncNone {
			if err := dst.Sync(); err != nil { // or a power loss could take both
				return 0, err
			}
		}
		op := &deleteIfStill{hash: hash, seen: e}
		tail, err := s.commit(op)
		if err != nil || op.newer.IsZero() {
			return tail, err
		}
		e = op.newer
	}
}

// checkWritable tells early whether the store takes writes.
func (s *Store) checkWritable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.writableLocked()
	return err
}
