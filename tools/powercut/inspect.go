//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	drive "github.com/simd-drive/go/drive-core"
)

// found is what a drive holds after a crash.
type found struct {
	openErr error                     // then there is nothing else
	values  map[writerID][]foundValue // of each key
	strange []string                  // what nobody can have stored, or should not be so
	cuts    int                       // damaged tails that were cut off
}

// foundValue is what a key holds.
type foundValue struct {
	bytes []byte // nil: nothing
	err   error  // it cannot be read
}

// withMounted mounts a disk on dir, calls fn and unmounts it.
func withMounted(im *image, dir string, fn func() error) (err error) {
	file, err := newMemfd("powercut-disk")
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // the loop device has it open
	if err := im.writeTo(file); err != nil {
		return err
	}
	if err := mountExt4(file, dir, false, ext4Options); err != nil {
		return err
	}
	defer func() {
		// A closed drive is mapped until the collector finds that no entry is left. The mount
		// leaves dir at once, and the device goes when the last mapping has.
		runtime.GC()
		err = errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}()
	return fn()
}

// inspectSafely is inspect, for which a panic is an error.
func inspectSafely(dir string, m mode, writers []writerID) (f *found, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return inspect(dir, m, writers)
}

// inspect opens the drive in dir and reads all of it; opens it again, which must
// change nothing; and opens it a third time and writes to it.
func inspect(dir string, m mode, writers []writerID) (*found, error) {
	path := filepath.Join(dir, driveName)
	f := &found{values: map[writerID][]foundValue{}}
	crashed, err := contents(dir)
	if err != nil {
		return nil, err
	}
	err = withStore(path, m, func(s *drive.Store) error { return f.readAll(s, m, writers) })
	if err != nil {
		f.openErr = err
		return f, nil
	}
	before, err := contents(dir)
	if err != nil {
		return nil, err
	}
	if err := withStore(path, m, func(*drive.Store) error { return nil }); err != nil {
		return nil, fmt.Errorf("open again: %w", err)
	}
	after, err := contents(dir)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(before, after) {
		f.strange = append(f.strange, fmt.Sprintf("opening again made of %v %v", before, after))
	}
	for name := range after {
		if _, old := crashed[name]; !old && name != driveName {
			f.cuts++
		}
	}
	if err := withStore(path, m, writeOne); err != nil {
		return nil, fmt.Errorf("write after the crash: %w", err)
	}
	return f, nil
}

// withStore opens a drive, calls fn and closes it.
func withStore(path string, m mode, fn func(s *drive.Store) error) error {
	s, err := drive.Open(path, drive.Options{Sync: m.sync})
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close())
}

// writeOne writes a value, makes it durable and reads it.
func writeOne(s *drive.Store) error {
	key, value := []byte("after"), []byte("the crash")
	if _, err := s.Write(key, value); err != nil {
		return err
	}
	if err := s.Sync(); err != nil {
		return err
	}
	got, err := s.Get(key)
	if err == nil && string(got) != string(value) {
		err = fmt.Errorf("read %q", got)
	}
	return err
}

// contents returns the checksums of a drive and of what was cut off it, by name.
func contents(dir string) (map[string]string, error) {
	files := map[string]string{}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.Name() != driveName && !strings.HasPrefix(d.Name(), driveName+".cut-") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err != nil {
			return nil, err
		}
		files[d.Name()] = fmt.Sprintf("%d bytes, %08x", len(data), drive.Checksum(data))
	}
	return files, nil
}

// readAll reads all keys and looks for entries that belong to no key.
func (f *found) readAll(s *drive.Store, m mode, writers []writerID) error {
	known := map[uint64]bool{}
	present := 0
	for _, w := range writers {
		for k := range keysPerWriter {
			key := w.key(k)
			known[drive.KeyHash(key)] = true
			var v foundValue
			v.bytes, v.err = s.Get(key)
			if errors.Is(v.err, drive.ErrNotFound) {
				v = foundValue{}
			} else {
				present++
			}
			f.values[w] = append(f.values[w], v)
		}
	}
	if n := s.Len(); n != present {
		f.strange = append(f.strange, fmt.Sprintf("Len is %d, but %d keys are there", n, present))
	}
	for e, err := range s.Entries(drive.FileOrder) {
		switch {
		case m.damageIsTyped && errors.Is(err, drive.ErrCorrupt):
		case err != nil:
			f.strange = append(f.strange, fmt.Sprintf("Entries: %v", err))
		case !known[e.KeyHash()]:
			f.strange = append(f.strange, fmt.Sprintf("an entry at %d of a key that nobody has", e.Offset()))
		}
	}
	return nil
}
