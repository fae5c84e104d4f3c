package drive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// resume makes the index from the checkpoint and the entries behind it, which are
// verified as v says, as those before it are. It reports false when there is no
// checkpoint, or anything disagrees; then g is as before, and the drive must be read
// without. It reads data under the caller's guard.
func (s *Store) resume(g *generation, data []byte, file uint64, v verification) (c counts, ok bool) {
	s.ckpt.covered, s.ckpt.next, s.ckpt.drop = 0, 0, s.opts.Checkpoint.Off
	if s.opts.Checkpoint.Off {
		return counts{}, false
	}
	head, f, err := s.openCheckpoint(data, file)
	if err != nil {
		s.ckpt.drop = true
		s.log.Warn("drive: the index checkpoint is not believed; the index is made from the drive", "path", s.checkpointPath(), "err", err)
	}
	if f == nil {
		return counts{}, false
	}
	s.ckpt.covered = head.entries
	if v.newest < 0 {
		_ = f.Close() // everything is to be verified
		return counts{}, false
	}
	c, err = s.takeCheckpoint(g, data, head, f, v)
	if err != nil {
		_ = f.Close() // the drive does not verify; what is done about that comes first
		return counts{}, false
	}
	return c, true
}

// tidyCheckpoint removes, before the first write, a checkpoint that is not of the drive:
// what will be appended could look like what it was of. And what a process left that was
// killed while it wrote one.
func (s *Store) tidyCheckpoint() {
	if err := s.fsys.Remove(s.checkpointPath() + checkpointNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("drive: a stale file stays", "path", s.checkpointPath()+checkpointNew, "err", err)
	}
	if !s.ckpt.drop || !s.removeCheckpoint() {
		return
	}
	if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
		s.log.Warn("drive: an index checkpoint may come back that is not to be believed", "path", s.checkpointPath(), "err", err)
	}
}

// openCheckpoint opens the checkpoint of the drive and reads its head. There is no file
// when there is no checkpoint.
func (s *Store) openCheckpoint(data []byte, file uint64) (head *checkpoint, f vfs.File, err error) {
	f, err = s.fsys.Open(s.checkpointPath(), vfs.ReadOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if head, err = readCheckpointHead(f); err == nil {
		err = head.isOf(data, file)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return head, f, nil
}

// readCheckpointHead reads the head of a checkpoint.
func readCheckpointHead(f vfs.File) (*checkpoint, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < checkpointHead {
		return nil, errCheckpointForm
	}
	b := make([]byte, checkpointHead)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("drive: read the checkpoint: %w", err)
	}
	return parseCheckpoint(b, info.Size())
}

// isOf tells whether the checkpoint is of a drive in the file with this number: the number
// is the same, and the chain of entries at the tail.
func (c *checkpoint) isOf(data []byte, file uint64) error {
	if c.file != file || c.tail > int64(len(data)) {
		return errCheckpointOther
	}
	if sum, ok := chainPrint(data, c.tail); !ok || sum != c.chain {
		return errCheckpointOther
	}
	return nil
}

// takeCheckpoint gives g an index from the checkpoint in f and the entries behind it.
func (s *Store) takeCheckpoint(g *generation, data []byte, head *checkpoint, f vfs.File, v verification) (counts, error) {
	c := counts{entries: head.entries, tombstones: head.tombstones, padding: head.padding}
	var behind []change // newest first
	v.floor = head.tail
	v.whole = s.opts.verifyDefault // small values would make it take longer than all the rest
	err := scanBackward(data, v, func(e located) {
		c.add(e.start-e.prevOffset, e.tombstone)
		ch := change{hash: e.keyHash}
		if !e.tombstone {
			ch.loc = locationIn(e)
		}
		behind = append(behind, ch)
	})
	if err != nil {
		return counts{}, err
	}
	slices.Reverse(behind)
	var zero int64 // size of the value of hash 0
	if head.zero != 0 {
		var ok bool
		if zero, ok = g.sizeAt(head.zero); !ok {
			return counts{}, errCheckpointSense
		}
	}
	x := &index{mul: head.mul}
	x.cold = newColdShards(g, head, f, s.log)
	x.cold.end, x.cold.opened = int64(len(data)), c
	for i := range head.shards {
		c.liveBytes += head.shards[i].liveBytes
		c.liveSpan += head.shards[i].liveSpan
	}
	if head.zero != 0 {
		c.addLive(zero)
		x.zero.Store(uint64(head.zero))
	}
	x.keys = head.keys()
	x.takeLater(behind, g, &c)
	x.settle()
	g.index = x
	if !g.pastEnd { // where an open file cannot be replaced
		x.warmAll()
	}
	return c, nil
}

// takeLater lets cold shards take changes when they are loaded. Those of hash 0 are made
// now.
func (x *index) takeLater(changes []change, g *generation, c *counts) {
	var n [indexShards]int
	for _, ch := range changes {
		n[x.shardOf(ch.hash)]++
	}
	for i, k := range n {
		if k > 0 {
			x.cold.changes[i] = make([]change, 0, k)
		}
	}
	for _, ch := range changes {
		if ch.hash == 0 {
			g.applyTo(x, ch, c)
			continue
		}
		shard := x.shardOf(ch.hash)
		x.cold.changes[shard] = append(x.cold.changes[shard], ch)
	}
	for i := range x.cold.changes {
		if len(x.cold.changes[i]) > 0 {
			x.cold.behind.Add(1)
		} else {
			x.cold.changes[i] = nil
		}
	}
}
