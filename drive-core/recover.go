package drive

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// How an opened file is judged. The chain of previous offsets is walked backward
// first, because only the real last entry ends at the end of the file; a payload
// may contain bytes that look like an entry, and a search from the front could
// fall for them. Only when that walk fails does the forward search look for the
// longest prefix that holds nothing but verified entries.
const (
	// verifyMinEntries is how many of the newest entries have their checksum
	// verified at every open, however few bytes that is asked for: a tail that is
	// not an entry at all (zeros, a page that never reached the disk) shows here.
	verifyMinEntries = 8
	// maxFirstEntries is how many ends of the first entry the forward search tries.
	// A drive stored as the first value of a drive has the offsets of its container,
	// so its own entries look like the container's; the container's entry ends
	// after them. Each try costs one more pass at most.
	maxFirstEntries = 8
	// shortUpdate is the longest run of bytes added to a checksum one by one, which
	// below this length is cheaper than a call.
	shortUpdate = 16
)

// verification says which checksums a walk over a file verifies.
type verification struct {
	newest int64 // so many payload bytes of the newest entries, and verifyMinEntries entries; negative: all
	above  int64 // every entry that ends above this tail
	// first: that of the first entry, which closes the chain. A damaged offset that reads as zero would close it
	// too early.
	first bool
}

// scanBackward walks the chain of previous offsets from the end of data to 0 and
// calls visit with each entry, newest first. data is healthy, and the result nil,
// when every previous offset lies before its entry and leaves room for a payload,
// the chain ends at exactly 0, and the entries that v names match their checksums.
//
// Otherwise the result is a *CorruptError without a path, and what visit was told
// is worthless: collect into something that can be thrown away.
//
// It neither recurses nor allocates, and it ends: offsets only go down.
func scanBackward(data []byte, v verification, visit func(located)) error {
	var seenBytes int64
	seen := 0
	for tail := int64(len(data)); tail > 0; {
		e, ok := parseEntry(data, tail)
		if !ok {
			return &CorruptError{Offset: max(0, tail-metadataSize), Reason: "no entry ends here"}
		}
		newest := v.newest < 0 || v.newest > 0 && (seenBytes < v.newest || seen < verifyMinEntries)
		if newest || tail > v.above || v.first && e.prevOffset == 0 {
			lookedAt(e.size())
			if !matches(data[e.start:e.end], e.checksum) {
				return &CorruptError{Offset: e.start, Reason: "checksum does not match"}
			}
		}
		seenBytes += e.size()
		seen++
		visit(e)
		tail = e.prevOffset
	}
	return nil
}

// scanForward finds how far data consists of verified entries from the tail base on,
// where an entry is known to end (or 0), and returns where they end; base when none
// follows.
//
// An entry says where it began: from a known tail P the next entry is the nearest
// place where the metadata carries P as previous offset and the bytes between
// match its checksum. The search for those eight bytes and the running checksum
// pass over the file once, so that the time is linear in len(data) whatever it
// holds (times maxFirstEntries for a file made to hurt).
func scanForward(data []byte, base int64) (goodLen int64) {
	goodLen = base
	first := newFollower(data, base)
	tries := 1
	if base == 0 {
		tries = maxFirstEntries
	}
	for range tries {
		e, ok := first.next(goodLen)
		for ok {
			goodLen = e.tail()
			f := newFollower(data, goodLen)
			e, ok = f.next(0)
		}
		if first.done || goodLen == int64(len(data)) {
			break
		}
	}
	return goodLen
}

// follower looks for the verified entries that can follow a tail, nearest first.
type follower struct {
	data    []byte
	prev    int64
	pattern [8]byte // prev as the metadata spells it
	sum     runningSum
	end     int64 // ends below this one have been tried
	begun   bool  // the tombstone has been tried
	done    bool  // no further entry
}

// newFollower returns a follower of the entry that ended at prev.
func newFollower(data []byte, prev int64) follower {
	f := follower{data: data, prev: prev, end: prev + 1}
	binary.LittleEndian.PutUint64(f.pattern[:], uint64(prev))
	f.sum.at = prev + padding(prev)
	return f
}

// next returns the next entry whose metadata begins at from or later.
func (f *follower) next(from int64) (located, bool) {
	if !f.begun && from <= f.end { // a tombstone has no padding, so it ends nearest
		if e, ok := parseEntry(f.data, f.prev+tombstoneSize); ok &&
			e.tombstone && e.prevOffset == f.prev && e.checksum == tombstoneChecksum {
			f.begun = true
			f.end++
			return e, true
		}
	}
	f.begun = true
	f.end = max(f.end, f.sum.at+1, from)
	last := int64(len(f.data)) - metadataSize
	for ; f.end <= last; f.end++ {
		if binary.LittleEndian.Uint64(f.data[f.end+8:]) != uint64(f.prev) {
			i := bytes.Index(f.data[f.end+9:last+16], f.pattern[:])
			if i < 0 {
				lookedAt(last - f.end)
				break
			}
			lookedAt(int64(i))
			f.end += 1 + int64(i)
		}
		if f.sum.extend(f.data, f.end) != binary.LittleEndian.Uint32(f.data[f.end+16:]) {
			continue
		}
		if e, ok := parseEntry(f.data, f.end+metadataSize); ok {
			f.end++
			return e, true
		}
	}
	f.done = true
	return located{}, false
}

// runningSum is the checksum of a stretch of bytes that only grows at its end.
type runningSum struct {
	at  int64 // where the stretch ends
	sum uint32
}

// extend lets the stretch grow to end and returns its checksum.
func (r *runningSum) extend(data []byte, end int64) uint32 {
	lookedAt(end - r.at)
	if end-r.at > shortUpdate {
		r.sum = updateChecksum(r.sum, data[r.at:end])
	} else {
		sum := ^r.sum
		for _, b := range data[r.at:end] {
			sum = crc32.IEEETable[byte(sum)^b] ^ sum>>8
		}
		r.sum = ^sum
	}
	r.at = end
	return r.sum
}

// otherAlignment tells whether data is a drive whose payloads are aligned to
// something else than 64 bytes, as older releases of the original wrote them: the
// newest entries verify with that alignment and do not with ours. It returns the
// alignment in bytes (1 for none), or 0.
//
// Such a file must not be repaired: its first entry, at offset 0, is valid here
// too, and everything after it would be cut off.
func otherAlignment(data []byte) int64 {
	for _, align := range [...]int64{16, 1, 2, 4, 8, 32, 128, 256} {
		if differs, ok := verifyAligned(data, align); ok && differs {
			return align
		}
	}
	return 0
}

// verifyAligned verifies the newest verifyMinEntries entries of data with payloads
// aligned to align. It reports whether they match, and whether at least one payload
// begins elsewhere than with our alignment.
func verifyAligned(data []byte, align int64) (differs, ok bool) {
	tail := int64(len(data))
	for range verifyMinEntries {
		if tail == 0 {
			break
		}
		m, ok := parseMetadata(data[max(0, tail-metadataSize):tail])
		end := tail - metadataSize
		if !ok || m.prevOffset < 0 || m.prevOffset >= end {
			return false, false
		}
		start := m.prevOffset
		if !isTombstone(data, start, end) {
			start += -start & (align - 1)
			differs = differs || start != m.prevOffset+padding(m.prevOffset)
		}
		lookedAt(max(0, end-start))
		if start >= end || !matches(data[start:end], m.checksum) {
			return false, false
		}
		tail = m.prevOffset
	}
	return differs, true
}
