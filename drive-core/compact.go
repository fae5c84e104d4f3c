package drive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// compactSuffix stands between the name of a drive and a random word, in the name of the file that
	// compaction writes.
	compactSuffix = ".compact-"
	// compactWordLen is the length of that word.
	compactWordLen = 26
	// compactStep is how many entries compaction copies between looks at its context.
	compactStep = 1024
	// compactStepBytes is how many payload bytes it copies between them.
	compactStepBytes = 8 << 20
)

// CompactOptions are the choices of Compact.
type CompactOptions struct {
	// Order of the entries in the new file. NewestFirst is the original's: it turns the file around.
	Order Order
	// Progress, unless nil, is told how many payload bytes of how many have been copied. It must not call
	// methods of the Store that write.
	Progress func(done, total int64)
}

// CompactResult tells what Compact did.
type CompactResult struct {
	Entries    int64 // live entries, all of which were kept
	SizeBefore int64 // bytes
	SizeAfter  int64 // bytes
}

// Compact rewrites the file with the live entries only. The new file, written
// beside the old one with its permissions, is synced and then takes the name of
// the old one, so that whatever happens the name stands for one of the two, whole;
// the store goes on with the new one. Readers do not notice; writers wait until
// Compact is done. Entries read before stay valid, and keep the old file's space
// occupied while they are reachable.
//
// The checksum of every value is verified: a damaged value stops Compact with a
// *CorruptError, so that no damage is made to look valid. On any error, ctx done
// included, the old file stays as it was, except when only the directory could not
// be synced after the swap: then the store is on the new file, and the error says
// that a power loss may bring the old one back.
//
// A temporary file that a killed process left is never read, and is removed by the
// next Compact.
func (s *Store) Compact(ctx context.Context, opts CompactOptions) (CompactResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.writableLocked()
	if err != nil {
		return CompactResult{}, err
	}
	s.removeStale()
	name := s.realPath + compactSuffix + rand.Text()
	file, err := s.fsys.Open(name, vfs.Exclusive, 0o600)
	if err != nil {
		return CompactResult{}, fmt.Errorf("drive: compact: %w", err)
	}
	c := &compaction{s: s, old: old, opts: opts, next: newGeneration(file, s.fsys, s.path, s.opts.ReserveBytes)}
	err = c.run(ctx)
	if err == nil {
		err = c.install(name)
	}
	if err != nil {
		return CompactResult{}, errors.Join(err, c.next.close(), s.fsys.Remove(name))
	}
	err = c.swap()
	result := CompactResult{Entries: c.next.index.count(), SizeBefore: old.tail.Load(), SizeAfter: c.next.tail.Load()}
	s.log.Info("drive: compacted", "path", s.path, "entries", result.Entries,
		"before", result.SizeBefore, "after", result.SizeAfter)
	return result, err
}

// compaction is one run of Compact.
type compaction struct {
	s      *Store
	old    *generation
	next   *generation
	opts   CompactOptions
	counts counts
	total  int64 // payload bytes to copy
	done   int64
	out    batch
}

// run copies the live entries into the new file.
func (c *compaction) run(ctx context.Context) error {
	w, err := c.s.walk(false)
	if err != nil {
		return err
	}
	live, err := w.collect()
	if err != nil {
		return err
	}
	if c.opts.Order == FileOrder {
		slices.Reverse(live)
	}
	c.total = c.s.liveBytes()
	for len(live) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := c.step(w, live)
		if err != nil {
			return err
		}
		live = live[n:]
		if c.opts.Progress != nil {
			c.opts.Progress(c.done, c.total)
		}
	}
	return nil
}

// step copies some entries from the start of live and returns how many.
func (c *compaction) step(w *walker, live []location) (n int, err error) {
	c.out.start(c.next, 0, false)
	err = w.m.guard(func() error {
		for before := c.done; n < len(live) && n < compactStep && c.done-before < compactStepBytes; n++ {
			e := Entry{m: w.m, loc: live[n]}
			value, sum := e.Bytes(), e.Checksum()
			if Checksum(value) != sum {
				return e.damaged()
			}
			if err := c.out.value(e.KeyHash(), value, sum); err != nil {
				return err
			}
			c.done += int64(len(value))
			c.counts.addLive(int64(len(value)))
		}
		return c.out.finish()
	})
	if err != nil {
		return 0, err
	}
	for _, ch := range c.out.changes {
		c.next.index.set(ch.hash, ch.loc)
	}
	c.next.index.settle()
	c.counts.merge(&c.out.counts)
	c.next.tail.Store(c.out.end)
	return n, nil
}

// install makes the new file durable, locks it, and gives it the name of the old
// one. Whatever can fail comes before the renaming.
func (c *compaction) install(name string) error {
	next := c.next
	if err := next.file.CopyAttributes(c.old.file); err != nil {
		return err
	}
	if err := next.file.Sync(); err != nil {
		return err
	}
	if err := next.file.Lock(); err != nil {
		return err
	}
	if tail := next.tail.Load(); tail > 0 || next.pastEnd {
		if _, err := next.cover(tail); err != nil {
			return err
		}
	}
	if err := c.s.stillNamed(c.old); err != nil {
		return err
	}
	return c.s.fsys.Rename(name, c.s.realPath)
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
		return fmt.Errorf("drive: compact: %s names another file by now", s.path)
	}
	return nil
}

// swap lets the store go on with the new file. s.mu is held.
func (c *compaction) swap() error {
	s := c.s
	s.countsMu.Lock()
	s.counts = c.counts
	s.gen.Store(c.next)
	s.countsMu.Unlock()

	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	s.dirSynced = false
	if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
		return errors.Join(fmt.Errorf("drive: compacted, but the directory could not be synced: %w", err), c.old.close())
	}
	s.dirSynced = true
	return c.old.close()
}

// liveBytes returns the payload bytes of the live entries.
func (s *Store) liveBytes() int64 {
	s.countsMu.Lock()
	defer s.countsMu.Unlock()
	return s.counts.liveBytes
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
