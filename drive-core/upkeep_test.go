package drive

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// flip changes a byte of a file.
func flip(t *testing.T, path string, off int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

// TestScrub finds damaged values, live and superseded, in a store that is in use.
func TestScrub(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	var offsets []int64
	for i := range 300 {
		mustWrite(t, s, strconv.Itoa(i%100), golden.SplitMix(50+i, uint64(i)))
		e, _ := s.LastEntry()
		offsets = append(offsets, e.Offset())
	}
	r, err := s.Scrub(t.Context(), ScrubOptions{})
	if err != nil || r.Entries != 300 || r.Damaged != 0 || r.Bytes != 300*50+299*150 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, i := range []int{7, 150, 299} {
		flip(t, path, offsets[i]+20)
	}
	var found []int64
	r, err = s.Scrub(t.Context(), ScrubOptions{OnDamage: func(d *CorruptError) { found = append(found, d.Offset) }})
	if err != nil || r.Damaged != 3 || len(found) != 3 || found[0] != offsets[299] || found[2] != offsets[7] {
		t.Errorf("%+v, %v, found %v", r, err, found)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Scrub(ctx, ScrubOptions{BytesPerSecond: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestScrubByItself lets a store find damage in the background, at most once per
// value and run.
func TestScrubByItself(t *testing.T) {
	path := tempPath(t)
	found := make(chan int64, 100)
	s := mustOpen(t, path, Options{Scrub: ScrubSchedule{
		Every: time.Millisecond, OnDamage: func(d *CorruptError) {
			select {
			case found <- d.Offset:
			default:
			}
		},
	}})
	mustWrite(t, s, "k", golden.SplitMix(1000, 1))
	e, _ := s.Read([]byte("k"))
	flip(t, path, e.Offset()+500)
	if at := <-found; at != e.Offset() {
		t.Errorf("damage at %d, want %d", at, e.Offset())
	}
}

// TestPace measures, in virtual time, that background work keeps to its rate.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 10 << 20
		pace := newPace(rate)
		begin := time.Now()
		for range 50 {
			if err := keepPace(t.Context(), pace, 2<<20); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took < 9*time.Second || took > 10*time.Second {
			t.Errorf("100 MiB at 10 MiB/s took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := keepPace(ctx, pace, 1<<30); err == nil {
			t.Error("1 GiB passed in a second")
		}
	})
}

// TestVerifyReads: with the option no read hands out a damaged value.
func TestVerifyReads(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{VerifyReads: true})
	mustWrite(t, s, "good", golden.SplitMix(100, 1))
	mustWrite(t, s, "bad", golden.SplitMix(100, 2))
	e, err := s.Find([]byte("bad"))
	if err != nil {
		t.Fatal(err)
	}
	flip(t, path, e.Offset()+3)
	if _, err := s.Find([]byte("bad")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Find: %v", err)
	}
	if err := s.View([]byte("bad"), func([]byte) error { t.Error("View shows it"); return nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("View: %v", err)
	}
	if _, ok := s.Read([]byte("bad")); ok {
		t.Error("Read returns it")
	}
	got := s.ReadBatch(nil, [][]byte{[]byte("good"), []byte("bad")})
	if got[0].IsZero() || !got[1].IsZero() {
		t.Error("ReadBatch returns it, or not the good one")
	}
	if _, err := s.Find([]byte("never")); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
}

// TestCompactWhileWriting compacts again and again under writers: nothing that they
// were told of is lost, and nothing that they deleted comes back.
func TestCompactWhileWriting(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncNone} {
		t.Run(mode.String(), func(t *testing.T) {
			path := tempPath(t)
			s := mustOpen(t, path, Options{Sync: mode})
			var stop atomic.Bool
			const writers, keys = 4, 30
			models := make([]map[string]string, writers)
			done := make(chan error, writers)
			for w := range writers {
				models[w] = map[string]string{}
				go func() { // ends when stop is set; waited for by its result
					done <- writeRandomly(s, w, keys, models[w], &stop)
				}()
			}
			for i := range 25 {
				_, err := s.Compact(t.Context(), CompactOptions{Order: Order(i % 2), Progress: func(done, total int64) {
					if done > total {
						t.Errorf("%d of %d bytes", done, total)
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
			}
			stop.Store(true)
			for range writers {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			want := map[uint64]string{}
			for _, model := range models {
				for k, v := range model {
					want[KeyHash([]byte(k))] = v
				}
			}
			if !maps.Equal(liveOf(t, s), want) {
				t.Error("other values than were written")
			}
			savings, err := s.CompactionSavings()
			if err != nil {
				t.Fatal(err)
			}
			if r, err := s.Compact(t.Context(), CompactOptions{}); err != nil || r.Saved() != savings {
				t.Errorf("saved %d bytes, estimated %d, %v", r.Saved(), savings, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if report, err := Check(t.Context(), path, CheckOptions{}); err != nil || !report.Healthy() {
				t.Errorf("%+v, %v", report, err)
			}
			if !maps.Equal(liveOf(t, mustOpen(t, path, Options{})), want) {
				t.Error("other values after a reopen")
			}
		})
	}
}

// writeRandomly writes, deletes and renames keys of writer w until stop.
func writeRandomly(s *Store, w, keys int, model map[string]string, stop *atomic.Bool) error {
	for n := 0; !stop.Load(); n++ {
		key := strconv.Itoa(w) + "-" + strconv.Itoa(n*7%(keys+1))
		var err error
		switch n % 5 {
		case 3:
			_, err = s.Delete([]byte(key))
			delete(model, key)
		case 4:
			to := key + "r"
			if v, ok := model[key]; ok {
				_, err = s.Rename([]byte(key), []byte(to))
				delete(model, key)
				model[to] = v
			}
		default:
			v := bytes.Repeat([]byte{byte(n), byte(w), 1}, 1+n%3000)
			_, err = s.Write([]byte(key), v)
			model[key] = string(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestCompactOnceAtATime: a second compaction is refused while one runs, and Close
// does not wait for one that is slow.
func TestCompactOnceAtATime(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	for i := range 10 {
		mustWrite(t, s, strconv.Itoa(i), golden.SplitMix(paceBurst, uint64(i)))
	}
	var once atomic.Bool
	_, err := s.Compact(t.Context(), CompactOptions{Progress: func(int64, int64) {
		if once.Swap(true) {
			return
		}
		if _, err := s.Compact(t.Context(), CompactOptions{}); !errors.Is(err, ErrCompacting) {
			t.Errorf("a second compaction: %v", err)
		}
		mustWrite(t, s, "meanwhile", []byte("written"))
	}})
	if err != nil || !s.Exists([]byte("meanwhile")) {
		t.Errorf("%v", err)
	}
	var result error
	started, done := make(chan struct{}), make(chan struct{})
	go func() { // ends when the store is closed; waited for below
		_, result = s.Compact(t.Context(), CompactOptions{Progress: func(done, _ int64) {
			if done > 0 && once.Swap(false) {
				close(started)
			}
		}})
		close(done)
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if result != nil && !errors.Is(result, ErrClosed) {
		t.Errorf("closed meanwhile: %v", result)
	}
}

// TestAutoCompact writes one key until the store compacts itself, more than once.
func TestAutoCompact(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncNone, AutoCompact: AutoCompact{Ratio: 0.5, MinBytes: 1 << 20}})
	value := golden.SplitMix(10<<10, 1)
	written := int64(0)
	for shrunk, last := 0, int64(0); shrunk < 3; {
		mustWrite(t, s, "k", value)
		written += int64(len(value))
		if size := s.FileSize(); size < last {
			shrunk++
			last = size
		} else {
			last = size
		}
		if written > 1<<30 {
			t.Fatalf("not compacted after %d bytes", written)
		}
	}
	if v, err := s.Get([]byte("k")); err != nil || !bytes.Equal(v, value) {
		t.Errorf("the value: %v", err)
	}
}
