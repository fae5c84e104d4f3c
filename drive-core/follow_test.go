package drive

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// TestFollowerSeesWriter refreshes a read-only store beside a writer that writes,
// deletes, compacts, and is at times in the middle of a write.
func TestFollowerSeesWriter(t *testing.T) {
	path := tempPath(t)
	w := mustOpen(t, path, Options{Sync: SyncNone})
	f := mustOpen(t, path, Options{ReadOnly: true})
	if changed, err := f.Refresh(); changed || err != nil {
		t.Errorf("nothing was written: %v, %v", changed, err)
	}
	refresh := func() {
		t.Helper()
		changed, err := f.Refresh()
		if err != nil || !changed {
			t.Fatalf("refresh: %v, %v", changed, err)
		}
		if !maps.Equal(liveOf(t, f), liveOf(t, w)) || f.FileSize() != w.FileSize() || f.Len() != w.Len() {
			t.Fatalf("the follower has %d keys in %d bytes, the writer %d in %d", f.Len(), f.FileSize(), w.Len(), w.FileSize())
		}
		fst, err := f.Stats()
		wst, err2 := w.Stats()
		fst.IndexBytes, wst.IndexBytes = 0, 0
		if err != nil || err2 != nil || fst != wst {
			t.Fatalf("statistics %+v (%v), the writer's %+v (%v)", fst, err, wst, err2)
		}
	}
	var early []Entry
	for round := range 6 {
		for i := range 40 {
			mustWrite(t, w, strconv.Itoa(i), golden.SplitMix(2+i*round*30, uint64(round)))
		}
		if _, err := w.DeleteBatch([][]byte{[]byte("3"), []byte(strconv.Itoa(round))}); err != nil {
			t.Fatal(err)
		}
		refresh()
		e, _ := f.Read([]byte("20"))
		early = append(early, e)
		if round%2 == 1 {
			if _, err := w.Compact(t.Context(), CompactOptions{Order: Order(round / 2 % 2)}); err != nil {
				t.Fatal(err)
			}
			refresh()
		}
	}
	for round, e := range early {
		if !bytes.Equal(e.Bytes(), golden.SplitMix(2+20*round*30, uint64(round))) {
			t.Errorf("the entry of round %d is not what it was", round)
		}
	}
	if _, err := w.Refresh(); err != nil {
		t.Errorf("a writer refreshes: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Refresh(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestFollowerIgnoresUnfinished appends parts of an entry: they show when they are
// whole, and the end of a batch without its beginning never does.
func TestFollowerIgnoresUnfinished(t *testing.T) {
	m := sample()
	path := writeTemp(t, m.data)
	f := mustOpen(t, path, Options{ReadOnly: true})
	next := appendValue(nil, int64(len(m.data)), 77, golden.SplitMix(3000, 5), Checksum(golden.SplitMix(3000, 5)))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i := range next {
		if _, err := file.Write(next[i : i+1]); err != nil {
			t.Fatal(err)
		}
		if i%500 != 0 && i < len(next)-metadataSize {
			continue
		}
		changed, err := f.Refresh()
		if whole := i == len(next)-1; err != nil || changed != whole || f.ExistsHash(77) != whole {
			t.Fatalf("%d of %d bytes: %v, %v", i+1, len(next), changed, err)
		}
	}
	tail := f.FileSize()
	gap := make([]byte, 100+metadataSize+padding(tail))
	rest := appendValue(nil, tail+int64(len(gap)), 78, []byte("rest of a batch"), Checksum([]byte("rest of a batch")))
	if _, err := file.Write(append(gap, rest...)); err != nil {
		t.Fatal(err)
	}
	if changed, err := f.Refresh(); changed || err != nil || f.FileSize() != tail {
		t.Errorf("half a batch: %v, %v", changed, err)
	}
	if err := file.Truncate(m.tails[2]); err != nil {
		t.Fatal(err)
	}
	if changed, err := f.Refresh(); !changed || err != nil || f.FileSize() != m.tails[2] {
		t.Errorf("a file that was cut: %v, %v, %d bytes", changed, err, f.FileSize())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Refresh(); !errors.Is(err, fs.ErrNotExist) || f.FileSize() != m.tails[2] {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestFollowerByItself waits for a follower that looks by itself.
func TestFollowerByItself(t *testing.T) {
	path := tempPath(t)
	w := mustOpen(t, path, Options{})
	f := mustOpen(t, path, Options{ReadOnly: true, Follow: time.Millisecond})
	for i := range 20 {
		key := strconv.Itoa(i)
		mustWrite(t, w, key, []byte("v"))
		if i == 10 {
			if _, err := w.Compact(t.Context(), CompactOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		tick := time.NewTicker(time.Millisecond)
		for !f.Exists([]byte(key)) { // the test's own time limit ends it
			<-tick.C
		}
		tick.Stop()
	}
}
