package drive

import "runtime"

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

// appendLive appends the hashes of all values that end at tail or before it, in no
// order, with their locations. Who writes meanwhile may only add what ends behind
// tail. It fails when the index cannot tell of all keys.
func (x *index) appendLive(dst []change, tail int64) ([]change, error) {
	x.warmAll()
	if err := x.lost(); err != nil {
		return nil, err
	}
	if loc := location(x.zero.Load()); loc != 0 && loc.tail() <= tail {
		dst = append(dst, change{0, loc})
	}
	for shard := range x.tables {
		done := len(dst)
		for {
			t := x.tables[shard].Load()
			if t == nil {
				break
			}
			dst = t.appendLive(dst[:done], tail)
			if x.tables[shard].Load() == t {
				break
			}
			// The table was replaced, and its memory given back: what was found in it may be a part only.
		}
	}
	return dst, nil
}

func (t *table) appendLive(dst []change, tail int64) []change {
	for i := range t.slots {
		s := t.at(i)
		hash := s.loadHash()
		if hash == 0 {
			continue
		}
		if loc := location(s.loadWord()); loc != 0 && loc.tail() <= tail {
			dst = append(dst, change{hash, loc})
		}
	}
	runtime.KeepAlive(t)
	return dst
}

// placeBits is how many bits of a place are sorted by at a time.
const placeBits = 11

// sortByPlace sorts values by their place in a file that ends at tail. It returns
// them in the memory of list or in new memory of the same size.
func sortByPlace(list []change, tail int64) []change {
	next := make([]change, len(list))
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
	return list
}
