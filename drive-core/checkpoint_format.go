package drive

import (
	"encoding/binary"
	"errors"
)

// The bytes of an index checkpoint, PATH.idx. All numbers are little-endian; FORMAT.md
// has the reason of each field.
//
//	0     magic "DRVINDX1" | version u32 | shards u32
//	16    file u64 | tail u64 | print u64
//	40    entries u64 | tombstones u64 | padding u64
//	64    multiplier u64 | word of hash 0 u64
//	80    shards × (slots u64, used u64, keys u64, live bytes u64, live span u64, CRC-32/IEEE u32, zero u32)
//	12368 zeros
//	16380 CRC-32/IEEE of bytes 0 to 16379, u32
//	16384 the slots of the first shard's table, then of the second's, and so on: hash u64 | word u64
const (
	checkpointMagic   = "DRVINDX1"
	checkpointVersion = 1
	checkpointHead    = 16 << 10
	checkpointShards  = 80 // where the shards begin in the head
	checkpointShard   = 48 // bytes of a shard in the head
	checkpointSum     = checkpointHead - 4
	// maxSparse bounds the slots of a table to so many for each that is taken, lest a small drive asks for much
	// memory. Tables that are not small have 5 for each at most.
	maxSparse = 16
)

// checkpoint is the head of a checkpoint.
type checkpoint struct {
	file  uint64 // number of the drive's file, 0 if it has none
	tail  int64  // the checkpoint tells of the entries up to here
	chain uint64 // by which the drive is known again at tail

	entries, tombstones, padding int64 // of the drive up to tail

	mul    uint64
	zero   location // of hash 0, which no slot can hold
	shards [indexShards]shardRecord
}

// shardRecord tells of a shard's table. A table of no slots has no key.
type shardRecord struct {
	slots     uint64
	used      uint64 // of them, with those of removed keys
	keys      int64
	liveBytes int64 // payload of the keys
	liveSpan  int64 // see counts
	sum       uint32
}

// size returns how many bytes the slots take.
func (r *shardRecord) size() int64 { return int64(r.slots) * slotSize }

// appendCheckpoint appends the head.
func appendCheckpoint(dst []byte, c *checkpoint) []byte {
	begin := len(dst)
	le := binary.LittleEndian
	dst = append(dst, checkpointMagic...)
	dst = le.AppendUint32(dst, checkpointVersion)
	dst = le.AppendUint32(dst, indexShards)
	for _, n := range [...]uint64{
		c.file, uint64(c.tail), c.chain, uint64(c.entries), uint64(c.tombstones), uint64(c.padding), c.mul, uint64(c.zero),
	} {
		dst = le.AppendUint64(dst, n)
	}
	for i := range c.shards {
		r := &c.shards[i]
		for _, n := range [...]uint64{r.slots, r.used, uint64(r.keys), uint64(r.liveBytes), uint64(r.liveSpan)} {
			dst = le.AppendUint64(dst, n)
		}
		dst = le.AppendUint32(dst, r.sum)
		dst = le.AppendUint32(dst, 0)
	}
	dst = append(dst, make([]byte, begin+checkpointSum-len(dst))...)
	return le.AppendUint32(dst, Checksum(dst[begin:]))
}

// Why a checkpoint is not believed.
var (
	errCheckpointForm  = errors.New("drive: not a checkpoint of this version")
	errCheckpointSum   = errors.New("drive: the checkpoint does not match its checksum")
	errCheckpointSense = errors.New("drive: the checkpoint contradicts itself")
	errCheckpointOther = errors.New("drive: the checkpoint is of another drive")
)

// parseCheckpoint reads the head of a checkpoint of size bytes.
func parseCheckpoint(b []byte, size int64) (*checkpoint, error) {
	le := binary.LittleEndian
	if len(b) != checkpointHead || string(b[:8]) != checkpointMagic ||
		le.Uint32(b[8:]) != checkpointVersion || le.Uint32(b[12:]) != indexShards {
		return nil, errCheckpointForm
	}
	if !matches(b[:checkpointSum], le.Uint32(b[checkpointSum:])) {
		return nil, errCheckpointSum
	}
	c := &checkpoint{
		file: le.Uint64(b[16:]), tail: int64(le.Uint64(b[24:])), chain: le.Uint64(b[32:]),
		entries: int64(le.Uint64(b[40:])), tombstones: int64(le.Uint64(b[48:])), padding: int64(le.Uint64(b[56:])),
		mul: le.Uint64(b[64:]), zero: location(le.Uint64(b[72:])),
	}
	for i := range c.shards {
		at := b[checkpointShards+i*checkpointShard:]
		c.shards[i] = shardRecord{
			slots: le.Uint64(at), used: le.Uint64(at[8:]), keys: int64(le.Uint64(at[16:])),
			liveBytes: int64(le.Uint64(at[24:])), liveSpan: int64(le.Uint64(at[32:])), sum: le.Uint32(at[40:]),
		}
	}
	if !c.plausible(size) {
		return nil, errCheckpointSense
	}
	return c, nil
}

// plausible tells whether the numbers of the head can be true together, in a file of
// size bytes. It keeps what follows from arithmetic that overflows, from tables without
// a free slot, in which a search would not end, and from asking for memory that no
// drive needs.
func (c *checkpoint) plausible(size int64) bool {
	if c.tail < minEntrySize || c.tail > maxOffset || c.mul&1 == 0 || c.zero != 0 && !c.zero.within(c.tail) {
		return false
	}
	most := c.tail / minEntrySize
	if c.entries < 1 || c.entries > most || c.tombstones < 0 || c.tombstones > c.entries || c.padding < 0 || c.padding > c.tail {
		return false
	}
	left := size - checkpointHead
	used := uint64(0)
	for i := range c.shards {
		r := &c.shards[i]
		switch {
		case r.slots == 0 && (r.used != 0 || r.keys != 0 || r.liveBytes != 0 || r.liveSpan != 0):
			return false
		case r.used > uint64(c.entries) || r.slots > max(minSlots, r.used*maxSparse), r.slots > 0 && r.used > r.slots*loadNum/loadDen:
			return false
		case r.keys < 0 || r.keys > int64(r.used), r.liveBytes < r.keys || r.liveBytes > c.tail, r.liveSpan < r.liveBytes || r.liveSpan > c.tail+alignment:
			return false
		}
		used += r.used
		left -= r.size()
	}
	return left == 0 && used <= uint64(c.entries)
}

// within tells whether a location can be that of a value that ends at tail or before.
func (l location) within(tail int64) bool {
	if l&longForm != 0 {
		end := int64(l &^ longForm)
		return end >= 1 && end <= tail-metadataSize
	}
	start, end := l.short()
	return end > start && end <= tail-metadataSize
}

// keys returns how many keys the checkpoint has.
func (c *checkpoint) keys() int64 {
	var n int64
	if c.zero != 0 {
		n = 1
	}
	for i := range c.shards {
		n += c.shards[i].keys
	}
	return n
}
