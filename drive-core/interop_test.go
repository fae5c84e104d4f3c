//go:build interop

// The tests named Interop compare the engine with the original's program. They need
// that program: `make interop-format` installs it and hands its path over.

package drive_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/simd-drive/go/drive-core"
)

// How much the tests do; together they start the program some 9000 times.
const (
	oursRuns       = 24
	theirsRuns     = 6
	alternations   = 20
	compactionRuns = 8
	staleDrives    = 18
	staleRounds    = 6 // of each
	tornDrives     = 8
	tornCuts       = 6 // of each
)

// TestInteropVersion holds that the program is the one whose messages are expected.
func TestInteropVersion(t *testing.T) {
	if got, want := start(t, nil, "--version"), (outcome{stdout: originalVersion}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestInteropOriginalReadsOurs: all that our engine does to a drive, the original
// reads without a loss and without touching the file.
func TestInteropOriginalReadsOurs(t *testing.T) {
	for i := range oursRuns {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			w := newWorkload(t, filepath.Join(t.TempDir(), "ours.drive"))
			w.zeros, w.nested = true, true
			w.ours(20 + w.rng.IntN(100))
			if i%4 == 0 {
				w.longStreams()
				w.ours(10)
			}
			w.compare()
		})
	}
}

// TestInteropWeReadOriginals: what the original writes, copies, moves and compacts,
// our engine reads; and the same calls make the same bytes in our engine.
func TestInteropWeReadOriginals(t *testing.T) {
	for i := range theirsRuns {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			w := newWorkload(t, filepath.Join(dir, "theirs.drive"))
			w.nested = true
			other := newWorkload(t, filepath.Join(dir, "other.drive"))
			other.pool = w.pool
			twin, otherTwin := filepath.Join(dir, "twin.drive"), filepath.Join(dir, "otherTwin.drive")
			calls := []step{{verb: "write", key: w.key(), value: []byte("the first call must create the file")}}
			for range 80 {
				calls = append(calls, step{})
			}
			for n, s := range calls {
				if n > 0 {
					s = w.step()
				}
				w.mirror(s, twin, otherTwin)
				w.theirStep(s, other)
				if !bytes.Equal(w.file(w.path), w.file(twin)) || !bytes.Equal(w.file(other.path), w.file(otherTwin)) {
					t.Fatalf("call %d, %s %.*q: the original's file and ours differ", n, s.verb, shownBytes, s.key)
				}
				if n%10 == 0 {
					w.compareOurs()
				}
			}
			w.compare()
			if len(w.file(other.path)) > 0 {
				other.compare()
			}
		})
	}
}

// TestInteropAlternating: the two engines take turns with one file.
func TestInteropAlternating(t *testing.T) {
	dir := t.TempDir()
	w := newWorkload(t, filepath.Join(dir, "a.drive"))
	w.nested = true
	other := newWorkload(t, filepath.Join(dir, "other.drive"))
	other.pool = w.pool
	w.ours(0) // an empty file
	other.ours(0)
	w.compare()
	for i := range alternations {
		w.zeros = i > alternations*3/4 // from then on the original does not compact
		w.theirs(1+w.rng.IntN(12), other)
		w.compare()
		w.ours(1 + w.rng.IntN(12))
		w.compare()
		other.ours(w.rng.IntN(3))
	}
	other.compare()
}

// TestInteropCompaction: what one engine compacted the other reads and compacts
// again. In the original's order both make the same bytes.
func TestInteropCompaction(t *testing.T) {
	for i := range compactionRuns {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			w := newWorkload(t, filepath.Join(dir, "a.drive"))
			w.nested = true
			w.ours(20 + w.rng.IntN(80))
			theirs := w.clone(filepath.Join(dir, "theirs.drive"))
			newest := w.clone(filepath.Join(dir, "newest.drive"))
			inOrder := w.clone(filepath.Join(dir, "order.drive"))
			compact := func(w *workload, order drive.Order) {
				s := w.open()
				_, err := s.Compact(t.Context(), drive.CompactOptions{Order: order})
				w.check(err)
				w.check(s.Close())
				w.compacted()
			}
			theirs.theirStep(step{verb: "compact"}, nil)
			compact(newest, drive.NewestFirst)
			compact(inOrder, drive.FileOrder)
			if !bytes.Equal(theirs.file(theirs.path), newest.file(newest.path)) {
				t.Fatal("the original's compacted file and ours differ")
			}
			for _, c := range []*workload{theirs, newest, inOrder} {
				c.compare()
				c.ours(c.rng.IntN(10))
				c.compare()
			}
			theirs.theirStep(step{verb: "compact"}, nil)
			compact(theirs, drive.FileOrder)
			inOrder.theirStep(step{verb: "compact"}, nil)
			compact(newest, drive.NewestFirst)
			newest.theirStep(step{verb: "compact"}, nil)
			for _, c := range []*workload{theirs, newest, inOrder} {
				c.compare()
			}
		})
	}
}

// besides returns the files that stand beside a drive, by what their names add to its.
func (w *workload) besides() map[string][]byte {
	w.t.Helper()
	names, err := filepath.Glob(w.path + ".*")
	w.check(err)
	files := map[string][]byte{}
	for _, name := range names {
		files[strings.TrimPrefix(name, w.path)] = w.file(name)
	}
	return files
}

// putBeside writes such files beside the drive.
func (w *workload) putBeside(files map[string][]byte) {
	w.t.Helper()
	for suffix, b := range files {
		w.writeFile(w.path+suffix, b)
	}
}

// TestInteropStaleSideFiles: what our engine left beside a drive says nothing true
// any more when the original has changed the drive since, has compacted it, or was
// killed while it appended. Opening must neither refuse nor lose anything then. The
// drives are short, so that a new file often begins like the one before.
func TestInteropStaleSideFiles(t *testing.T) {
	for i := range staleDrives {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			w := newWorkload(t, filepath.Join(dir, "a.drive"))
			w.pool, w.syncs = w.pool[:1+i%6], true
			other := newWorkload(t, filepath.Join(dir, "other.drive"))
			w.ours(1 + w.rng.IntN(5))
			var states []map[string][]byte
			for range staleRounds {
				if states = append(states, w.besides()); len(states[len(states)-1]) == 0 && len(w.file(w.path)) > 0 {
					t.Fatal("our engine left nothing beside the drive: nothing can be stale")
				}
				for range w.rng.IntN(4) {
					w.theirs(1, other)
					if w.rng.IntN(2) == 0 {
						w.theirStep(step{verb: "compact"}, nil)
					}
				}
				if w.rng.IntN(4) == 0 { // else what our engine left last is stale
					w.putBeside(states[w.rng.IntN(len(states))])
				}
				if len(w.live) > 0 {
					w.tearTheirs()
				}
				w.compare()
				w.ours(w.rng.IntN(10))
			}
		})
	}
}

// tearTheirs has the original append a value and cuts that somewhere, as if it had
// been killed. Our engine must cut just this off.
func (w *workload) tearTheirs() {
	w.t.Helper()
	before := w.file(w.path)
	torn := w.clone(w.path + "-torn")
	torn.theirStep(step{verb: "stream", key: torn.key(), value: torn.value()}, nil)
	w.tear(before, torn.file(torn.path))
	w.repair(before)
}

// tear makes the drive end somewhere in the entry that after has and before has not.
func (w *workload) tear(before, after []byte) {
	w.t.Helper()
	w.writeFile(w.path, after[:len(before)+1+w.rng.IntN(len(after)-len(before)-1)])
}

// repair opens a drive with a torn tail, which must make it what it was before, and
// removes the bytes that the repair saved.
func (w *workload) repair(before []byte) {
	w.t.Helper()
	torn := w.file(w.path)
	s, err := drive.Open(w.path, drive.Options{ReserveBytes: 1 << 20})
	w.check(err)
	w.compareStore(s)
	w.check(s.Close())
	if repaired := w.file(w.path); !bytes.Equal(repaired, before) {
		w.t.Fatalf("%d bytes after the repair of %d, want %d", len(repaired), len(torn), len(before))
	}
	cut := fmt.Sprintf("%s.cut-%d", w.path, len(before))
	if !bytes.Equal(w.file(cut), torn[len(before):]) {
		w.t.Fatal("the bytes that were cut off were not saved")
	}
	w.check(os.Remove(cut))
}

// TestInteropTornTail: a drive whose last entry was cut anywhere, once our engine has
// opened it, is read by the original without a loss. Unrepaired, the original would
// lose every key at most places.
func TestInteropTornTail(t *testing.T) {
	for i := range tornDrives {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			w := newWorkload(t, filepath.Join(dir, "a.drive"))
			w.zeros = true
			w.ours(10 + w.rng.IntN(40))
			for len(w.file(w.path)) == 0 { // a torn first entry cannot be told from a foreign file
				w.ours(1)
			}
			after, beside := w.crash()
			for n := range tornCuts {
				torn := w.clone(filepath.Join(dir, fmt.Sprintf("torn%d.drive", n)))
				if w.rng.IntN(2) == 0 {
					torn.putBeside(beside)
				}
				torn.tear(w.file(w.path), after)
				torn.repair(w.file(w.path))
				torn.compare()
				torn.theirs(1, w.clone(filepath.Join(dir, "other.drive")))
				torn.compareOurs()
			}
		})
	}
}

// crash appends one entry to a copy of the drive and returns what a crash right then
// would leave: the file and those beside it.
func (w *workload) crash() (after []byte, beside map[string][]byte) {
	w.t.Helper()
	c := w.clone(w.path + "-crash")
	c.putBeside(w.besides())
	s, err := drive.Open(c.path, drive.Options{Sync: drive.SyncNone})
	w.check(err)
	key, live := c.key(), slices.Sorted(maps.Keys(c.live))
	switch n := c.rng.IntN(4); {
	case n == 0 && len(live) > 0:
		_, err = s.Delete([]byte(live[0]))
	case n == 1:
		_, err = s.WriteFrom([]byte(key), iotest.HalfReader(bytes.NewReader(c.value())))
	default:
		_, err = s.Write([]byte(key), c.value())
	}
	w.check(err)
	after, beside = c.file(c.path), c.besides()
	w.check(s.Close())
	return after, beside
}
