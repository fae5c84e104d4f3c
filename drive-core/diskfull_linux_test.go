package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDiskBytes is the size of a disk that is filled.
const smallDiskBytes = 32 << 20

// smallDisk is a file system of a few MiB.
type smallDisk struct{ dir string }

// mountSmallDisk mounts one until the end of the test, or skips the test where that is
// not possible.
func mountSmallDisk(t *testing.T, options string) smallDisk {
	t.Helper()
	dir := t.TempDir()
	data := fmt.Sprintf("size=%d,mode=755%s", smallDiskBytes, options)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, data); err != nil {
		t.Skipf("SKIPPED: A FULL DISK CANNOT BE TRIED: mounting a small tmpfs failed (%v); run the tests as root on a machine that lets root mount", err)
	}
	t.Cleanup(func() {
		// Detached: mappings of its files last until the garbage collector finds them.
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return smallDisk{dir}
}

func (d smallDisk) path() string    { return filepath.Join(d.dir, "a.drive") }
func (d smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// leave fills the disk until only so many bytes are free.
func (d smallDisk) leave(t *testing.T, free int64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		t.Fatal(err)
	}
	fill := int64(st.Bavail)*int64(st.Bsize) - free //nolint:unconvert // an int32 on machines of 32 bits
	if fill < 0 {
		t.Fatalf("only %d bytes are free already", fill+free)
	}
	if err := os.WriteFile(d.ballast(), make([]byte, fill), 0o600); err != nil {
		t.Fatal(err)
	}
}

// release frees the space again.
func (d smallDisk) release(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		t.Fatal(err)
	}
}

// files returns the names on the disk, without the ballast.
func (d smallDisk) files(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		if f.Name() != filepath.Base(d.ballast()) {
			names = append(names, f.Name())
		}
	}
	return names
}

// acknowledged is what a drive must hold.
type acknowledged map[int]value

// write writes a value and notes it if that worked.
func (a acknowledged) write(s *Store, v value) error {
	_, err := s.Write(keyName(v.key), v.bytes())
	if err == nil {
		a[v.key] = v
	}
	return err
}

// check compares a drive with what it must hold.
func (a acknowledged) check(t *testing.T, when string, s *Store) {
	t.Helper()
	if s.Len() != len(a) {
		t.Errorf("%s: %d keys, want %d", when, s.Len(), len(a))
	}
	for key, v := range a {
		if got, err := s.Get(keyName(key)); err != nil || !v.is(got) {
			t.Errorf("%s: key %d: %d bytes, %v; want %+v", when, key, len(got), err, v)
		}
	}
}

const (
	// fullKeys is how many values a drive holds when its disk is filled: more deletions than fit a page.
	fullKeys = 500
	// renamedKey is one of them, with a large value; newKey is none of them.
	renamedKey = fullKeys - 1
	newKey     = fullKeys
)

// fullCalls are calls that meet a full disk, with how many bytes they find free.
// Those of which only a temporary file meets it leave the store as it was; which of the
// two a stream meets depends, for some, on how fast its reader is.
var fullCalls = map[string]struct {
	free      int64
	temporary bool
	either    bool
	call      func(s *Store, a acknowledged) error
}{
	"write": {free: 300 << 10, call: func(s *Store, a acknowledged) error {
		return a.write(s, value{newKey, 2, 1 << 20})
	}},
	"small writes": {free: 20 << 10, call: func(s *Store, a acknowledged) (err error) {
		for i := 0; err == nil; i++ {
			err = a.write(s, value{newKey + i, 2, 100})
		}
		return err
	}},
	"many writers": {free: 200 << 10, call: manyWriters},
	"batch": {free: 5 << 20, call: func(s *Store, _ acknowledged) error {
		var items []Item
		for i := range 40 {
			items = append(items, Item{keyName(newKey + i), value{newKey + i, 2, 256 << 10}.bytes()})
		}
		_, err := s.WriteBatch(items)
		return err
	}},
	"deletions": {free: 0, call: func(s *Store, a acknowledged) error {
		for key := range fullKeys {
			if _, err := s.Delete(keyName(key)); err != nil {
				return err
			}
			delete(a, key)
		}
		return nil
	}},
	"batch of deletions": {free: 0, call: func(s *Store, _ acknowledged) error {
		var keys [][]byte
		for key := range fullKeys {
			keys = append(keys, keyName(key))
		}
		_, err := s.DeleteBatch(keys)
		return err
	}},
	"rename": {free: 50 << 10, call: func(s *Store, _ acknowledged) error {
		_, err := s.Rename(keyName(renamedKey), keyName(newKey))
		return err
	}},
	"stream from memory": {free: 5 << 20, call: func(s *Store, _ acknowledged) error {
		_, err := s.WriteFrom(keyName(newKey), bytes.NewReader(make([]byte, 8<<20)))
		return err
	}},
	"stream, beside the drive": {free: 5 << 20, temporary: true, call: func(s *Store, _ acknowledged) error {
		_, err := s.WriteFrom(keyName(newKey), stalling{s, value{newKey, 2, 8 << 20}.reader()})
		return err
	}},
	"stream, straight into the drive": {free: 5 << 20, either: true, call: func(s *Store, _ acknowledged) error {
		_, err := s.WriteFrom(keyName(newKey), value{newKey, 2, 8 << 20}.reader())
		return err
	}},
	"stream, into the drive": {free: 12 << 20, call: func(s *Store, _ acknowledged) error {
		_, err := s.WriteFrom(keyName(newKey), stalling{s, value{newKey, 2, 8 << 20}.reader()})
		return err
	}},
	"compaction": {free: 100 << 10, temporary: true, call: func(s *Store, _ acknowledged) error {
		_, err := s.Compact(context.Background(), CompactOptions{})
		return err
	}},
}

// manyWriters lets several goroutines write until each of them has met an error.
func manyWriters(s *Store, a acknowledged) error {
	var mine [8]acknowledged
	var errs [len(mine)]error
	var running sync.WaitGroup // all end at the full disk; waited for below
	for i := range mine {
		mine[i] = acknowledged{}
		running.Go(func() {
			for n := 0; errs[i] == nil; n++ {
				errs[i] = mine[i].write(s, value{newKey + n*len(mine) + i, 2, 1 + n*50})
			}
		})
	}
	running.Wait()
	for i, err := range errs {
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("writer %d: %w", i, err)
		}
		maps.Copy(a, mine[i])
	}
	return errs[0]
}

// TestDiskFull fills the disk under each call, in each mode.
func TestDiskFull(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(fullCalls)) {
		for mode, m := range killModes {
			t.Run(name+"/"+mode, func(t *testing.T) { diskFull(t, name, m) })
		}
	}
}

func diskFull(t *testing.T, name string, mode SyncMode) {
	t.Helper()
	tt := fullCalls[name]
	d := mountSmallDisk(t, "")
	s, err := Open(d.path(), Options{Sync: mode})
	if err != nil {
		t.Fatal(err)
	}
	held := acknowledged{}
	for key := range fullKeys {
		v := value{key, 2, 1 + key*7}
		if key == renamedKey {
			v.size = 200 << 10
		}
		if err := errors.Join(held.write(s, v), held.write(s, value{key, 3, v.size})); err != nil {
			t.Fatal(err)
		}
	}
	d.leave(t, tt.free)
	err = tt.call(s, held)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the call: %v", err)
	}
	var failure *FailedError
	failed := errors.Is(err, ErrFailed) && errors.As(err, &failure)
	if failed == tt.temporary && !tt.either {
		t.Errorf("the call: %v; the store has failed: %v", err, failed)
	}
	held.check(t, "on the full disk", s)
	err = held.write(s, value{1, 4, 50})
	if !failed && err != nil || failed && (!errors.Is(err, ErrFailed) || !errors.Is(err, syscall.ENOSPC)) {
		t.Errorf("the next write: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if names := d.files(t); len(names) != 2 {
		t.Errorf("files: %v", names)
	}
	reopenedAfterFull(t, d, mode, held)
}

// reopenedAfterFull opens a drive on a full disk and after there is space again: all
// that was acknowledged is there, and it can be written to.
func reopenedAfterFull(t *testing.T, d smallDisk, mode SyncMode, held acknowledged) {
	t.Helper()
	s, err := Open(d.path(), Options{Sync: mode})
	if err != nil {
		t.Fatalf("opening it on the full disk: %v", err)
	}
	held.check(t, "opened on the full disk", s)
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	d.release(t)
	for i := range 2 {
		s := mustOpen(t, d.path(), Options{Sync: mode})
		held.check(t, "with space again", s)
		if err := held.write(s, value{newKey + 1000 + i, 2, 1 << 20}); err != nil {
			t.Errorf("with space again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		report, err := Check(t.Context(), d.path(), CheckOptions{})
		if err != nil || !report.Healthy() || report.Live != int64(len(held)) {
			t.Errorf("Check: %+v, %v", report, err)
		}
	}
}

// TestDiskFullWhenMade: a drive that finds no space is not made, or empty.
func TestDiskFullWhenMade(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		d := mountSmallDisk(t, "")
		d.leave(t, 0)
		s, err := Open(d.path(), Options{})
		if err != nil {
			t.Fatal(err) // the file takes no space yet
		}
		if _, err := s.Write([]byte("k"), []byte("v")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrFailed) {
			t.Errorf("Write: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		reopenedAfterFull(t, d, SyncAlways, acknowledged{})
	})
	t.Run("files", func(t *testing.T) {
		d := mountSmallDisk(t, ",nr_inodes=2") // one is that of the directory
		if err := os.WriteFile(d.ballast(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(d.path(), Options{}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Open: %v", err)
		}
		if names := d.files(t); len(names) != 0 {
			t.Errorf("files: %v", names)
		}
		d.release(t)
		// Now there is space for the drive, and none for a file beside it.
		held := acknowledged{}
		s := mustOpen(t, d.path(), Options{Sync: SyncAlways})
		if err := held.write(s, value{1, 2, 1000}); err != nil {
			t.Error(err)
		}
		if _, err := s.WriteFrom([]byte("k"), stalling{s, value{1, 2, spoolMin + 1}.reader()}); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrFailed) {
			t.Errorf("WriteFrom: %v", err)
		}
		if _, err := s.Compact(t.Context(), CompactOptions{}); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrFailed) {
			t.Errorf("Compact: %v", err)
		}
		if err := errors.Join(held.write(s, value{2, 2, 1000}), s.Close()); err != nil {
			t.Error(err)
		}
		held.check(t, "opened again", mustOpen(t, d.path(), Options{}))
	})
}

// TestDiskFullWhenRepaired: a torn tail that cannot be saved is not cut.
func TestDiskFullWhenRepaired(t *testing.T) {
	d := mountSmallDisk(t, "")
	s := mustOpen(t, d.path(), Options{})
	held := acknowledged{}
	if err := errors.Join(held.write(s, value{1, 2, 5000}), s.Close()); err != nil {
		t.Fatal(err)
	}
	torn := append(fileBytes(t, d.path()), make([]byte, 100<<10)...)
	if err := os.WriteFile(d.path(), torn, 0o600); err != nil {
		t.Fatal(err)
	}
	d.leave(t, 20<<10)
	if _, err := Open(d.path(), Options{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open: %v", err)
	}
	if !bytes.Equal(fileBytes(t, d.path()), torn) || len(d.files(t)) != 2 {
		t.Errorf("the drive was changed, or something left beside it: %v", d.files(t))
	}
	held.check(t, "read-only", mustOpen(t, d.path(), Options{ReadOnly: true}))
	d.release(t)
	held.check(t, "with space again", mustOpen(t, d.path(), Options{}))
	if names := d.files(t); len(names) != 3 {
		t.Errorf("files: %v", names)
	}
}
