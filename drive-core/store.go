package drive

import (
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// Store is an open drive. All methods are safe for concurrent use: reads take no
// lock and wait for nobody, writes wait for each other.
type Store struct {
	gen atomic.Pointer[generation] // nil once closed
	_   [56]byte                   // readers load gen; keep the writers' locks off its line

	fsys     vfs.FS
	path     string // as given to Open
	realPath string // absolute, symbolic links resolved: what compaction renames onto
	opts     Options
	log      *slog.Logger

	mu    sync.Mutex // held by whoever changes the file; taken before the other two
	batch batch      // guarded by mu
	// dirSynced: the name of a new file has been made durable. Guarded by syncMu.
	dirSynced bool
	failed    atomic.Bool // no more writes; see ErrFailed

	syncMu sync.Mutex // held during a sync, so that the file is not closed under it

	countsMu sync.Mutex // held for moments only
	counts   counts     // guarded by countsMu
}

// Open opens the drive at path, creating it unless told otherwise. A path that is
// a symbolic link is followed.
//
// An undamaged file is opened after walking its chain of entries. When the chain
// is broken, which is what a crash in the middle of a write leaves, the longest
// prefix of entries with valid checksums is taken; what comes after it is first
// saved beside the file, as PATH.cut-OFFSET, and then cut off, with a warning
// to the Logger. With Options.ReadOnly nothing is saved or cut.
//
// Errors: ErrLocked while another Store writes to the file, ErrNotDrive when not
// even a first entry is valid (the file is left alone; Recover may find more),
// ErrNotRegular, and those of the file system, such as fs.ErrNotExist.
func Open(path string, opts Options) (*Store, error) { return openIn(vfs.OS, path, opts) }

// Path returns the path as it was given to Open.
func (s *Store) Path() string { return s.path }

// Len returns the number of live keys; 0 once the store is closed.
func (s *Store) Len() int {
	g := s.gen.Load()
	if g == nil {
		return 0
	}
	return int(g.index.count())
}

// IsEmpty tells whether there is no live key.
func (s *Store) IsEmpty() bool { return s.Len() == 0 }

// FileSize returns the size of the drive in bytes, which is the tail after the
// last write; 0 once the store is closed.
func (s *Store) FileSize() int64 {
	g := s.gen.Load()
	if g == nil {
		return 0
	}
	return g.tail.Load()
}

// Sync makes everything that was written before the call durable against power
// loss. When it fails, the store refuses further writes with ErrFailed: what the
// system could not write it may since have dropped, so that a later success would
// prove nothing. Writers do not wait for Sync.
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
	if s.failed.Load() {
		return ErrFailed
	}
	if err := g.file.Sync(); err != nil {
		s.fail("sync failed", err)
		return err
	}
	if !s.dirSynced {
		if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
			return err
		}
		s.dirSynced = true
	}
	return nil
}

// fail lets the store refuse all further writes.
func (s *Store) fail(what string, err error) {
	s.failed.Store(true)
	s.log.Error("drive: store takes no more writes", "path", s.path, "cause", what, "err", err)
}

// Close closes the file and gives up its lock. Entries stay valid. It does not
// sync. Closing twice is no error; other methods then return ErrClosed or find
// nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	g := s.gen.Swap(nil)
	if g == nil {
		return nil
	}
	s.batch = batch{}
	return g.close()
}

// writableLocked returns the file to write to. s.mu must be held.
func (s *Store) writableLocked() (*generation, error) {
	g := s.gen.Load()
	switch {
	case g == nil:
		return nil, ErrClosed
	case s.opts.ReadOnly:
		return nil, ErrReadOnly
	case s.failed.Load():
		return nil, ErrFailed
	}
	return g, nil
}

// rollBackLocked cuts off what a failed write left behind the tail and returns
// the error of the write. A file that has become shorter than the tail is somebody
// else's doing; it must not be made longer, which would fill it with zeros. s.mu
// must be held.
func (s *Store) rollBackLocked(g *generation, cause error) error {
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
		s.fail("could not cut off a failed write", err)
	}
	return cause
}
