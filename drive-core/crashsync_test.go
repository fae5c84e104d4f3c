//go:build unix

package drive

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/crashfs"
)

// promises are what a store has said of the keys that were written.
type promises struct {
	mode    SyncMode
	written map[string]bool // can be read
	durable map[string]bool // and must survive a power cut
	failed  error           // the first failure in this life of the store; after it there must be no success
}

// TestDroppedSyncAcknowledgesNothing lets each sync in turn fail in such a way that
// later ones succeed without what it should have written. The store then takes
// nothing more. It is opened again, by a process that finds in memory what is not on
// the disk, goes on, and loses its power: what it said was durable is there.
func TestDroppedSyncAcknowledgesNothing(t *testing.T) {
	for _, mode := range crashModes {
		t.Run(mode.String(), func(t *testing.T) {
			n := 1
			for ; ; n++ {
				fsys := crashfs.New()
				p := promises{mode: mode, written: map[string]bool{}, durable: map[string]bool{}}
				fsys.DropOnFailedSync(n)
				p.life(t, fsys, "first", true)
				if p.failed != nil && !errors.Is(p.failed, syscall.EIO) {
					t.Errorf("sync %d failed, and then: %v", n, p.failed)
				}
				if fsys.Calls(crashfs.Sync) < n {
					break
				}
				p.mustSurvive(t, fsys, n)
				reopened := fsys.ProcessCrashClone(nil)
				if p.life(t, reopened, "second", false); p.failed != nil {
					t.Errorf("after sync %d failed, opened again: %v", n, p.failed)
				}
				p.mustSurvive(t, reopened, n)
				fsys.Close()
				reopened.Close()
			}
			if n < 5 {
				t.Errorf("only %d syncs", n-1)
			}
		})
	}
}

// life opens a drive, stores some values, one by one and in batches, with a sync now
// and then, and closes. It may compact in the middle, which writes all anew.
func (p *promises) life(t *testing.T, fsys *crashfs.FS, name string, compact bool) {
	t.Helper()
	p.failed = nil
	s, err := openIn(fsys, crashPath, Options{Sync: p.mode, ReserveBytes: 1 << 20})
	if err != nil {
		p.failed = err
		return
	}
	maps.DeleteFunc(p.written, func(k string, _ bool) bool { return !s.Exists([]byte(k)) })
	for i := range 8 {
		single, batched := fmt.Sprintf("%s-%d", name, i), fmt.Sprintf("%s-%d-batch", name, i)
		_, err := s.Write([]byte(single), bytes.Repeat([]byte(single), 40))
		p.note(t, err, p.mode == SyncAlways, single)
		_, err = s.WriteBatch([]Item{{[]byte(batched), []byte(batched)}, {[]byte(batched + "2"), bytes.Repeat([]byte("x"), 600)}})
		p.note(t, err, p.mode == SyncAlways, batched, batched+"2")
		if i%3 == 1 {
			p.note(t, s.Sync(), true)
		}
		if i == 5 && compact {
			_, err := s.Compact(t.Context(), CompactOptions{})
			if err == nil || errors.Is(err, ErrFailed) { // any other leaves the store as it was
				p.note(t, err, true)
			}
		}
	}
	if err := s.Close(); err != nil || p.failed == nil {
		p.note(t, err, true)
	}
}

// note notes that a call which wrote the keys succeeded or failed. A success with
// synced makes all durable that was written.
func (p *promises) note(t *testing.T, err error, synced bool, keys ...string) {
	t.Helper()
	switch {
	case p.failed != nil && !errors.Is(err, ErrFailed):
		t.Errorf("%v after %v", err, p.failed)
	case err != nil && p.failed == nil:
		p.failed = err
	case err == nil:
		for _, k := range keys {
			p.written[k] = true
		}
		if synced {
			maps.Copy(p.durable, p.written)
		}
	}
}

// mustSurvive cuts the power some times and looks for what is durable.
func (p *promises) mustSurvive(t *testing.T, fsys *crashfs.FS, n int) {
	t.Helper()
	for seed := range uint64(30) {
		c := fsys.CrashClone(rand.New(rand.NewPCG(seed, 7)))
		s, err := openIn(c, crashPath, Options{Sync: p.mode, ReserveBytes: 1 << 20})
		if err != nil {
			t.Errorf("sync %d failed, power cut %d: %v", n, seed, err)
			continue
		}
		var lost []string
		for k := range p.durable {
			if _, err := s.Get([]byte(k)); err != nil {
				lost = append(lost, k)
			}
		}
		if len(lost) > 0 {
			slices.Sort(lost)
			t.Errorf("sync %d failed, power cut %d: lost %q", n, seed, lost)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}

// TestNewDriveBesideAnOldMark: a drive that takes the place of one that was removed
// finds the mark of that. Its own name is made durable all the same.
func TestNewDriveBesideAnOldMark(t *testing.T) {
	fsys := crashfs.New()
	for _, value := range []string{"old", "new"} {
		s, err := openIn(fsys, crashPath, Options{Sync: SyncAlways, ReserveBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != 0 {
			t.Errorf("%s: %d keys at first", value, s.Len())
		}
		mustWrite(t, s, "k", []byte(value))
		for seed := range uint64(50) {
			c := fsys.CrashClone(rand.New(rand.NewPCG(seed, 9)))
			after, err := openIn(c, crashPath, Options{ReserveBytes: 1 << 20})
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			if v, err := after.Get([]byte("k")); err != nil || string(v) != value {
				t.Errorf("%s: after a power cut %q, %v", value, v, err)
			}
			if err := after.Close(); err != nil {
				t.Error(err)
			}
			c.Close()
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := fsys.Remove(crashPath); err != nil {
			t.Fatal(err)
		}
	}
}
