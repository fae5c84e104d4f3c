package drive

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/simd-drive/go/drive-core/internal/offheap"
)

// The index finds the newest entry of a key hash. One writer at a time changes
// it; readers never wait, neither for the writer nor for growth.
//
// It consists of indexShards tables, so that growing one takes a short while
// only, each with slots of 16 bytes and linear probing. A table never changes its
// shape: growing makes another one and swaps a pointer. The slot of a removed key
// stays with its hash until the table is made anew. The memory of a replaced table is given
// back at once, although readers may be looking at it.
//
// Why readers need no lock, in the terms of the Go memory model (an atomic store
// that an atomic load observes is synchronized before it):
//
//   - A new key is written word first, by a plain store, hash second, by an atomic
//     one. A reader loads the word of a slot only after it has loaded the hash that
//     it looks for from there. So the store of the word happens before, and the
//     reader gets that word or a later one; and the plain store is no data race.
//   - In a table a slot that has a hash keeps it. So whatever word a reader finds
//     there is of its key, however long it was held up between the two loads. An
//     update, and a removal (word zero), is one atomic store of the word.
//   - A table is filled by plain stores before the atomic store of its shard's
//     pointer, which a reader loads: all of them happen before its loads.
//   - Nothing is stored in a table after it has been replaced. A word that a reader
//     finds in one was current at a moment since the reader loaded the pointer; what
//     was set later was set while the reader was under way. So reads are linearizable.
//   - A replaced table is discarded after the pointer has changed. Where memory is
//     mapped its pages turn into zeros, at any moment, which the memory model does not
//     know; but the words are aligned, so that each load returns what was there
//     at the swap or zero. Either zero, of a hash or of a word, reads as a miss. A
//     reader that misses loads the pointer again: if it is the same, there has been no
//     swap, and so no discarding, before the loads that missed; if not, the reader
//     begins anew. The kernel makes a page zero after the swap in the writer's order, and
//     a reader that sees it has been through a page fault since, so it sees the swap.
//   - No ABA: the memory of a table, and the table itself, whose address the second load is
//     compared with, are used again only when nobody reaches the table any more, and
//     a reader reaches it (runtime.KeepAlive) until it is done with both.
const (
	// shardBits makes tables short: a writer waits while one of them is made anew, 2 ns for each key and the time
	// that the system takes to provide the memory.
	shardBits   = 8
	indexShards = 1 << shardBits
	slotSize    = 16
	// minSlots is the size of a shard's first table.
	minSlots = 16
	// A table grows when loadNum/loadDen of its slots are taken, to growNum/growDen slots for each key it holds:
	// 20 to 26.7 bytes a key.
	loadNum, loadDen = 4, 5
	growNum, growDen = 5, 3
	// Tables of up to smallSlots slots grow to twice as many; their memory does not count.
	smallSlots = 1 << 10
	// While an index is made from a file, tables grow to what the whole file would need if it went on like the
	// part that has been read, but at most by buildGrow each time. A table with sparse times as many slots as
	// keys in the end is made anew.
	buildGrow = 8
	sparse    = 2
)

// slot is one place in a table. A hash of zero means that it is free. The fields are
// atomic once the table is in use; while one goroutine fills it, plain stores cost
// a small part of that, which is why they are not of an atomic type.
type slot struct{ hash, word uint64 }

func (s *slot) loadHash() uint64   { return atomic.LoadUint64(&s.hash) }
func (s *slot) loadWord() uint64   { return atomic.LoadUint64(&s.word) }
func (s *slot) storeHash(h uint64) { atomic.StoreUint64(&s.hash, h) }
func (s *slot) storeWord(w uint64) { atomic.StoreUint64(&s.word, w) }

// table is the slots of a shard at one time.
type table struct {
	block *offheap.Block
	base  unsafe.Pointer
	slots uint64
}

func newTable(arena *offheap.Arena, slots uint64) *table {
	b := arena.New(uintptr(slots) * slotSize)
	return &table{block: b, base: b.Base(), slots: slots}
}

// at returns slot i, which must be below t.slots. The table must be kept alive.
func (t *table) at(i uint64) *slot {
	// Safety: the block has slots*slotSize bytes and lives as long as t.
	return (*slot)(unsafe.Add(t.base, uintptr(i)*slotSize))
}

// home returns the slot where the search for a mixed hash begins.
func (t *table) home(mixed uint64) uint64 { return homeSlot(mixed, t.slots) }

// homeSlot is home in a table of so many slots.
func homeSlot(mixed, slots uint64) uint64 {
	hi, _ := bits.Mul64(mixed<<shardBits, slots)
	return hi
}

// appendSlots appends the slots as they are, which the writer may change meanwhile: of
// each, the hash is that of the key whose location, or a newer one, the word is.
func (t *table) appendSlots(dst []slot) []slot {
	for i := range t.slots {
		s := t.at(i)
		hash := s.loadHash()
		dst = append(dst, slot{hash, 0})
		if hash != 0 {
			dst[len(dst)-1].word = s.loadWord()
		}
	}
	runtime.KeepAlive(t)
	return dst
}

// index maps key hashes to locations.
type index struct {
	mul    uint64 // odd; spreads hashes that callers made up, and that an enemy chose
	tables [indexShards]atomic.Pointer[table]
	zero   atomic.Uint64 // the word of hash 0, which no slot can hold
	// cold are the tables that are still in a checkpoint; nil if the index was not made from one. A shard that
	// has no table is looked for there. Set before the index is shared.
	cold *coldShards

	_    [64]byte // what the writer changes stays off the lines that readers read
	live atomic.Int64

	// Below: for the writer only.
	arena    offheap.Arena
	used     [indexShards]int // slots taken, with those of removed keys
	building bool             // words of zero mark keys whose newest entry is a tombstone
	keys     int64            // hashes with a location
	seen     float64          // building: the part of the file that has been read
	zeroSeen bool             // building: hash 0 has been met
}

func newIndex() *index { return &index{mul: rand.Uint64() | 1} }

// get returns the location of hash, or 0.
func (x *index) get(hash uint64) location {
	if hash == 0 {
		return location(x.zero.Load())
	}
	mixed := hash * x.mul
	shard := &x.tables[mixed>>(64-shardBits)]
	for {
		t := shard.Load()
		if t == nil {
			if t = x.warm(mixed >> (64 - shardBits)); t == nil {
				return 0
			}
		}
		word := t.find(hash, mixed)
		if word != 0 || shard.Load() == t {
			return location(word)
		}
	}
}

// find returns the word of hash in t, or 0.
func (t *table) find(hash, mixed uint64) uint64 {
	i := t.home(mixed)
	for {
		s := t.at(i)
		switch s.loadHash() {
		case hash:
			word := s.loadWord()
			runtime.KeepAlive(t)
			return word
		case 0:
			runtime.KeepAlive(t)
			return 0
		}
		if i++; i == t.slots {
			i = 0
		}
	}
}

// touch brings the line where the search for hash begins into the cache. Its
// result has no meaning but to keep the load.
func (x *index) touch(hash uint64) uint64 {
	mixed := hash * x.mul
	t := x.tables[mixed>>(64-shardBits)].Load()
	if t == nil {
		return 0
	}
	h := t.at(t.home(mixed)).loadHash()
	runtime.KeepAlive(t)
	return h
}

// touchAll touches all hashes of changes. A loop that does nothing else lets the
// waits for memory overlap.
func (x *index) touchAll(changes []change) {
	var loaded uint64
	for i := range changes {
		loaded ^= x.touch(changes[i].hash)
	}
	runtime.KeepAlive(loaded)
}

// touchHashes does the same for hashes.
func (x *index) touchHashes(hashes []uint64) {
	var loaded uint64
	for _, h := range hashes {
		loaded ^= x.touch(h)
	}
	runtime.KeepAlive(loaded)
}

// touchEntries does the same for the hashes of entries.
func (x *index) touchEntries(entries []located) {
	var loaded uint64
	for i := range entries {
		loaded ^= x.touch(entries[i].keyHash)
	}
	runtime.KeepAlive(loaded)
}

// count returns how many hashes have a location.
func (x *index) count() int64 {
	if x.cold != nil {
		return x.live.Load() + x.cold.keysOwed(x)
	}
	return x.live.Load()
}

// bytes returns the memory that the tables take.
func (x *index) bytes() int64 {
	var n int64
	for i := range x.tables {
		if t := x.tables[i].Load(); t != nil {
			n += int64(t.block.Size())
		}
	}
	return n
}

// set gives hash the location loc, 0 to remove it, and returns the one before. The
// count follows with settle.
func (x *index) set(hash uint64, loc location) (old location) {
	if hash == 0 {
		old = location(x.zero.Swap(uint64(loc)))
	} else if s := x.slot(hash, loc != 0); s != nil {
		if s.hash == hash { // only the writer, which this is, changes hashes
			old = location(s.loadWord())
			s.storeWord(uint64(loc))
		} else {
			s.word = uint64(loc) // nobody reads it before the hash is there
			s.storeHash(hash)
		}
	}
	switch {
	case old == 0 && loc != 0:
		x.keys++
	case old != 0 && loc == 0:
		x.keys--
	}
	return old
}

// settle lets count tell of all that was set.
func (x *index) settle() { x.live.Store(x.keys) }

// addOlder tells an index in the making of an entry older than all it was told of
// before. It reports whether the entry is the newest of its hash; loc 0 means that
// it is a tombstone.
func (x *index) addOlder(hash uint64, loc location) bool {
	if hash == 0 {
		if x.zeroSeen {
			return false
		}
		x.zeroSeen = true
		x.zero.Store(uint64(loc))
	} else {
		s := x.slot(hash, true)
		if s.hash != 0 {
			return false
		}
		*s = slot{hash, uint64(loc)} // nobody reads yet
	}
	if loc != 0 {
		x.keys++
	}
	return true
}

// slot returns the slot of hash, which is not 0. If there is none it returns a
// free one, counted as taken, when add is set, and nil when not.
func (x *index) slot(hash uint64, add bool) *slot {
	mixed := hash * x.mul
	shard := mixed >> (64 - shardBits)
	for {
		t := x.tables[shard].Load()
		if t == nil {
			t = x.warm(shard)
		}
		if t != nil {
			i := t.home(mixed)
			for {
				s := t.at(i)
				h := s.loadHash()
				if h == hash {
					return s
				}
				if h == 0 {
					if !add {
						return nil
					}
					if uint64(x.used[shard]) < t.slots*loadNum/loadDen {
						x.used[shard]++
						return s
					}
					break
				}
				if i++; i == t.slots {
					i = 0
				}
			}
		} else if !add {
			return nil
		}
		x.remake(shard)
	}
}

// remake replaces the table of a shard by one without the slots of removed keys
// and with room for more.
func (x *index) remake(shard uint64) {
	old := x.tables[shard].Load()
	keep := uint64(0)
	if old != nil {
		for i := range old.slots {
			if x.kept(old.at(i)) {
				keep++
			}
		}
	}
	next := newTable(&x.arena, x.nextSlots(keep))
	if old != nil {
		for i := range old.slots {
			if s := old.at(i); x.kept(s) {
				next.add(s.loadHash(), s.loadWord(), x.mul)
			}
		}
	}
	x.used[shard] = int(keep)
	x.tables[shard].Store(next)
	if old != nil {
		old.block.Discard()
		runtime.KeepAlive(old)
	}
}

// nextSlots returns how many slots the next table of a shard gets that holds keep
// keys.
func (x *index) nextSlots(keep uint64) uint64 {
	slots := max(minSlots, keep*growNum/growDen+1)
	if slots < smallSlots {
		slots = max(slots, keep*2*loadDen/loadNum)
	}
	if x.building && x.seen > 0 {
		expected := uint64(float64(keep) / x.seen * growNum / growDen * 0.9)
		slots = max(slots, min(expected, keep*buildGrow))
	}
	return slots
}

// kept tells whether a slot is taken along into the next table.
func (x *index) kept(s *slot) bool {
	return s.loadWord() != 0 || x.building && s.loadHash() != 0
}

// add puts a hash that is not there into a table that nobody else sees.
func (t *table) add(hash, word, mul uint64) {
	i := t.home(hash * mul)
	for t.at(i).hash != 0 {
		if i++; i == t.slots {
			i = 0
		}
	}
	*t.at(i) = slot{hash, word}
	runtime.KeepAlive(t)
}

// built ends the making of an index from addOlder. It makes tables anew that have
// turned out too large, or that remember many deleted keys.
func (x *index) built() {
	x.building = false
	x.settle()
	for i := range x.tables {
		t := x.tables[i].Load()
		if t == nil {
			continue
		}
		removed := 0
		for j := range t.slots {
			if s := t.at(j); s.loadHash() != 0 && s.loadWord() == 0 {
				removed++
			}
		}
		if removed > x.used[i]/4 || uint64(x.used[i])*sparse < t.slots && t.slots > minSlots {
			x.remake(uint64(i))
		}
	}
}
