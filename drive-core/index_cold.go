package drive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/simd-drive/go/drive-core/internal/offheap"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// An index that was made from a checkpoint begins without tables: they are cold. The
// first look into a shard reads its table from the file, verifies all of it, brings it up
// to date with the entries behind the checkpoint, and gives it to the index. From then on
// nothing tells the shard from any other, and a read of it costs what it always costs.
//
// The tables are read, not mapped. Mapped, a shard that was verified could still change
// or fault (the file cut, the disk failing) under each later read, which would have to
// guard itself for ever; and it would lie in small pages, which a random access finds
// more slowly. Shards that nobody asks for take no memory in either way.
//
// Where a table does not verify or cannot be read, the tables of all shards that are
// cold are made from the chain of entries. Only when that is broken as well is
// something lost: then reads that find nothing say so, and the store takes no more writes.

// Limits of what is believed of a table without a look into the drive.
const (
	// coldSamples is how many keys of a shard are compared with the drive when it is read.
	coldSamples = 8
	// coldSteps bounds the slots that verifying a table looks at, for each slot. A table of ours needs fewer than
	// 4; one made to be slow could need as many as there are slots.
	coldSteps = 64
)

// Why a table is not believed, beside errCheckpointSum.
var (
	errColdTable  = errors.New("drive: a table of the checkpoint contradicts itself")
	errColdSample = errors.New("drive: a table of the checkpoint contradicts the drive")
)

// coldShards are the tables of an index that are still in its checkpoint.
type coldShards struct {
	g      *generation // the drive
	head   *checkpoint
	begin  [indexShards]int64 // where in file the tables begin
	end    int64              // tail of the drive when it was opened
	opened counts             // of the drive then, as the checkpoint has it
	log    *slog.Logger

	behind atomic.Int32 // shards that are cold and have changes
	keys   atomic.Int64 // owedCounts.live
	bad    atomic.Bool  // something in the checkpoint was not believed
	broken atomic.Pointer[CorruptError]

	mu      sync.Mutex // guards what follows and the making of tables; taken last but for the mapping's locks
	file    vfs.File   // nil when no shard is cold any more
	close   runtime.Cleanup
	left    int
	changes [indexShards][]change // of the entries behind the checkpoint, oldest first
	arena   offheap.Arena
	buf     []byte
	// counts is what turned out otherwise than was counted at open: what the changes did, and, where tables had
	// to be made from the chain, what the checkpoint had wrong.
	counts counts
}

// newColdShards returns the tables in file, which is closed when they have all been read
// or nobody can ask for them any more.
func newColdShards(g *generation, head *checkpoint, file vfs.File, log *slog.Logger) *coldShards {
	c := &coldShards{g: g, head: head, log: log, file: file, left: indexShards}
	at := int64(checkpointHead)
	for i := range head.shards {
		c.begin[i] = at
		at += head.shards[i].size()
	}
	c.close = runtime.AddCleanup(c, func(f vfs.File) { _ = f.Close() }, file) // nothing was written
	return c
}

// shardOf returns the shard of a hash.
func (x *index) shardOf(hash uint64) uint64 { return hash * x.mul >> (64 - shardBits) }

// warm returns the table of a shard that seemed to have none; nil if it has none.
func (x *index) warm(shard uint64) *table {
	if x.cold != nil {
		x.cold.load(x, shard)
	}
	return x.tables[shard].Load()
}

// warmAll loads all shards that are cold.
func (x *index) warmAll() {
	for i := range uint64(indexShards) {
		x.warm(i)
	}
}

// peek returns the table of a cold shard as it is in the checkpoint, for who wants to
// copy it only; it is the caller's. nil means that the index has the table by now.
func (c *coldShards) peek(x *index, shard uint64) (*table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.tables[shard].Load() == nil && len(c.changes[shard]) == 0 {
		if t, err := c.read(shard); err == nil {
			return t, nil
		}
	}
	c.loadHeld(x, shard)
	return nil, x.lost()
}

// lost tells why keys are missing that may be in the drive; nil if none are.
func (x *index) lost() error {
	if x.cold != nil {
		if err := x.cold.broken.Load(); err != nil {
			return err
		}
	}
	return nil
}

// spoiled tells whether the checkpoint had something wrong.
func (x *index) spoiled() bool { return x.cold != nil && x.cold.bad.Load() }

// owed returns what is to be added to what was counted when the drive was opened.
func (x *index) owed() counts {
	if x.cold == nil {
		return counts{}
	}
	x.cold.catchUp(x)
	x.cold.mu.Lock()
	defer x.cold.mu.Unlock()
	return x.cold.counts
}

// keysOwed returns how many keys there are more than were counted at open.
func (c *coldShards) keysOwed(x *index) int64 {
	c.catchUp(x)
	return c.keys.Load()
}

// catchUp loads the shards that have changes, whose outcome is to be counted.
func (c *coldShards) catchUp(x *index) {
	if c.behind.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range uint64(indexShards) {
		if len(c.changes[i]) > 0 {
			c.loadHeld(x, i)
		}
	}
}

// load gives a shard its table.
func (c *coldShards) load(x *index, shard uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loadHeld(x, shard)
}

// loadHeld is load with c.mu held.
func (c *coldShards) loadHeld(x *index, shard uint64) {
	if x.tables[shard].Load() != nil {
		return
	}
	t, err := c.read(shard)
	if err != nil {
		c.bad.Store(true)
		c.log.Warn("drive: the index checkpoint is not believed; the index is made from the drive", "path", c.g.path, "err", err)
		c.rebuild(x)
		return
	}
	used := int(c.head.shards[shard].used)
	if changes := c.changes[shard]; len(changes) > 0 {
		// An index of this table alone takes the changes.
		y := &index{mul: x.mul}
		y.tables[shard].Store(t)
		y.used[shard] = used
		y.touchAll(changes)
		var added counts
		for _, ch := range changes {
			c.g.applyTo(y, ch, &added)
		}
		added.live = y.keys
		c.owe(&added)
		t, used = y.tables[shard].Load(), y.used[shard]
	}
	c.give(x, shard, t, used)
}

// owe adds to what is owed. c.mu must be held.
func (c *coldShards) owe(more *counts) {
	c.counts.merge(more)
	c.counts.live += more.live
	c.keys.Add(more.live)
}

// give gives the index a table. Nobody saw it before. c.mu must be held.
func (c *coldShards) give(x *index, shard uint64, t *table, used int) {
	x.used[shard] = used // of the writer, who comes here before it uses the shard
	x.tables[shard].Store(t)
	if c.changes[shard] != nil {
		c.changes[shard] = nil
		c.behind.Add(-1)
	}
	if c.left--; c.left == 0 {
		c.close.Stop()
		_ = c.file.Close() // nothing was written
		c.file, c.buf = nil, nil
	}
}

// read reads and verifies the table of a shard. c.mu must be held.
func (c *coldShards) read(shard uint64) (*table, error) {
	r := &c.head.shards[shard]
	if r.slots == 0 {
		return newTable(&c.arena, minSlots), nil
	}
	t := newTable(&c.arena, r.slots)
	err := c.fill(t, shard)
	if err == nil {
		err = c.verify(t, shard)
	}
	if err != nil {
		t.block.Discard()
		return nil, err
	}
	return t, nil
}

// fill reads the slots of a table and verifies their checksum.
func (c *coldShards) fill(t *table, shard uint64) error {
	if c.buf == nil {
		c.buf = make([]byte, coldPiece)
	}
	var sum uint32
	size := c.head.shards[shard].size()
	for off := int64(0); off < size; {
		b := c.buf[:min(size-off, coldPiece)]
		if _, err := c.file.ReadAt(b, c.begin[shard]+off); err != nil {
			return fmt.Errorf("drive: read the checkpoint: %w", err)
		}
		sum = updateChecksum(sum, b)
		for i := 0; i < len(b); i += slotSize {
			*t.at(uint64(off+int64(i)) / slotSize) = slot{binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+8:])}
		}
		off += int64(len(b))
	}
	if sum != c.head.shards[shard].sum {
		return errCheckpointSum
	}
	return nil
}

// coldPiece is how many bytes of a table are read at a time: they stay in the cache until
// they have been summed up and decoded.
const coldPiece = 128 << 10

// verify makes sure that a table is one: each hash belongs to the shard and is found by a
// search, once; each location lies in what the checkpoint covers; the numbers are those
// of the head; some keys are where the table says.
func (c *coldShards) verify(t *table, shard uint64) error {
	r := &c.head.shards[shard]
	mul, tail := c.head.mul, c.head.tail
	found := shardRecord{}
	steps := coldSteps * t.slots
	long := false
	var samples [coldSamples]slot
	every := max(1, r.keys/coldSamples)
	for i := range t.slots {
		s := t.at(i)
		if s.hash == 0 {
			if s.word != 0 {
				return errColdTable
			}
			continue
		}
		mixed := s.hash * mul
		if mixed>>(64-shardBits) != shard {
			return errColdTable
		}
		for j := t.home(mixed); j != i; {
			if h := t.at(j).hash; h == 0 || h == s.hash || steps == 0 {
				return errColdTable
			}
			steps--
			if j++; j == t.slots {
				j = 0
			}
		}
		found.used++
		if s.word == 0 {
			continue
		}
		loc := location(s.word)
		if !loc.within(tail) {
			return errColdTable
		}
		if loc&longForm != 0 {
			long = true
		} else {
			start, end := loc.short()
			found.liveBytes += end - start
			found.liveSpan += span(end - start)
		}
		if n := found.keys / every; found.keys%every == 0 && n < coldSamples {
			samples[n] = *s
		}
		found.keys++
	}
	runtime.KeepAlive(t)
	if found.used != r.used || found.keys != r.keys ||
		found.liveBytes > r.liveBytes || found.liveSpan > r.liveSpan || !long && (found.liveBytes != r.liveBytes || found.liveSpan != r.liveSpan) {
		return errColdTable
	}
	return c.compare(samples[:min(found.keys, coldSamples)])
}

// compare compares keys of a table with the drive.
func (c *coldShards) compare(samples []slot) error {
	m, err := c.g.cover(c.head.tail)
	if err != nil {
		return err
	}
	return m.guard(func() error {
		for _, s := range samples {
			if s.hash == 0 {
				continue // there are fewer
			}
			e := Entry{m: m, loc: location(s.word)}
			if e.metadata().keyHash != s.hash {
				return errColdSample
			}
		}
		return nil
	})
}

// rebuild makes the tables of all cold shards from the chain of entries. c.mu must be
// held.
func (c *coldShards) rebuild(x *index) {
	y := &index{mul: x.mul, building: true}
	var chain, live counts
	err := c.g.backward(c.end, 0, func(group []located) error {
		y.seen = 1 - float64(group[len(group)-1].prevOffset)/float64(c.end)
		for i := range group {
			e := &group[i]
			chain.add(e.start-e.prevOffset, e.tombstone)
			if e.keyHash == 0 || x.tables[x.shardOf(e.keyHash)].Load() != nil {
				continue
			}
			if e.tombstone {
				y.addOlder(e.keyHash, 0)
			} else if y.addOlder(e.keyHash, locationIn(*e)) {
				live.addLive(e.size())
			}
		}
		return nil
	})
	y.built()
	if err != nil {
		c.lose(err)
	} else {
		live.entries = chain.entries - c.opened.entries
		live.tombstones = chain.tombstones - c.opened.tombstones
		live.padding = chain.padding - c.opened.padding
	}
	live.live = y.keys
	for i := range uint64(indexShards) {
		if x.tables[i].Load() != nil {
			continue
		}
		r := &c.head.shards[i]
		live.live -= r.keys
		live.liveBytes -= r.liveBytes
		live.liveSpan -= r.liveSpan
		t := y.tables[i].Load()
		if t == nil {
			t = newTable(&c.arena, minSlots)
		}
		c.give(x, i, t, y.used[i])
	}
	c.owe(&live)
}

// lose notes that keys are missing.
func (c *coldShards) lose(err error) {
	damage := asCorrupt(err)
	if damage == nil {
		damage = &CorruptError{Path: c.g.path, Reason: err.Error()}
	}
	c.broken.Store(damage)
	c.log.Error("drive: keys are missing: neither the checkpoint nor the drive tells of them", "path", c.g.path, "err", damage)
}
