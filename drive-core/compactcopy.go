package drive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// runBytes is how much of a run of values is copied at a time, to be verified while it is in the processor's cache.
const runBytes = 128 << 10

// compactKeys is about how many values Compact lists at a time, in 32 bytes each. A drive with
// more keys is copied range by range of its file.
const compactKeys = 4 << 20

// copyLive copies the values that are live now and end at c.copied or before. One that is
// overwritten or deleted later may be copied for nothing.
func (c *compaction) copyLive() error {
	x := c.old.index
	x.warmAll()
	if err := x.lost(); err != nil {
		return err
	}
	c.next.index.presize(x.count())
	ranges := x.ranges(c.copied, c.keys)
	if c.opts.Order == NewestFirst {
		slices.Reverse(ranges)
	}
	var list, scratch []change
	for _, r := range ranges {
		list = x.appendLive(list[:0], r)
		list, scratch = sortByPlace(list, scratch, c.copied)
		if c.opts.Order == NewestFirst {
			slices.Reverse(list)
		}
		if err := c.copy(list); err != nil {
			return err
		}
	}
	return nil
}

// catchUp copies what was written up to tail since the last time: values that are
// live now, and deletions of what has been copied before.
func (c *compaction) catchUp(tail int64) error {
	var list []change
	err := c.old.backward(tail, c.copied, func(group []located) error {
		for _, e := range group {
			switch loc := locationIn(e); {
			case e.tombstone:
				list = append(list, change{e.keyHash, 0})
			case c.old.index.get(e.keyHash) == loc:
				list = append(list, change{e.keyHash, loc})
				c.total += e.size()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(list)
	if err := c.copy(list); err != nil {
		return err
	}
	c.copied = tail
	return nil
}

// copy copies values and deletions, in the given order. Their locations are those in
// the old file.
func (c *compaction) copy(list []change) error {
	if len(list) == 0 {
		return nil
	}
	m, err := c.old.cover(c.old.tail.Load())
	if err != nil {
		return err
	}
	for len(list) > 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		before := c.done
		n, err := c.step(m, list)
		if err != nil {
			return err
		}
		list = list[n:]
		if c.opts.Progress != nil {
			c.opts.Progress(c.done, max(c.done, c.total))
		}
		if err := keepPace(c.ctx, c.pace, c.done-before); err != nil {
			return err
		}
	}
	if err := c.written(c.out.finish()); err != nil {
		return err
	}
	c.next.index.settle()
	c.next.tail.Store(c.out.tail())
	return nil
}

// step copies entries from the start of list, as many as fill the buffer, and returns
// how many.
func (c *compaction) step(m *mapping, list []change) (n int, err error) {
	err = m.guard(func() error {
		for before := c.done; n < len(list) && !c.out.full() && c.done-before < copyBufferBytes; {
			group := list[n:min(len(list), n+scanGroup)]
			c.next.index.touchAll(group)
			for len(group) > 0 && !c.out.full() {
				k, err := c.add(m, group)
				if err != nil {
					return err
				}
				group = group[k:]
				n += k
			}
		}
		return c.written(c.out.flush())
	})
	return n, err
}

// written returns the error for an error of writing the new file.
func (c *compaction) written(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vfs.ErrFault):
		return errValueFault
	default:
		return fmt.Errorf("drive: compact: %w", err)
	}
}

// add puts the first entry of list into the new file, with those after it that make a
// run, and returns how many.
func (c *compaction) add(m *mapping, list []change) (n int, err error) {
	first := list[0]
	if first.loc == 0 {
		c.delete(first.hash)
		return 1, nil
	}
	start, end, err := m.span(first.loc)
	if err != nil {
		return 0, err
	}
	if end-start >= gatherMin {
		return 1, c.pass(m, first, start, end)
	}
	tail := end + metadataSize
	for n = 1; n < len(list); n++ {
		if list[n].loc&longForm != 0 {
			break
		}
		s, e := list[n].loc.short()
		if s != tail+padding(tail) || e+metadataSize-start > runBytes {
			break
		}
		tail = e + metadataSize
	}
	c.disguised(first.hash, m.data[start:end])
	return n, c.copyRun(m, list[:n], tail)
}

// delete puts a deletion into the new file, unless that never had the key.
func (c *compaction) delete(hash uint64) {
	if c.next.index.get(hash) == 0 {
		return
	}
	c.out.tombstone(hash)
	c.counts.add(0, true)
	c.note(hash, 0, 0)
}

// disguised puts a tombstone before a value that needs one.
func (c *compaction) disguised(hash uint64, payload []byte) {
	if c.out.disguises(payload) {
		c.out.tombstone(hash)
		c.counts.add(0, true)
	}
}

// copyRun copies values up to tail that follow each other at the distances that they will
// have in the new file, too. Payloads begin at multiples of 64 in either. They are
// verified in the buffer: what is written is what was verified.
func (c *compaction) copyRun(m *mapping, values []change, tail int64) error {
	out := c.out
	prev := out.tail()
	out.pad()
	start, _ := values[0].loc.short()
	shift := start - out.tail() // from a place in the new file to that in the old one
	buf := append(out.buf, m.data[start:tail]...)
	for _, v := range values {
		from, to := v.loc.short()
		from, to = from-shift, to-shift
		clear(buf[prev-out.written : from-out.written])
		payload, meta := buf[from-out.written:to-out.written], buf[to-out.written:][:metadataSize]
		if err := m.verify(v, c.before, payload, meta); err != nil {
			return err
		}
		setPrevOffset(meta, prev)
		c.counts.add(from-prev, false)
		c.note(v.hash, locationOf(from, to-from), to-from)
		prev, c.before = to+metadataSize, v.loc.tail()
	}
	out.buf = buf
	return nil
}

// pass copies a large value without a buffer.
func (c *compaction) pass(m *mapping, v change, start, end int64) error {
	payload := m.data[start:end]
	if err := m.verify(v, c.before, payload, m.data[end:]); err != nil {
		return err
	}
	prev := c.out.tail()
	c.out.pad()
	from := c.out.tail()
	if err := c.written(c.out.pass(payload)); err != nil {
		return err
	}
	sum := binary.LittleEndian.Uint32(m.data[end+16:])
	c.out.buf = appendMetadata(c.out.buf, metadata{keyHash: v.hash, prevOffset: prev, checksum: sum})
	c.counts.add(from-prev, false)
	c.note(v.hash, locationOf(from, end-start), end-start)
	c.before = end + metadataSize
	return nil
}

// note lets the index of the new file, and what is counted of it, know of an entry. A
// location of 0 is a tombstone.
func (c *compaction) note(hash uint64, loc location, size int64) {
	if old := c.next.index.put(hash, loc); old != 0 {
		size, ok := c.next.sizeAt(old) // of an earlier step, and so in the file
		c.counts.dropLive(size)
		c.counts.unknown = c.counts.unknown || !ok
	}
	if loc != 0 {
		c.counts.addLive(size)
	}
	c.done += size
}

// span returns where the payload of a value begins and ends.
func (m *mapping) span(loc location) (start, end int64, err error) {
	if loc&longForm == 0 {
		start, end = loc.short()
		return start, end, nil
	}
	e, ok := parseEntry(m.data, loc.tail())
	if !ok || e.tombstone {
		return 0, 0, brokenChain(m.path, loc.tail())
	}
	return e.start, e.end, nil
}

// verify makes sure that what was read of a value, payload and metadata, is what the
// index knows of it: its hash, where it begins, and its checksum. before is where the
// value that was copied last ends in the same file.
func (m *mapping) verify(v change, before int64, payload, meta []byte) error {
	stored, _ := parseMetadata(meta)
	if stored.keyHash != v.hash || !m.links(stored.prevOffset, before, v.loc.end()-int64(len(payload))) {
		return brokenChain(m.path, v.loc.tail())
	}
	if !matches(payload, stored.checksum) {
		return (Entry{m: m, loc: v.loc}).damaged()
	}
	return nil
}

// links tells whether a payload at start can have the previous offset prev, when the
// value that was copied last ends at before. If that is next to it, only tombstones
// fit in between; else there is some entry that ends at prev.
func (m *mapping) links(prev, before, start int64) bool {
	if prev < 0 || prev+padding(prev) != start {
		return false
	}
	if prev == before || prev == 0 {
		return true
	}
	e, ok := parseEntry(m.data, prev)
	return ok && (before+padding(before) != start || prev > before && e.tombstone)
}
