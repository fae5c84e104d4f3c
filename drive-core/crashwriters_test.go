//go:build unix

package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/simd-drive/go/drive-core/internal/crashfs"
)

// crashWriter writes one value after another, each with a single write or twice in
// a batch.
type crashWriter struct {
	id            int
	begun, stored atomic.Int64 // the last number
}

// keys are the two that the writer uses. The values of the second are those of its
// batches.
func (w *crashWriter) keys() (a, b []byte) {
	return fmt.Appendf(nil, "a-%d", w.id), fmt.Appendf(nil, "b-%d", w.id)
}

func (w *crashWriter) write(s *Store, n int64, size int) error {
	a, b := w.keys()
	v := append(binary.LittleEndian.AppendUint32(nil, uint32(n)), bytes.Repeat([]byte{byte(n) | 1}, size)...)
	w.begun.Store(n)
	var err error
	if n%3 == 0 {
		_, err = s.WriteBatch([]Item{{a, v}, {b, v}})
	} else {
		_, err = s.Write(a, v)
	}
	if err == nil {
		w.stored.Store(n)
	}
	return err
}

// check tells what is wrong with what a store holds of the writer, that must have
// its values from first to last.
func (w *crashWriter) check(s *Store, first, last int64) error {
	var found [2]int64
	a, b := w.keys()
	for i, key := range [][]byte{a, b} {
		v, err := s.Get(key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%s: %w", key, err)
		}
		found[i] = int64(numberOf(v))
	}
	if found[0] < first || found[0] > last {
		return fmt.Errorf("%s: value %d, want %d to %d", a, found[0], first, last)
	}
	if found[1] != found[0]-found[0]%3 {
		return fmt.Errorf("%s: value %d, with %d of the other key", b, found[1], found[0])
	}
	return nil
}

// TestCrashClonesOfManyWriters cuts the power while writers share syncs: what was
// acknowledged to any of them is there, and batches are whole.
func TestCrashClonesOfManyWriters(t *testing.T) {
	const writers, rounds = 6, 12
	for i := range *crashSeeds {
		seed := *crashFirst + uint64(i)
		fsys := crashfs.New()
		all := make([]crashWriter, writers)
		for w := range all {
			all[w].id = w
		}
		var mu sync.Mutex // guards rng
		rng := rand.New(rand.NewPCG(seed, 5))
		fsys.OnCall = func(op crashfs.Op) {
			var first, last [writers]int64
			for w := range all {
				first[w] = all[w].stored.Load()
			}
			mu.Lock()
			clones := []*crashfs.FS{fsys.CrashClone(rng), fsys.CrashClone(rng), fsys.ProcessCrashClone(rng)}
			mu.Unlock()
			for w := range all {
				last[w] = all[w].begun.Load()
			}
			for _, c := range clones {
				s, err := openIn(c, crashPath, Options{Sync: SyncAlways, ReserveBytes: 1 << 20})
				if err != nil {
					t.Errorf("seed %d, crash before %v: %v", seed, op, err)
					continue
				}
				for w := range all {
					if err := all[w].check(s, first[w], last[w]); err != nil {
						t.Errorf("seed %d, crash before %v: %v", seed, op, err)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				c.Close()
			}
		}
		s, err := openIn(fsys, crashPath, Options{Sync: SyncAlways, ReserveBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for w := range all {
			sizes := rand.New(rand.NewPCG(seed, uint64(100+w)))
			// Ends after its rounds; waited for below.
			wg.Go(func() {
				for n := range int64(rounds) {
					if err := all[w].write(s, n+1, sizes.IntN(700)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		fsys.Close()
	}
}

// drivesSynced counts the syncs of the drive itself, not of what lies beside it.
func drivesSynced(fsys *crashfs.FS) *atomic.Int64 {
	var n atomic.Int64
	fsys.OnCall = func(op crashfs.Op) {
		if op.Kind == crashfs.Sync && op.Path == crashPath {
			n.Add(1)
		}
	}
	return &n
}

// TestLoneWriterSyncsOnce: each write of a single writer costs one sync with
// SyncAlways, and none in the other modes.
func TestLoneWriterSyncsOnce(t *testing.T) {
	for _, mode := range crashModes {
		fsys := crashfs.New()
		synced := drivesSynced(fsys)
		s, err := openIn(fsys, crashPath, Options{Sync: mode, ReserveBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		if mode == SyncAlways {
			want = 1
		}
		for i := range 10 {
			before := synced.Load()
			mustWrite(t, s, strconv.Itoa(i), []byte("some value"))
			if n := synced.Load() - before; n != want {
				t.Errorf("%v: write %d: %d syncs", mode, i, n)
			}
			if _, err := s.Delete([]byte("nothing")); err != nil || synced.Load() != before+want {
				t.Errorf("%v: a deletion of nothing: %d syncs, %v", mode, synced.Load()-before-want, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWaitingWritersShareASync: writers that come during a sync share the next one.
func TestWaitingWritersShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 16
		fsys := crashfs.New()
		s, err := openIn(fsys, crashPath, Options{Sync: SyncAlways, ReserveBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var synced atomic.Int64
		release := make(chan struct{})
		fsys.OnCall = func(op crashfs.Op) {
			if op.Kind == crashfs.Sync && op.Path == crashPath && synced.Add(1) == 1 {
				<-release
			}
		}
		var wg sync.WaitGroup
		for i := range writers {
			// Ends when its value is stored; waited for below.
			wg.Go(func() {
				if _, err := s.Write([]byte(strconv.Itoa(i)), []byte("value")); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if s.Len() != 0 {
			t.Error("a value is visible before it is durable")
		}
		close(release)
		wg.Wait()
		if n := synced.Load(); n != 2 || s.Len() != writers {
			t.Errorf("%d syncs for %d writers, %d values", n, writers, s.Len())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
