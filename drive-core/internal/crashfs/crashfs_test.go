//go:build unix

package crashfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

var _ vfs.FS = (*FS)(nil)

// open opens a file that the test then uses.
func open(tb testing.TB, fsys vfs.FS, path string, mode vfs.Mode) vfs.File {
	tb.Helper()
	f, err := fsys.Open(path, mode, 0o640)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// write writes s at off.
func write(tb testing.TB, f vfs.File, s string, off int64) {
	tb.Helper()
	if n, err := f.WriteAt([]byte(s), off); err != nil || n != len(s) {
		tb.Fatalf("write at %d: %d, %v", off, n, err)
	}
}

// must fails the test for an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// content returns what the file at path holds; "-" if there is none.
func content(tb testing.TB, fsys vfs.FS, path string) string {
	tb.Helper()
	f, err := fsys.Open(path, vfs.ReadOnly, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	must(tb, err)
	defer f.Close()
	info, err := f.Stat()
	must(tb, err)
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestOpenModes(t *testing.T) {
	fsys := New()
	for _, mode := range []vfs.Mode{vfs.ReadOnly, vfs.ReadWrite} {
		if _, err := fsys.Open("/d/a", mode, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("mode %d of no file: %v", mode, err)
		}
	}
	if _, err := fsys.Stat("/d/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := fsys.Resolve("/d/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f := open(t, fsys, "d/../d/a", vfs.Create)
	write(t, f, "hello", 0)
	if _, err := fsys.Open("/d/a", vfs.Exclusive, 0); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if p, err := fsys.Resolve("d//a"); err != nil || p != "/d/a" {
		t.Errorf("Resolve = %q, %v", p, err)
	}
	r := open(t, fsys, "/d/a", vfs.ReadOnly)
	if _, err := r.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EBADF) {
		t.Errorf("write to a file opened for reading: %v", err)
	}
	if err := r.Truncate(0); !errors.Is(err, syscall.EBADF) {
		t.Errorf("truncate of a file opened for reading: %v", err)
	}
	if got := content(t, fsys, "/d/a"); got != "hello" {
		t.Errorf("content %q", got)
	}
	open(t, fsys, "/d/b", vfs.Exclusive)
	open(t, fsys, "/e/c", vfs.Exclusive)
	list, err := fsys.ReadDir("/d")
	if err != nil || len(list) != 2 || list[0].Name() != "a" || list[1].Name() != "b" || !list[0].Type().IsRegular() {
		t.Errorf("ReadDir: %v, %v", list, err)
	}
}

func TestReadsAndWrites(t *testing.T) {
	fsys := New()
	f := open(t, fsys, "/a", vfs.Create)
	if n, err := f.WriteVec([][]byte{[]byte("one"), nil, []byte("two")}, 2); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := f.WriteAt(nil, 100); n != 0 || err != nil {
		t.Error(n, err)
	}
	b := make([]byte, 4)
	if n, err := f.ReadAt(b, 6); n != 2 || !errors.Is(err, io.EOF) || string(b[:n]) != "wo" {
		t.Errorf("read over the end: %q, %v", b[:n], err)
	}
	if n, err := f.ReadAt(b, 99); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
	must(t, f.Truncate(3))
	must(t, f.Truncate(6))
	if got := content(t, fsys, "/a"); got != "\x00\x00o\x00\x00\x00" {
		t.Errorf("content %q", got)
	}
	g := open(t, fsys, "/b", vfs.Create)
	if n, err := g.CopyFrom(f, 2, 1, 4); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := g.CopyFrom(f, 2, 1, 5); !errors.Is(err, io.EOF) {
		t.Errorf("copy over the end: %v", err)
	}
	if got := content(t, fsys, "/b"); got != "\x00o\x00\x00\x00" {
		t.Errorf("content %q", got)
	}
	must(t, f.Close())
	for name, err := range map[string]error{
		"close": f.Close(), "sync": f.Sync(), "lock": f.Lock(), "truncate": f.Truncate(0), "copy": f.CopyAttributes(g),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s of a closed file: %v", name, err)
		}
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write to a closed file: %v", err)
	}
}

func TestLimitOfSize(t *testing.T) {
	f := open(t, New(), "/a", vfs.Create)
	write(t, f, "x", MaxFileSize-1)
	if _, err := f.WriteAt([]byte("xy"), MaxFileSize-1); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write over the limit: %v", err)
	}
	must(t, f.Truncate(MaxFileSize))
	if err := f.Truncate(MaxFileSize + 1); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("truncate over the limit: %v", err)
	}
	if _, _, err := f.Map(MaxFileSize); err != nil {
		t.Errorf("map up to the limit: %v", err)
	}
	if _, _, err := f.Map(MaxFileSize + 1); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("map over the limit: %v", err)
	}
	for _, off := range []int64{-1, 1 << 62} {
		if _, err := f.WriteAt([]byte("x"), off); err == nil {
			t.Errorf("write at %d", off)
		}
	}
}

// TestMappingShowsLaterWrites also keeps a mapping when nothing else of the file
// system is left.
func TestMappingShowsLaterWrites(t *testing.T) {
	f := open(t, New(), "/a", vfs.Create)
	write(t, f, "first", 0)
	data, unmap, err := f.Map(1 << 20)
	must(t, err)
	write(t, f, "second", 5)
	must(t, f.Close())
	f = nil
	for range 3 {
		runtime.GC()
	}
	if len(data) != 1<<20 || !bytes.HasPrefix(data, []byte("firstsecond\x00")) {
		t.Errorf("mapping: %d bytes, %q", len(data), data[:12])
	}
	unmap()
}

// TestOpenFilesOutliveTheirNames: a file that was renamed, replaced or removed is
// still the one that was opened.
func TestOpenFilesOutliveTheirNames(t *testing.T) {
	fsys := New()
	a, b := open(t, fsys, "/a", vfs.Create), open(t, fsys, "/b", vfs.Create)
	again := open(t, fsys, "/a", vfs.ReadWrite)
	write(t, a, "aa", 0)
	write(t, b, "bb", 0)
	same := func(f vfs.File, path string) bool {
		x, err := f.Stat()
		must(t, err)
		y, err := fsys.Stat(path)
		must(t, err)
		return fsys.SameFile(x, y)
	}
	if !same(again, "/a") || same(b, "/a") {
		t.Error("SameFile")
	}
	number := func(of *FS, path string) uint64 {
		info, err := of.Stat(path)
		must(t, err)
		return of.FileID(info)
	}
	first, second := number(fsys, "/a"), number(fsys, "/b")
	must(t, fsys.Rename("/a", "/b"))
	if !same(again, "/b") || same(b, "/b") {
		t.Error("SameFile after a rename")
	}
	if n := number(fsys, "/b"); first == 0 || first == second || n != first || number(fsys.ProcessCrashClone(nil), "/b") != first {
		t.Errorf("numbers of files: %d and %d, after a rename %d", first, second, n)
	}
	write(t, b, "old", 0)
	write(t, again, "new", 2)
	if got := content(t, fsys, "/b"); got != "aanew" {
		t.Errorf("content %q", got)
	}
	must(t, fsys.Remove("/b"))
	for _, err := range []error{fsys.Remove("/b"), fsys.Rename("/b", "/c")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	open(t, fsys, "/b", vfs.Exclusive)
	if same(again, "/b") {
		t.Error("SameFile of a removed file and its successor")
	}
	p := make([]byte, 5)
	if _, err := a.ReadAt(p, 0); err != nil || string(p) != "aanew" {
		t.Errorf("removed file: %q, %v", p, err)
	}
	if _, err := b.ReadAt(p[:3], 0); err != nil || string(p[:3]) != "old" {
		t.Errorf("replaced file: %q, %v", p[:3], err)
	}
	must(t, again.CopyAttributes(b))
}

func TestLocks(t *testing.T) {
	fsys := New()
	a, b := open(t, fsys, "/a", vfs.Create), open(t, fsys, "/a", vfs.Create)
	must(t, a.Lock())
	must(t, a.Lock())
	if err := b.Lock(); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	must(t, open(t, fsys.ProcessCrashClone(nil), "/a", vfs.ReadWrite).Lock())
	must(t, b.Close())
	if err := open(t, fsys, "/a", vfs.Create).Lock(); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("lock after another than the owner was closed: %v", err)
	}
	must(t, a.Close())
	must(t, open(t, fsys, "/a", vfs.Create).Lock())
}

// TestCloseGivesBackNamelessFiles removes a file for good: the file system cannot
// find it any more, and gives its memory back all the same.
func TestCloseGivesBackNamelessFiles(t *testing.T) {
	fsys := New()
	f := open(t, fsys, "/d/a", vfs.Create)
	must(t, fsys.Remove("/d/a"))
	must(t, fsys.SyncDir("/d"))
	fsys.Close()
	if f.(*file).node.memory.data != nil {
		t.Error("its memory is still there")
	}
}

// TestCallsAreCountedAndAnnounced takes a clone in each announcement, which would
// block if a lock were held.
func TestCallsAreCountedAndAnnounced(t *testing.T) {
	fsys := New()
	var got []string
	fsys.OnCall = func(op Op) {
		got = append(got, op.String())
		fsys.ProcessCrashClone(nil).Close()
	}
	f := open(t, fsys, "/d/a", vfs.Create)
	open(t, fsys, "/d/a", vfs.Create)
	write(t, f, "abc", 5)
	must(t, f.Truncate(4))
	must(t, f.Sync())
	must(t, fsys.Rename("/d/a", "/d/b"))
	must(t, fsys.Remove("/d/b"))
	must(t, fsys.SyncDir("/d"))
	want := []string{
		"create /d/a", "write /d/a [5,+3)", "truncate /d/a to 4", "sync /d/a", "rename /d/a to /d/b", "remove /d/b", "syncdir /d",
	}
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			t.Fatalf("calls: %q\nwant: %q", got, want)
		}
		if n := fsys.Calls(Kind(i)); n != 1 {
			t.Errorf("%d calls of %v", n, Kind(i))
		}
	}
}

// TestWrappedInFaults: failures of another layer reach neither content nor history.
func TestWrappedInFaults(t *testing.T) {
	inner := New()
	fsys := faultfs.New(inner)
	f := open(t, fsys, "/a", vfs.Create)
	fsys.FailPartly(1, 2)
	if n, err := f.WriteAt([]byte("abcd"), 0); n != 2 || !errors.Is(err, faultfs.ErrInjected) {
		t.Errorf("partial write: %d, %v", n, err)
	}
	fsys.Fail(faultfs.Sync, 1)
	if err := f.Sync(); !errors.Is(err, faultfs.ErrInjected) || inner.Calls(Sync) != 0 {
		t.Errorf("failed sync: %v, %d made", err, inner.Calls(Sync))
	}
	g := open(t, fsys, "/b", vfs.Create)
	if _, err := g.CopyFrom(f, 0, 0, 2); err != nil || content(t, inner, "/b") != "ab" {
		t.Errorf("copy: %v, %q", err, content(t, inner, "/b"))
	}
	x, err := g.Stat()
	must(t, err)
	y, err := inner.Stat("/b")
	must(t, err)
	if p, err := fsys.Resolve("b"); err != nil || p != "/b" || !fsys.SameFile(x, y) || !fsys.MapsPastEnd() {
		t.Errorf("Resolve = %q, %v", p, err)
	}
}

// TestConcurrentUse is for the race detector, and for locks taken in a wrong order.
func TestConcurrentUse(t *testing.T) {
	fsys := New()
	fsys.OnCall = func(op Op) {
		if op.Kind == Sync {
			fsys.CrashClone(rand.New(rand.NewPCG(1, 2))).Close()
		}
	}
	var wg sync.WaitGroup
	for i := range 4 {
		// Ends after its rounds; waited for below.
		wg.Go(func() {
			name := string(rune('a' + i))
			for round := range int64(50) {
				f, err := fsys.Open(name, vfs.Create, 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				shared, err := fsys.Open("shared", vfs.Create, 0o600)
				if err != nil {
					t.Error(err)
					return
				}
				_, werr := f.WriteAt([]byte(name), round*300)
				_, serr := shared.WriteAt([]byte(name), round*100+int64(i))
				if err := errors.Join(werr, serr, f.Sync(), shared.Close(), f.Close(), fsys.SyncDir("/")); err != nil {
					t.Error(err)
				}
				_ = fsys.Remove(name) // the content is of no interest
			}
		})
	}
	wg.Wait()
	if size := len(content(t, fsys, "shared")); size != 49*100+4 {
		t.Errorf("shared file of %d bytes", size)
	}
}
