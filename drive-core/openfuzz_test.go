//go:build unix

package drive

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// maxOpenSeed is the longest golden file that is a seed: a fuzzer is fast with short
// ones.
const maxOpenSeed = 8 << 10

// seedFiles adds golden files, whole and damaged, with marks: none, one that is not
// theirs, one that knows all of the file or a part.
func seedFiles(f *testing.F) {
	f.Helper()
	for _, dir := range []string{goldenDir, damagedDir} {
		names, err := filepath.Glob(filepath.Join(dir, "*.bin"))
		if err != nil {
			f.Fatal(err)
		}
		for i, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) > maxOpenSeed {
				continue
			}
			var tails []int64 // of the chain, as far as it can be followed
			for tail := int64(len(data)); tail > 0; {
				tails = append(tails, tail)
				e, _ := parseEntry(data, tail)
				tail = e.prevOffset
			}
			var m mark
			if n := len(tails); n > 0 && i%4 > 0 {
				m = mark{file: laidNumber, failed: i%8 == 5}
				for _, tail := range tails[min(i/4%2, n-1):min(n, markPoints)] {
					m.points = append(m.points, pointAt(data, tail))
				}
			}
			f.Add(data, appendMark(nil, m)[:markSize-4])
		}
	}
	f.Add(make([]byte, 100), []byte("no mark"))
	f.Add([]byte{}, appendMark(nil, mark{points: []markPoint{{}}, file: laidNumber})[:markSize-4])
}

// FuzzOpenBesideMark lets any bytes be a drive, and any the mark beside it. Whoever
// opens it, nothing is changed by a reader or by a writer that is refused, nothing is
// lost otherwise, what opens can be used, and memory is bounded by the size.
func FuzzOpenBesideMark(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data, body []byte) {
		if len(data) > 1<<20 {
			return
		}
		// The checksum of the mark is right, or a fuzzer would never get past it.
		mark := binary.LittleEndian.AppendUint32(slices.Clone(body), Checksum(body))
		l := lay(t, "fuzz", data, mark)
		defer l.remove()
		size := int64(-1)
		for _, opts := range []Options{{ReadOnly: true}, {ReadOnly: true, VerifyBytes: -1}, {ReadOnly: true, AcceptDamage: true}} {
			if s := l.openBounded(opts); s != nil {
				l.walks(s)
				if !opts.AcceptDamage {
					size = s.FileSize()
				}
				l.close(s)
			}
		}
		s := l.openBounded(Options{})
		if (s != nil) != (size >= 0) || s != nil && s.FileSize() != size {
			t.Fatalf("a reader opens it up to %d, a writer: %v", size, s != nil)
		}
		if s == nil {
			return
		}
		values := l.walks(s)
		l.nothingLost(size)
		tail := mustWrite(t, s, "afterwards", []byte("written"))
		if v, err := s.Get([]byte("afterwards")); err != nil || string(v) != "written" {
			t.Fatalf("a new value reads %q, %v", v, err)
		}
		l.close(s)
		s, err := openIn(l.fsys, laidPath, Options{ReserveBytes: 1 << 16})
		if err != nil || s.FileSize() != tail {
			t.Fatalf("after a write: %v", err)
		}
		values[KeyHash([]byte("afterwards"))] = "written"
		if again := l.walks(s); len(again) != len(values) {
			t.Fatalf("after a write: %d values, %d before", len(again), len(values))
		}
		l.close(s)
	})
}

// openBounded is open with a look at what it allocates. What the file system of the
// test holds in memory itself is counted with it.
func (l *laid) openBounded(opts Options) (s *Store) {
	l.t.Helper()
	opts.ReserveBytes = 1 << 16
	var err error
	n := allocated(func() { s, err = openIn(l.fsys, laidPath, opts) })
	if limit := scanAllocates + scanAllocatesPerByte*int64(len(l.data)); n > limit {
		l.errorf("opening %d bytes allocated %d, more than %d", len(l.data), n, limit)
	}
	l.checkOpened(opts, err)
	if err != nil {
		return nil
	}
	if st, err := s.Stats(); err != nil || st.IndexBytes > scanAllocates+scanAllocatesPerByte*int64(len(l.data)) {
		l.errorf("an index of %d bytes for %d; %v", st.IndexBytes, len(l.data), err)
	}
	return s
}

// walks reads everything and returns what is live, damaged values included.
func (l *laid) walks(s *Store) map[uint64]string {
	l.t.Helper()
	entries := int64(0)
	for e, err := range s.History(FileOrder) {
		if err != nil {
			l.errorf("history: %v", err)
		}
		if err := e.Verify(); err != nil && !errors.Is(err, ErrCorrupt) {
			l.errorf("verify: %v", err)
		}
		entries++
	}
	live := map[uint64]string{}
	for e, err := range s.Entries(NewestFirst) {
		if err != nil {
			l.errorf("entries: %v", err)
		}
		v, err := s.GetHash(e.KeyHash())
		if err == nil && string(v) != string(e.Bytes()) || err != nil && !errors.Is(err, ErrCorrupt) {
			l.errorf("key %x: %v", e.KeyHash(), err)
		}
		live[e.KeyHash()] = string(e.Bytes())
	}
	st, err := s.Stats()
	if err != nil || st.Entries != entries || st.LiveEntries != int64(len(live)) || s.Len() != len(live) {
		l.errorf("%d entries, %d live, stats %+v, %v", entries, len(live), st, err)
	}
	if _, err := s.Scrub(l.t.Context(), ScrubOptions{}); err != nil {
		l.errorf("scrub: %v", err)
	}
	return live
}
