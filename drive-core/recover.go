package drive

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/simd-drive/go/drive-core/internal/simd"
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
	// maxDetourPasses bounds what the forward search looks at around places that
	// look like entries and are values, in lengths of the file. A drive stored as the
	// first value of a drive is such a place: it has the offsets of its container.
	maxDetourPasses = 3
	minDetourBytes  = 64 << 10 // and so much beyond that
	// farApart is the size of values from which metadata is read instead of mapped: more than the system maps
	// around a page that is touched (64 KiB on Linux).
	farApart = 256 << 10
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
	// floor is a tail from which on the entries before it are known. The chain must come by there; the entries
	// below are not visited, and walked only as far as their checksums are asked for.
	floor int64
	// whole: newest counts padding and metadata, too.
	whole bool
	// file, unless nil, is the file of the data. The metadata of entries that lie far apart is read from there:
	// that costs less than having their pages mapped.
	file io.ReaderAt
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
	far := false // the entry before is likely to lie in pages that nobody has looked at
	for tail := int64(len(data)); tail > 0; {
		var e located
		ok := false
		if far && v.file != nil {
			e, ok = readEntry(v.file, tail)
		}
		if !ok {
			e, ok = parseEntry(data, tail)
		}
		if !ok {
			return &CorruptError{Offset: max(0, tail-metadataSize), Reason: "no entry ends here"}
		}
		newest := v.newest < 0 || v.newest > 0 && (seenBytes < v.newest || seen < verifyMinEntries)
		if tail <= v.floor && !newest && tail <= v.above {
			return nil
		}
		if tail > v.floor && e.prevOffset < v.floor {
			return &CorruptError{Offset: max(0, tail-metadataSize), Reason: "the entry leads past what is known"}
		}
		if newest || tail > v.above || v.first && e.prevOffset == 0 {
			lookedAt(e.size())
			if !matches(data[e.start:e.end], e.checksum) {
				return &CorruptError{Offset: e.start, Reason: "checksum does not match"}
			}
		}
		seenBytes += e.size()
		if v.whole {
			seenBytes += tail - e.prevOffset - e.size()
		}
		seen++
		far = e.size() >= farApart
		if tail > v.floor {
			visit(e)
		}
		tail = e.prevOffset
	}
	return nil
}

// readEntry is parseEntry of an entry whose metadata is read from file. It finds values of
// some size only, and none that it cannot read: parseEntry finds the rest.
func readEntry(file io.ReaderAt, tail int64) (located, bool) {
	var b [metadataSize]byte
	end := tail - metadataSize
	if end < 0 {
		return located{}, false
	}
	if _, err := file.ReadAt(b[:], end); err != nil {
		return located{}, false
	}
	m, _ := parseMetadata(b[:])
	if m.prevOffset < 0 || m.prevOffset >= end-alignment {
		return located{}, false
	}
	return located{
		keyHash: m.keyHash, prevOffset: m.prevOffset, start: m.prevOffset + padding(m.prevOffset), end: end, checksum: m.checksum,
	}, true
}

// scanForward finds how far data consists of verified entries from the tail base on,
// where an entry is known to end (or 0), and returns where they end; base when none
// follows.
//
// An entry says where it began: from a known tail P the next entry is the nearest
// place where the metadata carries P as previous offset and the bytes between
// match its checksum. A value that holds such bytes is mistaken for an entry in this
// way; its own entry ends behind it, and begins at a tail that was passed. So where
// nothing follows, that is looked for, and the search goes on from there.
//
// The time is linear in len(data) whatever it holds: the search for those eight bytes
// and the running checksum pass over the file once, and the detours over as much as
// maxDetourPasses allows.
func scanForward(data []byte, base int64) (goodLen int64) {
	d := detour{data: data, base: base, budget: minDetourBytes + maxDetourPasses*(int64(len(data))-base)}
	for goodLen = base; ; {
		goodLen = lastFollower(data, goodLen)
		tail, ok := d.around(goodLen)
		if !ok {
			return goodLen
		}
		d.budget -= int64(len(data)) - tail // that of lastFollower, which finds nothing in the end
		goodLen = tail
	}
}

// lastFollower returns the tail at the end of a chain of nearest entries from the tail
// prev on, or prev.
func lastFollower(data []byte, prev int64) int64 {
	for {
		f := newFollower(data, prev)
		e, ok := f.next()
		if !ok {
			return prev
		}
		prev = e.tail()
	}
}

// detour looks for entries around what was mistaken for entries.
type detour struct {
	data   []byte
	base   int64
	budget int64 // bytes that may still be looked at
}

// around returns the tail of the nearest verified entry that ends behind end, where a
// chain from base ends, and begins at another tail of that chain.
func (d *detour) around(end int64) (tail int64, ok bool) {
	var sum runningSum // of what follows the tail prev
	prev := int64(-1)
	begin := end
	for at := end; at+metadataSize <= int64(len(d.data)); at++ {
		p := binary.LittleEndian.Uint64(d.data[at+8:])
		if p < uint64(d.base) || p >= uint64(end) {
			continue
		}
		if int64(p) != prev {
			prev = int64(p)
			sum = runningSum{at: prev + padding(prev)}
		}
		if sum.at >= at {
			continue
		}
		if d.budget -= at - sum.at + at - begin; d.budget < 0 {
			break
		}
		begin = at
		if sum.extend(d.data, at) != binary.LittleEndian.Uint32(d.data[at+16:]) {
			continue
		}
		if e, ok := parseEntry(d.data, at+metadataSize); ok && !e.tombstone && d.surrounds(e, end) {
			return e.tail(), true
		}
	}
	lookedAt(int64(len(d.data)) - begin)
	return 0, false
}

// surrounds tells whether the chain that ends at tail begins again inside of the
// payload of e, at the tail where e begins.
func (d *detour) surrounds(e located, tail int64) bool {
	for tail > e.prevOffset {
		inner, ok := parseEntry(d.data, tail)
		if !ok {
			return false
		}
		d.budget -= metadataSize
		lookedAt(metadataSize)
		if inner.prevOffset == e.prevOffset {
			return inner.start >= e.start // else it is a deletion in the padding of e
		}
		tail = inner.prevOffset
	}
	return false
}

// follower looks for the nearest verified entry that can follow a tail.
type follower struct {
	data []byte
	prev int64
	sum  runningSum
}

// newFollower returns a follower of the entry that ended at prev.
func newFollower(data []byte, prev int64) follower {
	return follower{data: data, prev: prev, sum: runningSum{at: prev + padding(prev)}}
}

// next returns that entry.
func (f *follower) next() (located, bool) {
	if e, ok := parseEntry(f.data, f.prev+tombstoneSize); ok && // a tombstone has no padding, so it ends nearest
		e.tombstone && e.prevOffset == f.prev && e.checksum == tombstoneChecksum {
		return e, true
	}
	last := int64(len(f.data)) - metadataSize
	for end := f.sum.at + 1; end <= last; end++ {
		if binary.LittleEndian.Uint64(f.data[end+8:]) != uint64(f.prev) {
			i := simd.IndexUint64(f.data[end+9:last+16], uint64(f.prev))
			if i < 0 {
				lookedAt(last - end)
				break
			}
			lookedAt(int64(i))
			end += 1 + int64(i)
		}
		if f.sum.extend(f.data, end) != binary.LittleEndian.Uint32(f.data[end+16:]) {
			continue
		}
		if e, ok := parseEntry(f.data, end+metadataSize); ok {
			return e, true
		}
	}
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
