package drive

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// The index checkpoint: a copy of the index beside the drive, PATH.idx, so that opening
// reads what was appended since, whatever the size of the drive. The drive does not
// depend on it. It is believed only while everything agrees, and else the index is made
// from the chain of entries, as without it.
//
// What it tells. A checkpoint of the tail T holds, for keys whose newest entry up to T is
// a value, where that is; it may leave out keys that have another entry behind T. Opening
// takes it, and then the entries behind T, oldest first: whatever they say of a key
// replaces what the checkpoint said of it, so that in the end each key has its newest
// entry, and a deleted one none.
//
// Why writers do not stop while one is written. T is the tail when that begins. The
// shards are copied one after another without any lock, slot by slot, while the writer
// may change them. A slot read in the meantime has the key's newest location or an older
// one, down to that of T. Locations behind T are left out of the checkpoint: such keys
// have an entry behind T. One at or before T is then that of the newest entry up to T.
// A key that was removed meanwhile, or that the copy has missed because it was put into
// a slot already passed, has an entry behind T as well. So the copy is what it must be.
// (Its slots may be without order: a key is missing over which another one was put
// further on. That is why a table which may have changed under the copy is made anew; see
// checkpointWriter.)
//
// The counts of live entries belong to what the checkpoint holds, key by key, not to T;
// those of entries, tombstones and padding are those of the chain up to T. Both go on
// with what follows.
const (
	checkpointSuffix = ".idx"
	// checkpointNew is what its name ends with until it is whole.
	checkpointNew = ".new"
	// checkpointPrints is how many entries before the tail the print of a checkpoint covers.
	checkpointPrints = 64
)

// Defaults of Checkpoint.
const (
	// DefaultCheckpointEvery is after how many entries a checkpoint is written in the background: to read them
	// at open takes a tenth of a second.
	DefaultCheckpointEvery = 1 << 20
	// DefaultCheckpointMinEntries is how many entries a drive has at least before it gets a checkpoint: those of a
	// smaller one are read in a millisecond or two.
	DefaultCheckpointMinEntries = 16 << 10
)

const (
	// closeMinEntries and closeShare say how much must have been appended since the last checkpoint for Close to
	// write another one: so many entries, and one for so many keys, lest small changes of a large drive cost
	// the time of the whole.
	closeMinEntries = 4 << 10
	closeShare      = 64
)

// Checkpoint says whether and when a copy of the index is kept beside the drive, as
// PATH.idx. With it, opening takes the time of what was appended since it was written,
// whatever the size of the drive, and a part of the index is read only when a key of that
// part is first asked for. The zero value keeps one.
type Checkpoint struct {
	// Off neither reads nor writes one. A store that is open for writing removes it.
	Off bool
	// Every is after how many entries it is written in the background, and at least after as many as there are
	// keys: 0 means DefaultCheckpointEvery, a negative number never. Close writes it if it is not nearly new.
	Every int64
	// MinEntries is how many entries a drive has at least before it gets one: 0 means
	// DefaultCheckpointMinEntries.
	MinEntries int64
}

// withDefaults fills in what was left zero.
func (c Checkpoint) withDefaults() Checkpoint {
	if c.Every == 0 {
		c.Every = DefaultCheckpointEvery
	}
	if c.MinEntries <= 0 {
		c.MinEntries = DefaultCheckpointMinEntries
	}
	return c
}

// checkpointing is the state of writing checkpoints.
type checkpointing struct {
	writing sync.Mutex // held while one is written; taken before the store's mu
	running atomic.Bool

	// Guarded by the store's mu:
	covered int64 // entries that the checkpoint beside the drive tells of; 0: there is none
	drop    bool  // that one is not of the drive, or none is wanted
	next    int64 // after a failure: not in the background before there are so many entries
}

// checkpointPath returns where the checkpoint lies.
func (s *Store) checkpointPath() string { return s.realPath + checkpointSuffix }

// checkpointLater begins to write a checkpoint in the background when enough has been
// appended since the last. s.mu must be held.
func (s *Store) checkpointLater() {
	o := &s.opts.Checkpoint
	if o.Off || s.opts.ReadOnly || o.Every < 0 || s.ckpt.running.Load() {
		return
	}
	g, entries := s.gen.Load(), s.counts.entries // which change under s.mu only
	if entries < max(o.MinEntries, s.ckpt.next) || entries-s.ckpt.covered < max(o.Every, g.index.live.Load()) {
		return
	}
	s.ckpt.running.Store(true)
	started := s.tasks.start(func(ctx context.Context) {
		defer s.ckpt.running.Store(false)
		if err := s.checkpoint(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("drive: the index checkpoint cannot be written", "path", s.checkpointPath(), "err", err)
			s.mu.Lock()
			s.ckpt.next = entries + max(o.Every, s.counts.entries/2)
			s.mu.Unlock()
		}
	})
	if !started {
		s.ckpt.running.Store(false)
	}
}

// checkpoint writes a checkpoint while others read and write.
func (s *Store) checkpoint(ctx context.Context) error {
	s.ckpt.writing.Lock()
	defer s.ckpt.writing.Unlock()
	g := s.gen.Load()
	if g == nil {
		return nil
	}
	entries, err := s.writeCheckpoint(ctx, g)
	if err != nil {
		return err
	}
	// A key that was overwritten while the checkpoint was written may be missing in it. Nobody
	// may believe it where a power cut could take the newer entry, or any that it tells of.
	err = s.Sync()
	s.mu.Lock()
	if err = errors.Join(err, ctx.Err()); err == nil && s.gen.Load() == g {
		err = s.nameCheckpointLocked(entries)
	} else {
		err = errors.Join(err, s.fsys.Remove(s.checkpointPath()+checkpointNew)) // of a file that was replaced
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.fsys.SyncDir(filepath.Dir(s.realPath))
}

// nameCheckpointLocked lets the checkpoint of so many entries, which is whole, take its
// name. s.mu must be held.
func (s *Store) nameCheckpointLocked(entries int64) error {
	path := s.checkpointPath()
	if err := s.fsys.Rename(path+checkpointNew, path); err != nil {
		return errors.Join(err, s.fsys.Remove(path+checkpointNew))
	}
	s.ckpt.covered = entries
	return nil
}

// checkpointAtEnd writes a checkpoint for the next life of the store, unless the one that
// there is tells of nearly everything. s.ckpt.writing and s.mu must be held. Failing is
// no error of Close: without it the next opening takes longer.
func (s *Store) checkpointAtEnd(g *generation) {
	o := &s.opts.Checkpoint
	entries := s.counts.entries
	if o.Off || s.opts.ReadOnly || s.failure.Load() != nil || g.index.lost() != nil || entries < o.MinEntries {
		return
	}
	due := max(closeMinEntries, g.index.live.Load()/closeShare)
	if o.Every > 0 {
		due = min(due, o.Every)
	}
	if since := entries - s.ckpt.covered; s.ckpt.covered > 0 && since < due && !g.index.spoiled() {
		return
	}
	_, err := s.writeCheckpoint(context.Background(), g)
	if err == nil {
		err = s.nameCheckpointLocked(entries)
	}
	if err == nil {
		err = s.fsys.SyncDir(filepath.Dir(s.realPath))
	}
	if err != nil {
		s.log.Warn("drive: the index checkpoint cannot be written", "path", s.checkpointPath(), "err", err)
	}
}

// removeCheckpoint removes the checkpoint, of a file that the drive no longer is or that
// is not to be believed, and tells whether there was one.
func (s *Store) removeCheckpoint() bool {
	s.ckpt.covered, s.ckpt.next = 0, 0
	err := s.fsys.Remove(s.checkpointPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("drive: an index checkpoint stays that is not to be believed", "path", s.checkpointPath(), "err", err)
	}
	return err == nil
}

// chainPrint returns by what the drive is known again whose chain has an entry that ends at
// tail: a hash of the metadata of the entries before it, checkpointPrints at most. It
// reads through the mapping, under the caller's guard; false if no chain is there.
func chainPrint(data []byte, tail int64) (uint64, bool) {
	var buf [checkpointPrints * metadataSize]byte
	b := buf[:0]
	for range checkpointPrints {
		if tail == 0 {
			break
		}
		e, ok := parseEntry(data, tail)
		if !ok {
			return 0, false
		}
		b = append(b, data[e.end:tail]...)
		tail = e.prevOffset
	}
	return xxh3.Hash(b), len(b) > 0
}
