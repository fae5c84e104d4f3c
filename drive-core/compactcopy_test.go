package drive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// runSizes are sizes of values around those at which an entry ends with, before or
// behind a multiple of the alignment, and at which another way is taken.
var runSizes = []int{
	1, 8, 43, 44, 45, 63, 64, 65, 108, 1000, 4096,
	gatherMin - 1, gatherMin, runBytes - 1, copyBufferBytes - 3, maxShortSize, maxShortSize + 1, 3 << 20,
}

// runDrive writes a drive of values of all sizes, some superseded, some deleted, in
// runs of any length, and returns what it must be.
func runDrive(t *testing.T, s *Store, seed uint64) *ledger {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	j := newLedger()
	small := 11 // of runSizes; larger ones are rare
	for range 1500 {
		hash := r.Uint64N(600) // that of 0 is special to the index
		var tail, want int64
		var err error
		if r.IntN(5) == 0 {
			tail, err = s.DeleteHash(hash)
			want = j.remove(hash)
		} else {
			size := runSizes[r.IntN(small)]
			if r.IntN(15) == 0 {
				size = runSizes[r.IntN(len(runSizes))]
			}
			value := golden.SplitMix(size, r.Uint64())
			value[0] |= 1 // a single zero byte is no value
			tail, err = s.WriteHash(hash, value)
			want = j.put(hash, value)
		}
		if err != nil || tail != want {
			t.Fatalf("tail %d, want %d: %v", tail, want, err)
		}
	}
	return j
}

// TestCompactionMakesTheFileThatItsEntriesMake compares compacted files, byte by byte,
// with files to which the live entries were added one after another.
func TestCompactionMakesTheFileThatItsEntriesMake(t *testing.T) {
	for seed := range uint64(6) {
		for _, order := range []Order{FileOrder, NewestFirst} {
			t.Run(fmt.Sprintf("seed=%d/order=%d", seed, order), func(t *testing.T) {
				s := mustOpen(t, tempPath(t), Options{Sync: SyncNone})
				j := runDrive(t, s, seed)
				next := j.compacted(order, j.size())
				keys := compactKeys
				if seed%2 == 1 {
					keys = int(1 + 30*seed) // in ranges of the file
				}
				if _, err := s.compact(t.Context(), CompactOptions{Order: order}, keys); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(next.compareFile(s.Path()), next.compare(s)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestCompactionKeepsALoneZeroByte: a value of one zero byte, which other programs can
// make, stays one, also where it would read as a tombstone for want of padding.
func TestCompactionKeepsALoneZeroByte(t *testing.T) {
	path := tempPath(t)
	j := newLedger()
	j.put(1, make([]byte, 44)) // ends at a multiple of 64
	j.put(2, []byte("goes"))
	j.put(3, []byte{tombstoneByte}) // follows 1 when 2 is gone
	j.bury(2)
	if err := os.WriteFile(path, j.data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path, Options{})
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if e, err := s.FindHash(3); err != nil || string(e.Bytes()) != "\x00" || s.Len() != 2 {
			t.Errorf("%q, %v, %d keys", e.Bytes(), err, s.Len())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path, Options{})
	}
}

// TestCompactionWritesZerosBetweenValues: what other programs left in the padding of a
// run, and tombstones that fit there, are not copied.
func TestCompactionWritesZerosBetweenValues(t *testing.T) {
	path := tempPath(t)
	j := newLedger()
	j.put(1, []byte("one"))
	j.put(2, []byte("two"))
	j.bury(9)
	j.put(3, []byte("three"))
	data := append([]byte{}, j.data...)
	data[3+metadataSize+5] = 0xEE // between 1 and 2
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path, Options{})
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := j.compacted(FileOrder, j.size()).compareFile(path); err != nil {
		t.Error(err)
	}
}

// TestCompactionFindsDamageAnywhere flips each byte of a run of values, and some of a
// large one, under an open store: compaction stops at every one that says anything, and
// leaves the file as it was.
func TestCompactionFindsDamageAnywhere(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncNone})
	for i, size := range []int{44, 1, 63, 100, 64} {
		value := golden.SplitMix(size, uint64(i))
		value[0] |= 1
		if _, err := s.WriteHash(uint64(i)<<40|5, value); err != nil {
			t.Fatal(err)
		}
	}
	small := s.FileSize()
	if _, err := s.WriteHash(77, golden.SplitMix(gatherMin+9, 77)); err != nil {
		t.Fatal(err)
	}
	end, pad := s.FileSize(), map[int64]bool{}
	for e, err := range s.Entries(FileOrder) {
		if err != nil {
			t.Fatal(err)
		}
		for off := e.PrevOffset(); off < e.Offset(); off++ {
			pad[off] = true
		}
	}
	_, err := s.WriteHash(99, []byte("the last one, whose bytes each write looks at"))
	if err != nil {
		t.Fatal(err)
	}
	for off := range end {
		if off > small+2*alignment && off < small+gatherMin && off%5000 != 0 {
			continue
		}
		flip(t, path, off)
		before := fileBytes(t, path)
		for _, order := range []Order{FileOrder, NewestFirst} {
			var corrupt *CorruptError
			if _, err := s.Compact(t.Context(), CompactOptions{Order: order}); pad[off] != (err == nil) || !pad[off] && !errors.As(err, &corrupt) {
				t.Errorf("byte %d, order %d, padding %v: %v", off, order, pad[off], err)
			}
			if pad[off] {
				break // it is another file now, without the damage
			}
			if string(fileBytes(t, path)) != string(before) {
				t.Fatal("the file has changed")
			}
		}
		if !pad[off] {
			flip(t, path, off)
		}
	}
}

// TestCompactionCancelledOnTheWay: whenever the context ends, the old file stays as it
// is, nothing is left beside it, and the next compaction makes what the first would.
func TestCompactionCancelledOnTheWay(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{Sync: SyncNone})
	j := runDrive(t, s, 42)
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		_, err := s.Compact(ctx, CompactOptions{Progress: func(int64, int64) {
			if calls++; calls == stop {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			if stop < 5 {
				t.Errorf("only %d steps", stop)
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := j.compareFile(s.Path()); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.compacted(FileOrder, j.size()).compareFile(s.Path()); err != nil {
		t.Error(err)
	}
}

// TestCompactionKeepsPace measures, in virtual time, that copying keeps to its rate.
func TestCompactionKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, tempPath(t), Options{Sync: SyncNone})
		j := runDrive(t, s, 7)
		const rate = 1 << 20
		begin := time.Now()
		if _, err := s.Compact(t.Context(), CompactOptions{BytesPerSecond: rate}); err != nil {
			t.Fatal(err)
		}
		bytes := j.stats().LiveBytes
		want := time.Duration(bytes-paceBurst) * time.Second / rate
		if took := time.Since(begin); bytes < 4*rate || took < want-time.Second || took > want+time.Second {
			t.Errorf("%d bytes in %v, want %v", bytes, took, want)
		}
	})
}

// TestIndexScanSurvivesGrowth collects from an index that grows meanwhile: all that was
// there before is found.
func TestIndexScanSurvivesGrowth(t *testing.T) {
	x := newIndex()
	const old = 20_000
	for i := range uint64(old) {
		x.set(i, locationOf(int64(i)*alignment, 1))
	}
	done := make(chan struct{})
	go func() { // ends by itself; waited for below
		defer close(done)
		for i := uint64(old); i < 20*old; i++ {
			x.set(i, locationOf(int64(i)*alignment, 1))
		}
	}()
	for scans, ended := 0, false; scans < 3 || !ended; scans++ {
		select {
		case <-done:
			ended = true
		default:
		}
		var list []change
		ranges := x.ranges(old*alignment, old/2+old*scans)
		for _, r := range ranges {
			part, _ := sortByPlace(x.appendLive(nil, r), nil, old*alignment)
			list = append(list, part...)
		}
		if len(list) != old {
			t.Fatalf("%d of %d", len(list), old)
		}
		for i, c := range list {
			if c.hash != uint64(i) || c.loc != locationOf(int64(i)*alignment, 1) {
				t.Fatalf("number %d: %+v", i, c)
			}
		}
	}
}

// TestRanges holds that the ranges of a file are all of it, and as many values as may be in
// each.
func TestRanges(t *testing.T) {
	const keys = 50_000
	x := newIndex()
	tail := int64(0)
	for i := range uint64(keys) {
		size := int64(1)
		if i%1000 == 0 {
			size = 1 << 20
		}
		loc := locationOf(tail+padding(tail), size)
		x.set(i*0x9E3779B97F4A7C15, loc)
		tail = loc.tail()
	}
	x.settle()
	for _, most := range []int{1, 100, 7000, keys - 1, keys, 10 * keys} {
		ranges := x.ranges(tail, most)
		at, found, largest := int64(0), 0, 0
		for _, r := range ranges {
			if r.after != at || r.upTo <= at {
				t.Fatalf("most %d: range %+v follows %d", most, r, at)
			}
			at = r.upTo
			n := len(x.appendLive(nil, r))
			found += n
			largest = max(largest, n)
		}
		if at != tail || found != keys {
			t.Errorf("most %d: the ranges end at %d of %d, with %d values of %d", most, at, tail, found, keys)
		}
		if part := int(tail/rangeParts/alignment) + 2; largest > max(most, part) {
			t.Errorf("most %d: %d values in a range", most, largest)
		}
	}
}
