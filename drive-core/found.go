package drive

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/simd-drive/go/drive-core/internal/simd"
)

// found are the places in a gap where an entry verifies, in the order of their ends. A
// value may hold what looks like entries, so they may overlap; the entries of the drive
// are those that the last one leads to.
type found struct {
	low     int64 // where the gap begins, which is a tail
	high    int64 // where it ends
	entries []located
	asked   int // what upTo returned last

	marks     []uint64 // a bit for places of a tail and, in a large gap, their neighbours
	markShift uint
}

// maxMarks bounds the bits of found.marks.
const maxMarks = 1 << 28

func newFound(low, high int64) *found {
	f := &found{low: low, high: high}
	for (high-low)>>f.markShift > maxMarks {
		f.markShift++
	}
	f.marks = make([]uint64, (high-low)>>f.markShift/64+1)
	return f
}

// markOf returns where the bit of a tail is.
func (f *found) markOf(tail int64) (word int64, bit uint64) {
	i := (tail - f.low) >> f.markShift
	return i / 64, 1 << (i % 64)
}

// add appends an entry.
func (f *found) add(e located) {
	f.entries = append(f.entries, e)
	word, bit := f.markOf(e.tail())
	f.marks[word] |= bit
}

// search returns the found of the gap between low and high.
func (s *survey) search(low, high int64) (*found, error) {
	f := newFound(low, high)
	region := s.data[:high]
	s.sums.reset(region, low, high)
	newest := low
	near := runningSum{at: low + padding(low)} // of an entry after the last one found, which is asked for most
	var often oftenAsked
	told := low
	for end := low + 1; end+metadataSize <= high; end++ {
		if end-told >= progressStep {
			if err := s.work(end - told); err != nil {
				return f, err
			}
			told = end
		}
		prev := binary.LittleEndian.Uint64(region[end+8:])
		if prev >= uint64(high) { // as nearly everywhere: on to the next place with a number that may be an offset
			last := min(high-metadataSize, told+progressStep)
			if i := simd.IndexBelow(region[end+9:last+16], uint64(high)); i >= 0 {
				end += int64(i)
			} else {
				end = last
			}
			continue
		}
		distance := prev - uint64(low)
		if distance >= uint64(end-low) || distance > 0 && distance < minEntrySize {
			continue
		}
		if prev == 0 && binary.LittleEndian.Uint64(region[end:]) == 0 && binary.LittleEndian.Uint32(region[end+16:]) == 0 {
			continue // zeros are no metadata
		}
		if prev < uint64(newest) && !f.isTail(int64(prev)) {
			continue
		}
		e, ok := parseEntry(region, end+metadataSize)
		if !ok {
			continue
		}
		var sum uint32
		switch {
		case e.tombstone:
			sum = tombstoneChecksum
		case e.prevOffset == newest:
			sum = near.extend(region, end)
		default:
			sum = often.sum(&s.sums, e)
		}
		if sum != e.checksum {
			continue
		}
		f.add(e)
		newest = e.tail()
		near = runningSum{at: newest + padding(newest)}
	}
	return f, s.work(high - told)
}

// oftenAsked remembers sums from some beginnings up to where they were asked for last:
// values may be full of one number, and so of places that look like ends of entries with
// the same beginning.
type oftenAsked [8]struct {
	prevOffset int64
	run        runningSum
}

// sum returns the checksum of the payload of e.
func (o *oftenAsked) sum(sums *prefixSums, e located) uint32 {
	slot := &o[uint64(e.prevOffset)*0x9E3779B97F4A7C15>>61]
	if slot.prevOffset == e.prevOffset && slot.run.at > e.start && e.end-slot.run.at < sampleStride {
		return slot.run.extend(sums.data, e.end)
	}
	slot.prevOffset, slot.run = e.prevOffset, runningSum{at: e.end, sum: sums.between(e.start, e.end)}
	return slot.run.sum
}

// upTo returns how many of the entries end at tail or before it. It is mostly asked for
// falling tails, one after the other.
func (f *found) upTo(tail int64) int {
	const near = 4
	n := f.asked
	for steps := 0; steps < near && n > 0 && f.entries[n-1].tail() > tail; steps++ {
		n--
	}
	if n > 0 && f.entries[n-1].tail() > tail || n < len(f.entries) && f.entries[n].tail() <= tail {
		n, _ = slices.BinarySearchFunc(f.entries, tail+1, func(e located, tail int64) int { return cmp.Compare(e.tail(), tail) })
	}
	f.asked = n
	return n
}

// endingAt returns the entry that ends at tail.
func (f *found) endingAt(tail int64) (located, bool) {
	n := f.upTo(tail)
	if n == 0 || f.entries[n-1].tail() != tail {
		return located{}, false
	}
	return f.entries[n-1], true
}

// isTail tells whether an entry ends at tail, or the gap begins there. tail is in the gap.
func (f *found) isTail(tail int64) bool {
	if tail == f.low {
		return true
	}
	if word, bit := f.markOf(tail); f.marks[word]&bit == 0 {
		return false
	}
	_, ok := f.endingAt(tail)
	return ok
}

// lastTail returns the last tail that is not beyond limit.
func (f *found) lastTail(limit int64) int64 {
	n := f.upTo(limit)
	if n == 0 {
		return f.low
	}
	return f.entries[n-1].tail()
}
