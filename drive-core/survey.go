package drive

import "context"

// How a file is taken apart when its chain may be broken.
//
// The chain is walked backward from the end for as long as entries verify. Where
// one does not, the walk goes on through its previous offset to the next entry that
// does; what lies between, or everything down to 0, is a gap. A gap is searched
// forward, in one pass: an end E of an entry is any place whose metadata names a
// previous offset inside the gap such that the checksum of the bytes between
// matches. Each place is looked at once, and each look costs at most sampleStride
// bytes of checksum (prefixSums), so the whole work is linear in the file size,
// whatever the file holds. A match by chance has the odds of 2^-32 per look. A value
// may hold such places too, but not behind the end of its own entry: so what was found
// is read from its end, where each match names the one before it.
//
// What the search cannot match is damage. Where it ends is known (an intact entry
// names it, or the file ends), so the metadata that stands there says which entry
// it was, and whether only its previous offset is wrong.

// progressStep is how many bytes are worked through between two looks at the
// context and two calls of a progress function.
const progressStep = 4 << 20

// pieceKind says what a piece of a file is.
type pieceKind int

const (
	pieceEntry    pieceKind = iota // an entry whose checksum matches
	pieceRelinked                  // the same, but its previous offset is wrong; entry.prevOffset is the right one
	pieceDamaged                   // an entry with known bounds whose checksum does not match
	pieceLost                      // bytes that belong to no entry; only prevOffset and end are set, end being where they end
)

// piece is a part of a file. All pieces together cover it without overlap.
type piece struct {
	kind  pieceKind
	entry located
}

// from is where the piece begins.
func (p piece) from() int64 { return p.entry.prevOffset }

// to is where the piece ends.
func (p piece) to() int64 {
	if p.kind == pieceLost {
		return p.entry.end
	}
	return p.entry.tail()
}

// survey takes a file apart. It does not change data.
type survey struct {
	ctx      context.Context //nolint:containedctx // lives for one call
	data     []byte
	progress func(done, total int64) // or nil
	worked   int64                   // bytes worked through
	told     int64                   // worked at the last look at ctx
	sums     prefixSums              // of the gap that is being searched
}

// run calls visit with every piece, from the end of the file to its beginning. It
// stops at the first error of visit or of the context. Memory: nothing per entry of
// a healthy file, about 50 bytes per entry inside a gap, and a bit per byte of the gap, at
// most maxMarks.
func (s *survey) run(visit func(piece) error) error {
	var above piece // found, but not told: what lies below may show that its link is wrong
	held := false   // above is set
	for tail := int64(len(s.data)); tail > 0; {
		e, ok, err := s.verified(tail)
		if err != nil {
			return err
		}
		var f *found
		if !ok {
			if f, err = s.searchBelow(tail, held, above); err != nil {
				return err
			}
			if t := f.lastTail(f.high); held && t != tail && s.follows(t, above.entry) {
				above.kind, above.entry.prevOffset = pieceRelinked, t
				tail = t
			}
		}
		if held {
			if err := visit(above); err != nil {
				return err
			}
		}
		if ok {
			above, held = s.throughPadding(e), true
			tail = above.from()
			continue
		}
		if err := s.gap(f, tail, held, visit); err != nil {
			return err
		}
		tail, held = f.low, false
	}
	if held {
		if err := visit(above); err != nil {
			return err
		}
	}
	return s.tell(int64(len(s.data)))
}

// throughPadding returns the piece of a verified entry. Tombstones in its padding
// are entries that its damaged link skips; the payload, and so the checksum, are
// the same.
func (s *survey) throughPadding(e located) piece {
	p := piece{kind: pieceEntry, entry: e}
	for p.entry.start-p.from() >= tombstoneSize {
		t, ok := parseEntry(s.data, p.from()+tombstoneSize)
		if !ok || !t.tombstone || t.prevOffset != p.from() || t.checksum != tombstoneChecksum {
			break
		}
		p.kind, p.entry.prevOffset = pieceRelinked, t.tail()
	}
	return p
}

// work notes that n bytes were worked through.
func (s *survey) work(n int64) error {
	lookedAt(n)
	s.worked += n
	if s.worked-s.told < progressStep {
		return nil
	}
	s.told = s.worked
	return s.tell(min(s.worked, int64(len(s.data))))
}

// tell reports progress and looks at the context.
func (s *survey) tell(done int64) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.progress != nil {
		s.progress(done, int64(len(s.data)))
	}
	return nil
}

// checksum returns the checksum of data[start:end].
func (s *survey) checksum(start, end int64) (uint32, error) {
	var sum uint32
	for start < end {
		n := min(end-start, progressStep)
		sum = updateChecksum(sum, s.data[start:start+n])
		start += n
		if err := s.work(n); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// verified returns the entry that ends at tail, and whether there is one whose
// checksum matches.
func (s *survey) verified(tail int64) (located, bool, error) {
	e, ok := parseEntry(s.data, tail)
	if !ok {
		return located{}, false, nil
	}
	sum, err := s.checksum(e.start, e.end)
	return e, err == nil && sum == e.checksum, err
}

// foot follows the previous offsets down from tail, where no entry verifies, to
// the tail of one that does; 0 when there is none.
func (s *survey) foot(tail int64) (int64, error) {
	for {
		e, ok := parseEntry(s.data, tail)
		if !ok || e.prevOffset == 0 {
			return 0, nil
		}
		tail = e.prevOffset
		if _, ok, err := s.verified(tail); ok || err != nil {
			return tail, err
		}
	}
}

// searchBelow searches the gap that ends at tail, where no entry verifies. When a few
// wrong bits made above, if it is held, name a place in its padding instead of the tail
// before it, the gap goes on up to its payload.
func (s *survey) searchBelow(tail int64, held bool, above piece) (*found, error) {
	foot, err := s.foot(tail)
	if err != nil {
		return nil, err
	}
	if held {
		tail = above.entry.start
	}
	return s.search(foot, tail)
}

// gap calls visit with the pieces from tail down to the low end of a gap. named says that
// an intact entry names tail.
func (s *survey) gap(f *found, tail int64, named bool, visit func(piece) error) error {
	for ; tail > f.low; named = true {
		e, ok := f.endingAt(tail)
		if !ok {
			below, err := s.below(f, tail, named)
			if err == nil {
				err = s.damage(below, tail, visit)
			}
			if err != nil {
				return err
			}
			tail = below
			continue
		}
		p := s.throughPadding(e)
		if t := f.lastTail(e.start); !f.isTail(p.from()) && s.follows(t, e) {
			p.kind, p.entry.prevOffset = pieceRelinked, t
		}
		if err := visit(p); err != nil {
			return err
		}
		tail = p.from()
	}
	return nil
}

// below returns the tail down to which the bytes before tail belong to no intact entry.
// named says that an intact one names tail, so that a damaged entry ends there.
func (s *survey) below(f *found, tail int64, named bool) (int64, error) {
	last := f.lastTail(tail)
	e, ok := parseEntry(s.data, tail)
	if !ok || !named || e.prevOffset == 0 || e.prevOffset < f.low || e.prevOffset >= last || !f.isTail(e.prevOffset) {
		return last, nil // a link of zeros may be one that is lost
	}
	// Either its link is damaged, or its value, which holds what looks like entries.
	_, linked, err := s.relink(last, tail)
	if linked || err != nil {
		return last, err
	}
	return e.prevOffset, nil
}

// follows reports whether e may begin at tail although it names another offset in
// its padding: its payload is where it would be, and there is nothing but zeros
// where a tombstone could have been before the offset it names.
func (s *survey) follows(tail int64, e located) bool {
	if e.tombstone || tail+padding(tail) != e.start {
		return false
	}
	for _, b := range s.data[tail:max(tail, e.prevOffset)] {
		if b != 0 {
			return false
		}
	}
	return true
}

// damage calls visit with the pieces between high and low, where no entry verifies.
// high is where an entry ended, if anything is left of it; low is where one began.
func (s *survey) damage(low, high int64, visit func(piece) error) error {
	for tail := high; tail > low; {
		e, ok := parseEntry(s.data, tail)
		inside := ok && (e.prevOffset == low || e.prevOffset >= low+minEntrySize)
		if !inside || e.prevOffset != low && tail == high {
			relinked, ok, err := s.relink(low, tail)
			if err != nil {
				return err
			}
			if ok {
				return visit(piece{kind: pieceRelinked, entry: relinked})
			}
		}
		if !inside {
			return visit(piece{kind: pieceLost, entry: located{prevOffset: low, end: tail}})
		}
		if err := visit(piece{kind: pieceDamaged, entry: e}); err != nil {
			return err
		}
		tail = e.prevOffset
	}
	return nil
}

// relink returns the entry that ends at tail as if its previous offset were prev,
// and whether it verifies that way.
func (s *survey) relink(prev, tail int64) (located, bool, error) {
	end := tail - metadataSize
	if end <= prev {
		return located{}, false, nil
	}
	m, _ := parseMetadata(s.data[end:tail])
	e := located{keyHash: m.keyHash, prevOffset: prev, start: prev, end: end, checksum: m.checksum}
	if e.tombstone = isTombstone(s.data, prev, end); !e.tombstone {
		e.start += padding(prev)
		if e.start >= end {
			return located{}, false, nil
		}
	}
	sum, err := s.checksum(e.start, e.end)
	return e, err == nil && sum == e.checksum, err
}
