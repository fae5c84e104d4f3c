package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCompactKeepsWhatIsLive(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	for i := range 3000 {
		mustWrite(t, s, fmt.Sprint("key", i%1000), bytes.Repeat([]byte{byte(i) | 1}, 1+i%300))
	}
	if _, err := s.DeleteBatch([][]byte{[]byte("key1"), []byte("key2")}); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "zeros", make([]byte, 1000)) // the original cannot compact this one
	want := liveOf(t, s)
	old, _ := s.Read([]byte("key7"))
	oldValue := string(old.Bytes())
	for _, order := range []Order{FileOrder, NewestFirst} {
		savings, err := s.CompactionSavings()
		if err != nil {
			t.Fatal(err)
		}
		var progress int64
		result, err := s.Compact(t.Context(), CompactOptions{Order: order, Progress: func(done, total int64) {
			if done < progress || done > total {
				t.Errorf("progress %d of %d after %d", done, total, progress)
			}
			progress = done
		}})
		if err != nil {
			t.Fatal(err)
		}
		if order == FileOrder && result.SizeBefore-result.SizeAfter != savings {
			t.Errorf("saved %d bytes, estimated %d", result.SizeBefore-result.SizeAfter, savings)
		}
		if !maps.Equal(liveOf(t, s), want) || s.Len() != len(want) {
			t.Error("values changed")
		}
		if string(old.Bytes()) != oldValue || old.Verify() != nil {
			t.Error("an entry from before changed")
		}
		mustWrite(t, s, "after", []byte("goes on"))
		want[KeyHash([]byte("after"))] = "goes on"
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path, Options{VerifyBytes: -1})
		if !maps.Equal(liveOf(t, s), want) {
			t.Error("values changed with a reopen")
		}
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if savings, err := s.CompactionSavings(); err != nil || savings != 0 {
		t.Errorf("savings of %d bytes, %v", savings, err)
	}
}

func TestCompactionIgnoresStaleFilesAndCanBeCancelled(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "dead", []byte("dead"))
	stale := fileBytes(t, path)
	for _, name := range []string{path + ".bk", path + compactSuffix + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if err := os.WriteFile(name, stale, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Delete([]byte("dead")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "live", []byte("live"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := fileBytes(t, path)
	if _, err := s.Compact(ctx, CompactOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if !bytes.Equal(fileBytes(t, path), before) {
		t.Error("a cancelled compaction changed the file")
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if s.Exists([]byte("dead")) || s.Len() != 1 {
		t.Error("a stale file brought a key back")
	}
}

// TestReadersBesideWriterAndCompaction reads while everything changes: each value
// read is one that was written for its key, whole.
func TestReadersBesideWriterAndCompaction(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	const keyCount, rounds = 50, 60
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	value := func(i, round int) []byte { return bytes.Repeat([]byte{byte(i), byte(round), 1}, 1+(i*round)%400) }
	for i := range keyCount {
		mustWrite(t, s, string(key(i)), value(i, 0))
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			for n := r; !stop.Load(); n++ {
				i := n % keyCount
				e, ok := s.Read(key(i))
				if !ok {
					t.Errorf("key %d is gone", i)
					return
				}
				b := e.Bytes()
				if e.Verify() != nil || b[0] != byte(i) || !bytes.Equal(b, value(i, int(b[1]))) {
					t.Errorf("key %d: a value that was never written", i)
					return
				}
				runtime.KeepAlive(e)
				if n%97 == 0 {
					seen := 0
					for _, err := range s.Entries(NewestFirst) {
						if err != nil {
							t.Error(err)
							return
						}
						seen++
					}
					if seen != keyCount {
						t.Errorf("iterated %d of %d keys", seen, keyCount)
						return
					}
				}
			}
		})
	}
	for round := 1; round <= rounds; round++ {
		for i := range keyCount {
			mustWrite(t, s, string(key(i)), value(i, round))
		}
		if round%10 == 0 {
			if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
				t.Error(err)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
}

func TestReadsAllocateNothing(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	keys := make([][]byte, 100)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key-%d", i)
		mustWrite(t, s, string(keys[i]), []byte("some value"))
	}
	dst := make([]Entry, 0, len(keys))
	sum := 0
	for name, fn := range map[string]func(){
		"Read":      func() { e, _ := s.Read(keys[7]); sum += len(e.Bytes()) },
		"ReadHash":  func() { e, _ := s.ReadHash(1); sum += len(e.Bytes()) },
		"Exists":    func() { s.Exists(keys[8]) },
		"ReadBatch": func() { dst = s.ReadBatch(dst[:0], keys) },
		"View":      func() { _ = s.View(keys[9], func(v []byte) error { sum += len(v); return nil }) },
	} {
		if n := testing.AllocsPerRun(200, fn); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestParallelEntries(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	for i := range 5000 {
		mustWrite(t, s, strconv.Itoa(i), fmt.Appendf(nil, "value %d", i))
	}
	var n, size atomic.Int64
	err := s.ParallelEntries(t.Context(), 4, func(e Entry) error {
		n.Add(1)
		size.Add(e.Size())
		return nil
	})
	st, _ := s.Stats()
	if err != nil || n.Load() != 5000 || size.Load() != st.LiveBytes {
		t.Errorf("%d entries of %d bytes, %v", n.Load(), size.Load(), err)
	}
	broken := errors.New("broken")
	if err := s.ParallelEntries(t.Context(), 4, func(Entry) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a failing function: %v", err)
	}
}

// A drive that is being compacted can be copied to all the while.
func TestCopyToADriveThatIsCompacted(t *testing.T) {
	opts := Options{ReserveBytes: 1 << 20} // each compaction maps as much
	src, dst := mustOpen(t, tempPath(t), opts), mustOpen(t, tempPath(t), opts)
	if _, err := src.Write([]byte("key"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	compacted := make(chan error)
	go func() { // waited for below
		var err error
		for range 50 {
			_, cerr := dst.Compact(context.Background(), CompactOptions{})
			err = errors.Join(err, cerr)
		}
		compacted <- err
	}()
	for {
		select {
		case err := <-compacted:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		if _, err := src.CopyTo([]byte("key"), dst); err != nil {
			t.Errorf("CopyTo: %v", err)
			<-compacted
			return
		}
	}
}
