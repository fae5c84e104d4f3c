//go:build linux

package powercut

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	drive "github.com/simd-drive/go/drive-core"
)

// TestFlushesAreSeen: fdatasync in the mounted file system arrives at the disk as a
// flush, behind the bytes it is for, and decides whether they survive. Otherwise
// nothing here proves anything.
func TestFlushesAreSeen(t *testing.T) {
	needsDisk(t)
	pos, err := newPosition()
	if err != nil {
		t.Fatal(err)
	}
	s, err := startSession(t.TempDir(), newDisk(t), quiet, pos)
	if err != nil {
		t.Fatal(err)
	}
	value := value{op: 1, size: 100_000}.bytes(writerID{})
	before, after, writeErr := writeProbe(filepath.Join(s.mount, "probe"), value, pos)
	rec, err := s.stop()
	if err = errors.Join(writeErr, err, pos.close()); err != nil {
		t.Fatal(err)
	}
	synced := recording{base: rec.base, log: rec.log[before:after]}
	if synced.flushes() == 0 || synced.bytes() < int64(len(value)) {
		t.Fatalf("fdatasync made %d flushes and %d written bytes", synced.flushes(), synced.bytes())
	}
	b := newRebuilder(rec)
	for at := before; at <= after; at++ {
		got, err := readProbe(t, b.image(crash{at: at}))
		switch {
		case at == before && (err == nil && len(got) > 0):
			t.Errorf("%d bytes are there before the sync", len(got))
		case at == after && (err != nil || !bytes.Equal(got, value)):
			t.Errorf("after the sync %d bytes are there: %v", len(got), err)
		}
	}
}

// writeProbe makes a file durable and returns how many records there were before and
// after fdatasync.
func writeProbe(path string, value []byte, pos *position) (before, after int, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	_, err = f.Write(value)
	before = int(pos.load())
	err = errors.Join(err, f.Sync())
	after = int(pos.load())
	return before, after, errors.Join(err, f.Close())
}

// readProbe reads the file on a disk.
func readProbe(t *testing.T, im *image) (got []byte, err error) {
	t.Helper()
	dir := t.TempDir()
	mountErr := withMounted(im, dir, func() error {
		got, err = os.ReadFile(filepath.Join(dir, "probe"))
		return nil
	})
	if mountErr != nil {
		t.Fatal(mountErr)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return got, err
}

// TestLostSyncsAreNoticed: an engine that acknowledges without syncing passes neither
// for one that always syncs nor for one that does at an interval. On a machine that
// halts for long the second is noticed in a long run only.
func TestLostSyncsAreNoticed(t *testing.T) {
	needsDisk(t)
	empty := newDisk(t)
	for _, m := range modes {
		if m.sync == drive.SyncNone {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			seed := drawSeed(t)
			for _, calls := range []int{150, 300, 600, 1200} {
				h := runWithoutSyncs(t, empty, m, seed, calls)
				n := countBroken(t, h)
				t.Logf("%d calls, a sync may take %v: %d promises broken", calls, h.syncTime().Round(time.Millisecond), n)
				if n > 0 {
					return
				}
			}
			t.Error("not noticed")
		})
	}
}

// runWithoutSyncs runs the workload of a mode with an engine that does not sync.
func runWithoutSyncs(t *testing.T, empty *image, m mode, seed uint64, calls int) *history {
	t.Helper()
	claimed := m
	m.sync = drive.SyncNone
	h, err := runWorkload(t.Context(), t.TempDir(), empty, m, quiet, 1, seed, calls)
	if err != nil {
		t.Fatal(err)
	}
	h.mode = claimed
	return h
}

// countBroken counts the broken promises in a few crashes.
func countBroken(t *testing.T, h *history) (broken int) {
	t.Helper()
	b := newRebuilder(h.result)
	for _, c := range drawCrashes(h.result, 10, 1) {
		v, err := examine(b.image(c), t.TempDir(), []round{{h, c.at}})
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		broken += len(v.broken)
	}
	return broken
}
