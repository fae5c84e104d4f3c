package drive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/time/rate"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// compactSuffix stands between the name of a drive and a random word, in the name of the file that
	// compaction writes.
	compactSuffix = ".compact-"
	// compactWordLen is the length of that word.
	compactWordLen = 26
	// catchUpBytes is how much may be left to copy when writers are made to wait for the rest.
	catchUpBytes = 1 << 20
	// catchUpRounds is how often compaction runs after writers before it makes them wait.
	catchUpRounds = 16
)

// CompactOptions are the choices of Compact.
type CompactOptions struct {
	// Order of the entries in the new file. NewestFirst is the original's: it turns the file around. What is
	// written while Compact runs follows in the order in which it was written. The original reads either.
	Order Order
	// BytesPerSecond limits how fast values are copied; 0 is no limit. Writers are not slowed, and what they
	// write meanwhile is copied without a limit.
	BytesPerSecond int64
	// Progress, unless nil, is told how many payload bytes of how many have been copied. The total grows when
	// others write meanwhile. It must not call methods of the Store that write.
	Progress func(done, total int64)
}

// CompactResult tells what Compact did.
type CompactResult struct {
	Entries    int64 // live entries, all of which were kept
	SizeBefore int64 // bytes, at the end, when the new file took over
	SizeAfter  int64 // bytes
}

// Saved returns by how many bytes the file has become smaller.
func (r CompactResult) Saved() int64 { return r.SizeBefore - r.SizeAfter }

// Compact rewrites the file without superseded entries and tombstones. Readers and
// writers go on meanwhile; writers wait only for the end, when the last MiB or so
// that they wrote is copied. The new file, written beside the old one with its
// permissions, is synced and then takes the name of the old one, so that whatever
// happens the name stands for one of the two, whole; the store goes on with the new
// one. Entries read before stay valid, and keep the old file's space occupied while
// they are reachable.
//
// What is overwritten or deleted while Compact runs may be in the new file, for the
// next compaction to remove. Without that the file shrinks by exactly what
// CompactionSavings says, in FileOrder; NewestFirst pads other entries and may differ by
// less than 64 bytes.
//
// The checksum of every value is verified: a damaged value stops Compact with a
// *CorruptError, so that no damage is made to look valid. ErrCompacting means that
// another one is running. On any error, ctx done included, the old file stays as it
// was, except when only the directory could not be synced after the swap: then the
// store is on the new file and has failed (*FailedError), because a power loss may
// bring the old one back.
//
// While it runs it takes memory for the index of the new file, and up to about 128 MiB.
//
// A temporary file that a killed process left is never read, and is removed by the
// next Compact.
func (s *Store) Compact(ctx context.Context, opts CompactOptions) (CompactResult, error) {
	return s.compact(ctx, opts, compactKeys)
}

// compact is Compact with compactKeys.
func (s *Store) compact(ctx context.Context, opts CompactOptions, keys int) (CompactResult, error) {
	if !s.compacting.TryLock() {
		return CompactResult{}, ErrCompacting
	}
	defer s.compacting.Unlock()
	if err := s.checkWritable(); err != nil {
		return CompactResult{}, err
	}
	s.removeStale()
	name := s.realPath + compactSuffix + rand.Text()
	file, err := s.fsys.Open(name, vfs.Exclusive, 0o600)
	if err != nil {
		return CompactResult{}, fmt.Errorf("drive: compact: %w", err)
	}
	c := &compaction{
		s: s, ctx: ctx, opts: opts, keys: keys, pace: newPace(opts.BytesPerSecond), name: name,
		next: newGeneration(file, s.fsys, s.path, s.opts.ReserveBytes), out: newCopyWriter(file),
	}
	if err := c.run(); err != nil {
		if s.gen.Load() == nil {
			err = ErrClosed // whatever failed because of that
		}
		return CompactResult{}, errors.Join(err, c.abandon())
	}
	result, err := c.takeOver()
	if err == nil {
		s.log.Info("drive: compacted", "path", s.path, "entries", result.Entries,
			"before", result.SizeBefore, "after", result.SizeAfter)
	}
	return result, err
}

// abandon removes the new file.
func (c *compaction) abandon() error {
	_ = c.out.wait() // it failed, or is of no use any more
	return errors.Join(c.next.close(), c.s.fsys.Remove(c.name))
}

// compaction is one run of Compact.
type compaction struct {
	s      *Store
	ctx    context.Context //nolint:containedctx // lives for one call
	opts   CompactOptions
	keys   int           // see compactKeys
	pace   *rate.Limiter // of copying; nil for none
	name   string        // of the new file
	old    *generation
	next   *generation
	copied int64 // the tail of the old file up to which it has been copied
	before int64 // where the value that was copied last ends in the old file
	counts counts
	total  int64 // payload bytes to copy
	done   int64
	out    *copyWriter
}

// run copies the live entries into the new file, then what was written meanwhile,
// until little is left, and syncs.
func (c *compaction) run() error {
	c.old = c.s.gen.Load()
	if c.old == nil {
		return ErrClosed
	}
	c.total = c.s.liveBytes()
	c.copied = c.old.tail.Load()
	if err := c.copyLive(); err != nil {
		return err
	}
	c.pace = nil // or a writer that is faster would never be caught up with
	for range catchUpRounds {
		tail := c.old.tail.Load()
		if tail-c.copied <= catchUpBytes {
			break
		}
		if err := c.catchUp(tail); err != nil {
			return err
		}
	}
	if err := c.next.file.CopyAttributes(c.old.file); err != nil {
		return err
	}
	return c.next.file.Sync()
}

// takeOver lets writers wait, copies what they have written last, and puts the new
// file into the place of the old one.
func (c *compaction) takeOver() (CompactResult, error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	err := c.install()
	if err != nil {
		return CompactResult{}, errors.Join(err, c.abandon())
	}
	result := CompactResult{Entries: c.next.index.count(), SizeBefore: c.old.tail.Load(), SizeAfter: c.next.tail.Load()}
	return result, c.swapLocked()
}

// install copies the rest, makes the new file durable, locks it, and gives it the
// name of the old one. Whatever can fail comes before the renaming. s.mu must be
// held.
func (c *compaction) install() error {
	if _, err := c.s.writableLocked(); err != nil {
		return err
	}
	tail := c.old.tail.Load()
	if tail > c.copied {
		if err := c.catchUp(tail); err != nil {
			return err
		}
		if err := c.next.file.Sync(); err != nil {
			return err
		}
	}
	next := c.next
	if err := next.file.Lock(); err != nil {
		return err
	}
	if tail := next.tail.Load(); tail > 0 || next.pastEnd {
		if _, err := next.cover(tail); err != nil {
			return err
		}
		next.advance(tail)
	}
	if err := c.s.stillNamed(c.old); err != nil {
		return err
	}
	return c.s.fsys.Rename(c.name, c.s.realPath)
}

// stillNamed makes sure that the store's path names its file, so that renaming does
// not replace somebody else's.
func (s *Store) stillNamed(g *generation) error {
	ours, err := g.stat()
	if err != nil {
		return err
	}
	named, err := s.fsys.Stat(s.realPath)
	if err != nil {
		return err
	}
	if !s.fsys.SameFile(ours, named) {
		return fmt.Errorf("drive: compact %s: %w", s.path, ErrReplaced)
	}
	return nil
}

// swapLocked lets the store go on with the new file. s.mu must be held.
func (c *compaction) swapLocked() error {
	s := c.s
	s.syncMu.Lock() // before anybody could sync the new file, and write a mark of it
	defer s.syncMu.Unlock()
	s.countsMu.Lock()
	s.counts = c.counts
	s.gen.Store(c.next)
	s.countsMu.Unlock()

	s.removeCheckpoint() // it is of the old file
	if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
		f := &FailedError{Op: failedSyncDir, Err: err}
		s.fail(f)
		return errors.Join(f, c.old.close())
	}
	s.dirSynced = true
	s.beginMark(c.next, c.next.tail.Load())
	s.checkpointLater()
	return c.old.close()
}

// liveBytes returns the payload bytes of the live entries.
func (s *Store) liveBytes() int64 {
	c, _, err := s.snapshotCounts()
	if err != nil {
		return 0 // closed, which the compaction will meet; it is for telling progress
	}
	return c.liveBytes
}

// removeStale removes what compactions of this file left that were killed. No
// other one is running: this process has the lock.
func (s *Store) removeStale() {
	dir, base := filepath.Split(s.realPath)
	list, err := s.fsys.ReadDir(dir)
	if err != nil {
		return // the compaction will meet the same and tell
	}
	for _, d := range list {
		word, ok := strings.CutPrefix(d.Name(), base+compactSuffix)
		if !ok || len(word) != compactWordLen || !d.Type().IsRegular() {
			continue
		}
		if err := s.fsys.Remove(filepath.Join(dir, d.Name())); err != nil {
			s.log.Warn("drive: stale compaction file stays", "name", d.Name(), "err", err)
		}
	}
}
