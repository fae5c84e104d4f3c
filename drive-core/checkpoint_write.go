package drive

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// checkpointPiece is how many bytes of a checkpoint are read or written at a time.
const checkpointPiece = 1 << 20

// checkpointWriter writes one checkpoint. Its memory is that of the largest shard, twice
// while the writer of the store is at work.
type checkpointWriter struct {
	s     *Store
	g     *generation
	file  vfs.File
	head  checkpoint
	at    int64 // where the next piece goes
	slots []slot
	other []slot
	buf   []byte
}

// writeCheckpoint writes a checkpoint of g under its temporary name, durably, and returns
// of how many entries it tells. s.ckpt.writing must be held. On error no file is left.
func (s *Store) writeCheckpoint(ctx context.Context, g *generation) (entries int64, err error) {
	w := &checkpointWriter{s: s, g: g, at: checkpointHead}
	if err := w.begin(); err != nil {
		return 0, err
	}
	name := s.checkpointPath() + checkpointNew
	// What a killed process left, or somebody else put there, is not written to.
	if err := s.fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if w.file, err = s.fsys.Open(name, vfs.Exclusive, 0o600); err != nil {
		return 0, err
	}
	err = w.write(ctx)
	if err = errors.Join(err, w.file.Close()); err != nil {
		return 0, errors.Join(err, s.fsys.Remove(name))
	}
	return w.head.entries, nil
}

// begin notes what the checkpoint tells of.
func (w *checkpointWriter) begin() error {
	info, err := w.g.stat()
	if err != nil {
		return err
	}
	w.head.file = w.s.fsys.FileID(info)
	c, tail, err := w.s.countsOf(w.g)
	if err != nil {
		return err
	}
	w.head.tail, w.head.entries, w.head.tombstones, w.head.padding = tail, c.entries, c.tombstones, c.padding
	m, err := w.g.cover(tail)
	if err != nil {
		return err
	}
	if tail == 0 {
		return errCheckpointSense
	}
	return m.guard(func() error {
		var ok bool
		if w.head.chain, ok = chainPrint(m.data, tail); !ok {
			return brokenChain(m.path, tail)
		}
		return nil
	})
}

// write writes the file.
func (w *checkpointWriter) write(ctx context.Context) error {
	x := w.g.index
	w.head.mul = x.mul
	if zero := location(x.zero.Load()); zero != 0 && zero.tail() <= w.head.tail {
		w.head.zero = zero
	}
	for i := range uint64(indexShards) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.shard(x, i); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.CopyAttributes(w.g.file); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(appendCheckpoint(w.buf[:0], &w.head), 0); err != nil {
		return err
	}
	return w.file.Sync()
}

// shard writes a shard's table.
func (w *checkpointWriter) shard(x *index, shard uint64) error {
	slots, err := w.copyShard(x, shard)
	if err != nil {
		return err
	}
	if w.changed() {
		slots = w.inOrder(slots)
	}
	r := &w.head.shards[shard]
	r.slots = uint64(len(slots))
	for i := range slots {
		s := &slots[i]
		if s.hash == 0 {
			continue
		}
		r.used++
		if s.word == 0 {
			continue
		}
		size, ok := w.g.sizeAt(location(s.word))
		if !ok {
			return errCheckpointSense // the entry is damaged
		}
		r.keys++
		r.liveBytes += size
		r.liveSpan += span(size)
	}
	r.sum, err = w.put(slots)
	return err
}

// copyShard copies the slots of a shard as they are, while the writer may change them.
func (w *checkpointWriter) copyShard(x *index, shard uint64) ([]slot, error) {
	for {
		t := x.tables[shard].Load()
		if t != nil {
			w.slots = t.appendSlots(w.slots[:0])
			if x.tables[shard].Load() == t { // else it may have been given back, and read as zeros
				return w.slots, nil
			}
			continue
		}
		if x.cold == nil {
			return nil, nil
		}
		t, err := x.cold.peek(x, shard)
		if err != nil {
			return nil, err
		}
		if t != nil {
			w.slots = t.appendSlots(w.slots[:0])
			t.block.Discard() // nobody else knows it
			return w.slots, nil
		}
	}
}

// changed tells whether anything has been written since the checkpoint began. The index
// changes, and the tail after it, while countsMu is held.
func (w *checkpointWriter) changed() bool {
	w.s.countsMu.Lock()
	defer w.s.countsMu.Unlock()
	return w.g.tail.Load() != w.head.tail
}

// inOrder makes a table of the copied slots that tell of the drive up to the tail of the
// checkpoint. A table copied while keys were added may lack one that another was put
// behind, which a search would then not find.
func (w *checkpointWriter) inOrder(slots []slot) []slot {
	keep := 0
	for _, s := range slots {
		if w.keeps(s) {
			keep++
		}
	}
	n := max(minSlots, keep*growNum/growDen+1)
	if cap(w.other) < n {
		w.other = make([]slot, n)
	}
	w.other = w.other[:n]
	clear(w.other)
	for _, s := range slots {
		if !w.keeps(s) {
			continue
		}
		i := homeSlot(s.hash*w.head.mul, uint64(n))
		for w.other[i].hash != 0 {
			if i++; i == uint64(n) {
				i = 0
			}
		}
		w.other[i] = s
	}
	return w.other
}

// keeps tells whether a slot belongs to the drive up to the tail.
func (w *checkpointWriter) keeps(s slot) bool {
	return s.hash != 0 && s.word != 0 && location(s.word).tail() <= w.head.tail
}

// put adds slots to the file and returns their checksum.
func (w *checkpointWriter) put(slots []slot) (sum uint32, err error) {
	for len(slots) > 0 && err == nil {
		n := min(len(slots), (checkpointPiece-len(w.buf))/slotSize)
		begin := len(w.buf)
		for _, s := range slots[:n] {
			w.buf = binary.LittleEndian.AppendUint64(w.buf, s.hash)
			w.buf = binary.LittleEndian.AppendUint64(w.buf, s.word)
		}
		sum = updateChecksum(sum, w.buf[begin:])
		slots = slots[n:]
		if len(w.buf) > checkpointPiece-slotSize {
			err = w.flush()
		}
	}
	return sum, err
}

// flush writes what put has collected.
func (w *checkpointWriter) flush() error {
	_, err := w.file.WriteAt(w.buf, w.at)
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
	return err
}
