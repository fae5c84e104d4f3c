//go:build unix

package drive

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/crashfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// specimen is a drive with entries of all kinds and the marks that lay beside it.
type specimen struct {
	journal *ledger
	marks   map[string]specimenMark
}

// specimenMark is what a mark file held; nil when there is none.
type specimenMark struct {
	bytes  []byte
	synced int64 // what it vouches for
}

// newSpecimen makes a drive that ends in a value, or in a tombstone.
func newSpecimen(t *testing.T, endsIn string) *specimen {
	t.Helper()
	l := lay(t, endsIn, nil, nil) // where the file has the number that it will have later
	s, err := openIn(l.fsys, laidPath, Options{Sync: SyncNone, ReserveBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	j := newJournal()
	put := func(key string, value []byte) {
		j.put(KeyHash([]byte(key)), value)
		mustWrite(t, s, key, value)
	}
	remove := func(key string) {
		j.remove(KeyHash([]byte(key)))
		if _, err := s.Delete([]byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	put("a", []byte("first"))
	put("b", golden.SplitMix(44, 1)) // the next one needs no padding
	var batch []Item
	for i, size := range []int{9, 1, 70} {
		it := Item{[]byte{'c' + byte(i)}, golden.SplitMix(size, uint64(2+i))}
		batch = append(batch, it)
		j.put(KeyHash(it.Key), it.Value)
	}
	if _, err := s.WriteBatch(batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	sp := &specimen{journal: j, marks: map[string]specimenMark{"no mark": {}}}
	sp.marks["old mark"] = specimenMark{[]byte(l.files()[laidPath+markSuffix]), j.size()}
	remove("b")
	put("e", make([]byte, 8))
	remove("c")
	remove("a")
	put("a", []byte("newer"))
	if endsIn == "tombstone" {
		remove("d")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sp.marks["mark"] = specimenMark{[]byte(l.files()[laidPath+markSuffix]), j.size()}
	if l.files()[laidPath] != string(j.data) {
		t.Fatal("the file is not what was written")
	}
	return sp
}

// laid is a drive in a file system of its own, with or without a mark.
type laid struct {
	t    *testing.T
	name string
	fsys *crashfs.FS
	data []byte
	mark []byte
}

const (
	laidPath   = "/a.drive" // where it lies
	laidNumber = 2          // the number of the file, as crashfs counts them
)

// lay makes the files.
func lay(t *testing.T, name string, data, mark []byte) *laid {
	t.Helper()
	l := &laid{t, name, crashfs.New(), data, mark}
	l.write(laidPath, data)
	if mark != nil {
		l.write(laidPath+markSuffix, mark)
	}
	return l
}

func (l *laid) write(path string, data []byte) {
	l.t.Helper()
	f, err := l.fsys.Open(path, vfs.Create, filePerm)
	if err == nil {
		_, err = f.WriteAt(data, 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// files returns what all files hold.
func (l *laid) files() map[string]string {
	l.t.Helper()
	list, err := l.fsys.ReadDir("/")
	if err != nil {
		l.t.Fatal(err)
	}
	all := map[string]string{}
	for _, d := range list {
		b, err := readWhole(l.fsys, "/"+d.Name())
		if err != nil {
			l.t.Fatal(err)
		}
		all["/"+d.Name()] = string(b)
	}
	return all
}

func (l *laid) errorf(format string, args ...any) {
	l.t.Helper()
	l.t.Errorf("%s: %s", l.name, fmt.Sprintf(format, args...))
}

func (l *laid) remove() { l.fsys.Close() }

// open opens the drive.
func (l *laid) open(opts Options) *Store {
	l.t.Helper()
	opts.ReserveBytes = 1 << 16
	s, err := openIn(l.fsys, laidPath, opts)
	l.checkOpened(opts, err)
	if err != nil {
		return nil
	}
	return s
}

// checkOpened demands that what is refused is refused with a reason, and that nothing
// has changed then, nor by a reader.
func (l *laid) checkOpened(opts Options, err error) {
	l.t.Helper()
	var damage *CorruptError
	switch {
	case errors.As(err, &damage) && (damage.Path != laidPath || damage.Offset < 0 || damage.Offset > int64(len(l.data))):
		l.errorf("error without a place: %+v", damage)
	case err != nil && damage == nil && !errors.Is(err, ErrNotDrive):
		l.errorf("untyped error: %v", err)
	case err == nil && !opts.ReadOnly:
		return
	}
	want := map[string]string{laidPath: string(l.data)}
	if l.mark != nil {
		want[laidPath+markSuffix] = string(l.mark)
	}
	if got := l.files(); !maps.Equal(got, want) {
		l.errorf("read-only %v: %v, and files have changed: %q", opts.ReadOnly, err, slices.Sorted(maps.Keys(got)))
	}
}

// nothingLost demands that the file, of size bytes, and what was cut from it hold
// all the bytes there were.
func (l *laid) nothingLost(size int64) {
	l.t.Helper()
	files := l.files()
	all := files[laidPath]
	if int64(len(all)) != size {
		l.errorf("the file has %d bytes, the store %d", len(all), size)
	}
	delete(files, laidPath)
	delete(files, laidPath+markSuffix)
	for name, bytes := range files {
		all = strings.Join([]string{all, bytes}, "")
		if len(files) > 1 || name != fmt.Sprintf("%s.cut-%d", laidPath, size) {
			l.errorf("a file %s", name)
		}
	}
	if all != string(l.data) {
		l.errorf("bytes were lost: %d of %d are left", len(all), len(l.data))
	}
}

// close closes s.
func (l *laid) close(s *Store) {
	l.t.Helper()
	if err := s.Close(); err != nil {
		l.errorf("close: %v", err)
	}
}

// opensAs demands that the drive shows want, to readers and to a writer, who then
// writes. A file without a whole entry is an empty drive if it is empty, or if a mark
// vouches for it; else it is refused.
func (l *laid) opensAs(want *ledger) {
	l.t.Helper()
	show := func(s *Store) {
		l.t.Helper()
		if err := want.compare(s); err != nil {
			l.errorf("%v", err)
		}
	}
	s := l.open(Options{ReadOnly: true})
	if s == nil {
		if want.size() > 0 || len(l.data) == 0 {
			l.errorf("a reader cannot open it")
		}
		if s := l.open(Options{}); s != nil {
			l.errorf("a writer can open it, a reader cannot")
			l.close(s)
		}
		return
	}
	show(s)
	l.close(s)
	if s = l.open(Options{}); s == nil {
		l.errorf("a reader can open it, a writer cannot")
		return
	}
	show(s)
	l.nothingLost(want.size())
	mustWrite(l.t, s, "afterwards", []byte("written"))
	l.close(s)
	more := want.clone()
	more.put(KeyHash([]byte("afterwards")), []byte("written"))
	if s, err := openIn(l.fsys, laidPath, Options{ReserveBytes: 1 << 16}); err != nil {
		l.errorf("after a write: %v", err)
	} else {
		want = more
		show(s)
		l.close(s)
	}
}

// readWhole returns what a file holds.
func readWhole(fsys vfs.FS, path string) ([]byte, error) {
	m, err := mapWhole(fsys, path)
	if err != nil {
		return nil, err
	}
	defer m.close()
	return bytes.Clone(m.data), nil
}
