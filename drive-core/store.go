package drive

import (
	"errors"
	"log/slog"
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

	mu     sync.Mutex // held by whoever changes the file or the index; taken before the other locks
	batch  batch      // guarded by mu
	single valueOperation
	group  *commitGroup // SyncAlways: writers share syncs; else nil

	failure atomic.Pointer[FailedError] // nil while all is well

	syncMu sync.Mutex // held during a sync, so that the file is not closed under it
	marker marker     // guarded by syncMu
	// dirSynced: the name of the file has been made durable. Guarded by syncMu.
	dirSynced bool

	countsMu sync.Mutex // held for moments only
	counts   counts     // guarded by countsMu

	compacting sync.Mutex // held by a compaction; taken before mu
	auto       autoCompaction
	ckpt       checkpointing
	tasks      tasks
}

// Open opens the drive at path, creating it unless told otherwise. A path that is
// a symbolic link is followed. Beside a drive that is open for writing lies a small
// file PATH.synced, which tells how much of the drive is on stable storage.
//
// An undamaged file is opened after walking its chain of entries. Where there is a copy
// of the index beside it, PATH.idx (see Checkpoint), only those behind it are walked, and
// those whose checksums are verified (Options.VerifyBytes): damage further down, also of
// the chain, is not seen then; Check, Scrub, iterations, Compact and the reading of the
// damaged value find it. When the chain is
// broken at a tail that was never synced, which is what a crash in the middle of a
// write leaves, the longest prefix of entries with valid checksums is taken; what
// comes after it is first saved beside the file, as PATH.cut-OFFSET, and then cut
// off, with a warning to the Logger. With Options.ReadOnly nothing is saved or cut.
// What was synced is never cut: damage there, and damage with intact entries behind
// it in a drive without PATH.synced, is a *CorruptError; Recover saves what is
// intact, and Options.AcceptDamage opens what comes before. A value that is damaged
// while the chain around it is whole is no reason to refuse the rest: reading it is
// an error.
//
// Errors: ErrLocked while another Store writes to the file, ErrNotDrive when no
// entry is valid (the file is left alone), *CorruptError, ErrNotRegular, ErrTooLarge
// for a file that this system cannot map, and those of the file system, such as
// fs.ErrNotExist.
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

// Close syncs what is not yet synced, in every mode, stops what runs in the
// background, closes the file and gives up its lock. Entries stay valid. When not all
// that was acknowledged is durable, Close returns the *FailedError that is the reason,
// and closes the file all the same. Closing twice is no error; other methods then return ErrClosed or find nothing.
func (s *Store) Close() error {
	s.tasks.stop()
	s.ckpt.writing.Lock()
	s.mu.Lock()
	s.syncMu.Lock()
	err := s.closeLocked()
	s.syncMu.Unlock()
	s.mu.Unlock()
	s.ckpt.writing.Unlock()
	s.tasks.wait()
	return err
}

// closeLocked is Close with s.mu and s.syncMu held.
func (s *Store) closeLocked() error {
	g := s.gen.Load()
	if g == nil {
		return nil
	}
	var err error
	tail := g.tail.Load()
	if !s.opts.ReadOnly {
		if !s.marker.covers(tail) {
			err = s.syncUnlessFailed(g, tail)
		}
		// The mark of an empty drive would only be mistaken for that of a file that takes its name.
		if e := s.marker.close(tail == 0 && s.failure.Load() == nil); e != nil {
			s.log.Warn("drive: the mark of what is synced", "path", s.path, "err", e)
		}
		s.checkpointAtEnd(g)
	}
	s.gen.Store(nil)
	s.batch = batch{}
	return errors.Join(err, g.close())
}

// writableLocked returns the file to write to. s.mu must be held.
func (s *Store) writableLocked() (*generation, error) {
	g := s.gen.Load()
	failure := s.failure.Load()
	switch {
	case g == nil:
		return nil, ErrClosed
	case s.opts.ReadOnly:
		return nil, ErrReadOnly
	case failure != nil:
		return nil, failure
	}
	err := g.index.lost() // or the sizes of what is replaced would be wrong, and compaction lose more
	if err == nil {
		err = g.checkEnd()
	}
	if err != nil {
		f := &FailedError{Op: "write", Err: err}
		s.fail(f)
		return nil, f
	}
	return g, nil
}

// Failure returns why the store takes no more writes, a *FailedError; nil while it
// does.
func (s *Store) Failure() error {
	if f := s.failure.Load(); f != nil {
		return f
	}
	return nil
}

// fail lets the store refuse all further writes. The first failure stays the reason.
func (s *Store) fail(f *FailedError) {
	if s.failure.CompareAndSwap(nil, f) {
		s.log.Error("drive: store takes no more writes", "path", s.path, "cause", f)
	}
}
