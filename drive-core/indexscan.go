package drive

import (
	"runtime"
	"slices"
)

// presize makes room for so many keys in an index that holds none, so that it need
// not grow.
func (x *index) presize(keys int64) {
	each := uint64(keys)/indexShards + 1
	for shard := range x.tables {
		x.tables[shard].Store(newTable(&x.arena, x.nextSlots(each)))
	}
}

// put is set for an index that nobody else looks at yet.
func (x *index) put(hash uint64, loc location) (old location) {
	if hash == 0 {
		return x.set(hash, loc)
	}
	s := x.slot(hash, loc != 0)
	if s == nil {
		return 0
	}
	old = location(s.word)
	*s = slot{hash, uint64(loc)}
	switch {
	case old == 0 && loc != 0:
		x.keys++
	case old != 0 && loc == 0:
		x.keys--
	}
	return old
}

// fileRange is the entries that end behind after, and at upTo or before it.
type fileRange struct{ after, upTo int64 }

func (r fileRange) has(loc location) bool {
	tail := loc.tail()
	return tail > r.after && tail <= r.upTo
}

// rangeParts is into how many parts of equal length a file is divided to count the values in
// each: of 1 TiB, a part has room for 4 Mi of the shortest entries.
const rangeParts = 4096

// ranges divides a file up to tail into ranges that have at most so many values each,
// unless these lie very close.
func (x *index) ranges(tail int64, most int) []fileRange {
	if x.count() <= int64(most) {
		return []fileRange{{0, tail}}
	}
	part := tail/rangeParts + 1
	var in [rangeParts]int // about: a table that is replaced meanwhile may be counted in part
	if loc := location(x.zero.Load()); loc != 0 && loc.tail() <= tail {
		in[(loc.tail()-1)/part]++
	}
	for shard := range x.tables {
		t := x.tables[shard].Load()
		if t == nil {
			continue
		}
		for i := range t.slots {
			s := t.at(i)
			if s.loadHash() == 0 {
				continue
			}
			if loc := location(s.loadWord()); loc != 0 && loc.tail() <= tail {
				in[(loc.tail()-1)/part]++
			}
		}
		runtime.KeepAlive(t)
	}
	var list []fileRange
	after, keys := int64(0), 0
	for i, n := range in {
		if keys > 0 && keys+n > most {
			begin := int64(i) * part
			list = append(list, fileRange{after, begin})
			after, keys = begin, 0
		}
		keys += n
	}
	return append(list, fileRange{after, tail})
}

// appendLive appends the hashes of all values in a range, in no order, with their
// locations. Who writes meanwhile may only add what ends behind it. The index must be
// warm.
func (x *index) appendLive(dst []change, r fileRange) []change {
	if loc := location(x.zero.Load()); loc != 0 && r.has(loc) {
		dst = append(dst, change{0, loc})
	}
	for shard := range x.tables {
		done := len(dst)
		for {
			t := x.tables[shard].Load()
			if t == nil {
				break
			}
			dst = t.appendLive(dst[:done], r)
			if x.tables[shard].Load() == t {
				break
			}
			// The table was replaced, and its memory given back: what was found in it may be a part only.
		}
	}
	return dst
}

func (t *table) appendLive(dst []change, r fileRange) []change {
	for i := range t.slots {
		s := t.at(i)
		hash := s.loadHash()
		if hash == 0 {
			continue
		}
		if loc := location(s.loadWord()); loc != 0 && r.has(loc) {
			dst = append(dst, change{hash, loc})
		}
	}
	runtime.KeepAlive(t)
	return dst
}

// placeBits is how many bits of a place are sorted by at a time.
const placeBits = 11

// sortByPlace sorts values by their place in a file that ends at tail. It returns
// them in the memory of list or of scratch, and the other one.
func sortByPlace(list, scratch []change, tail int64) (sorted, other []change) {
	next := slices.Grow(scratch[:0], len(list))[:len(list)]
	for shift := 0; tail/alignment>>shift > 0; shift += placeBits {
		var at [1 << placeBits]int
		for _, c := range list {
			at[c.loc.place()>>shift%(1<<placeBits)]++
		}
		sum := 0
		for i, n := range at {
			at[i], sum = sum, sum+n
		}
		for _, c := range list {
			digit := c.loc.place() >> shift % (1 << placeBits)
			next[at[digit]] = c
			at[digit]++
		}
		list, next = next, list
	}
	return list, next
}
