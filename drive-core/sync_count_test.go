package drive

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// How often each mode syncs, and when.

// TestSyncsOfALoneWriter counts what each call costs with SyncAlways.
func TestSyncsOfALoneWriter(t *testing.T) {
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, tempPath(t), Options{Sync: SyncAlways})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	small := []Item{{[]byte("a"), []byte("1")}, {[]byte("b"), []byte("2")}} // in the first sector, for the file is empty
	large := []Item{{[]byte("a"), make([]byte, 600)}, {[]byte("b"), make([]byte, 600)}}
	long := func() io.Reader { return io.LimitReader(zeros{}, spoolMin+10) }
	for _, tt := range []struct {
		name string
		call func() error
		want int
	}{
		{"batch in a sector", func() error { _, err := s.WriteBatch(small); return err }, 1},
		{"value", func() error { _, err := s.Write([]byte("c"), []byte("3")); return err }, 1},
		{"value over sectors", func() error { _, err := s.Write([]byte("c"), make([]byte, 5000)); return err }, 1},
		{"batch of one over sectors", func() error { _, err := s.WriteBatch(large[:1]); return err }, 1},
		{"batch over sectors", func() error { _, err := s.WriteBatch(large); return err }, 2},
		{"empty batch", func() error { _, err := s.WriteBatch(nil); return err }, 0},
		{"renaming over sectors", func() error { _, err := s.Rename([]byte("c"), []byte("d")); return err }, 2},
		{"deletion", func() error { _, err := s.Delete([]byte("a")); return err }, 1},
		{"deletion of nothing", func() error { _, err := s.Delete([]byte("a")); return err }, 0},
		{"stream", func() error { _, err := s.WriteFrom([]byte("s"), strings.NewReader("short")); return err }, 1},
		{"long stream", func() error { _, err := s.WriteFrom([]byte("s"), long()); return err }, 1},
		{"long stream in memory", func() error { _, err := s.WriteFrom([]byte("s"), bytes.NewReader(make([]byte, spoolMin))); return err }, 1},
		{"read", func() error { _, err := s.Get([]byte("s")); return err }, 0},
		{"sync", s.Sync, 1},
		{"close", s.Close, 0},
	} {
		fsys.Heal() // and count anew
		if err := tt.call(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if n := fsys.Calls(faultfs.Sync); n != tt.want || fsys.Calls(faultfs.SyncDir) != 0 {
			t.Errorf("%s: %d syncs, want %d; %d of the directory", tt.name, n, tt.want, fsys.Calls(faultfs.SyncDir))
		}
	}
}

// slowSync is a file system on which the sync of a file takes time. For use in a
// synctest bubble, where that time is exact and costs nothing.
type slowSync struct {
	vfs.FS
	d time.Duration

	mu     sync.Mutex
	syncs  int   // of drives, not of marks
	synced int64 // the size of the file when the last sync that has ended began
}

type slowFile struct {
	vfs.File
	fs    *slowSync
	drive bool
}

func (s *slowSync) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	f, err := s.FS.Open(path, mode, perm)
	if err != nil {
		return nil, err
	}
	return slowFile{f, s, !strings.HasSuffix(path, markSuffix)}, nil
}

func (f slowFile) Sync() error {
	if !f.drive {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	<-time.After(f.fs.d)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.syncs++
	f.fs.synced = info.Size()
	return nil
}

func (s *slowSync) state() (syncs int, synced int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs, s.synced
}

// slowStore opens a new drive on a slowSync.
func slowStore(t *testing.T, path string, mode SyncMode, d time.Duration) (*slowSync, *Store) {
	t.Helper()
	fsys := &slowSync{FS: newUnsynced(), d: d}
	s, err := openIn(fsys, path, Options{Sync: mode, ReserveBytes: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	return fsys, s
}

// TestWritersShareSyncs lets many writers wait for syncs at the same time: each write
// waits for two at most, that which runs and the next, so that the number of syncs
// does not grow with that of writers. A value is visible when it is synced, not
// before.
func TestWritersShareSyncs(t *testing.T) {
	const writers, each = 16, 50
	path := tempPath(t)
	synctest.Test(t, func(t *testing.T) {
		fsys, s := slowStore(t, path, SyncAlways, time.Millisecond)
		begin, start := time.Now(), make(chan struct{})
		var all sync.WaitGroup
		for w := range writers { // each ends after its writes; waited for below
			all.Go(func() {
				<-start
				for i := range each {
					k := fmt.Appendf(nil, "%d/%d", w, i)
					tail, err := s.Write(k, []byte("value"))
					if _, synced := fsys.state(); err != nil || synced < tail || !s.Exists(k) {
						t.Errorf("acknowledged up to %d, synced up to %d, %v", tail, synced, err)
					}
				}
			})
		}
		all.Go(func() { // a reader; ends when all is there
			<-start
			for s.Len() < writers*each {
				last, ok := s.LastEntry()
				if _, synced := fsys.state(); ok && last.Tail() > synced {
					t.Errorf("visible up to %d, synced up to %d", last.Tail(), synced)
					return
				}
				<-time.After(100 * time.Microsecond)
			}
		})
		close(start)
		all.Wait()
		syncs, _ := fsys.state()
		if limit := 2*each + 1; syncs > limit || time.Since(begin) > time.Duration(limit)*time.Millisecond {
			t.Errorf("%d writes took %d syncs and %v, want %d syncs at most", writers*each, syncs, time.Since(begin), limit)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLoneWriterWaitsForNobody: a write takes as long as its sync.
func TestLoneWriterWaitsForNobody(t *testing.T) {
	path := tempPath(t)
	synctest.Test(t, func(t *testing.T) {
		_, s := slowStore(t, path, SyncAlways, time.Millisecond)
		for range 10 {
			begin := time.Now()
			mustWrite(t, s, "k", []byte("value"))
			if took := time.Since(begin); took != time.Millisecond {
				t.Errorf("a write took %v", took)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestIntervalSyncsOncePerInterval writes without pause with SyncInterval: there is
// one sync in each interval, and what is older than the interval and the time of a
// sync is always synced. When nothing is written nothing is synced.
func TestIntervalSyncsOncePerInterval(t *testing.T) {
	const interval, took, every, busy = time.Second, 100 * time.Millisecond, 10 * time.Millisecond, 20 * time.Second
	path := tempPath(t)
	synctest.Test(t, func(t *testing.T) {
		fsys, s := slowStore(t, path, SyncInterval(interval), took)
		var tails []int64 // after each write, every apart
		for begin := time.Now(); time.Since(begin) < busy; <-time.After(every) {
			_, synced := fsys.state()
			if old := len(tails) - int((interval+took)/every) - 1; old >= 0 && tails[old] > synced {
				t.Fatalf("what was written %v ago, up to %d, is not synced; %d is", interval+took, tails[old], synced)
			}
			tails = append(tails, mustWrite(t, s, "k", []byte("value")))
		}
		if n, _ := fsys.state(); n > int(busy/interval) || n < int(busy/(interval+took))-1 {
			t.Errorf("%d syncs in %v", n, busy)
		}
		<-time.After(time.Minute)
		n, synced := fsys.state()
		if synced != s.FileSize() {
			t.Errorf("synced up to %d of %d, a minute after the last write", synced, s.FileSize())
		}
		<-time.After(time.Hour)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if again, _ := fsys.state(); again != n {
			t.Errorf("%d syncs of nothing", again-n)
		}
	})
}

// TestNoneSyncsWhenAsked writes with SyncNone.
func TestNoneSyncsWhenAsked(t *testing.T) {
	path := tempPath(t)
	synctest.Test(t, func(t *testing.T) {
		fsys, s := slowStore(t, path, SyncNone, time.Millisecond)
		expect := func(want int, after string) {
			t.Helper()
			if n, _ := fsys.state(); n != want {
				t.Errorf("%s: %d syncs, want %d", after, n, want)
			}
		}
		for _, call := range faultyCalls {
			mustWrite(t, s, "a", []byte("value"))
			if err := call(t, s); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := fsys.state() // of compaction
		mustWrite(t, s, "a", []byte("value"))
		<-time.After(time.Hour)
		expect(before, "an hour")
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		expect(before+1, "Sync")
		mustWrite(t, s, "a", []byte("value"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		expect(before+2, "Close")
	})
}
