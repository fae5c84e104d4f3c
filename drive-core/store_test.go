package drive

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	big := bytes.Repeat([]byte("large value "), 400_000) // 4.8 MB: long form, gathered write
	values := map[string][]byte{"": {1}, "a": []byte("alpha"), "zeros": make([]byte, 64), "big": big, "mid": big[:70_000]}
	for k, v := range values {
		if tail := mustWrite(t, s, k, v); tail != s.FileSize() {
			t.Errorf("tail %d, file size %d", tail, s.FileSize())
		}
	}
	check := func(s *Store) {
		t.Helper()
		for k, v := range values {
			e, ok := s.Read([]byte(k))
			if !ok || !bytes.Equal(e.Bytes(), v) || e.Size() != int64(len(v)) || e.Offset()%64 != 0 || e.IsTombstone() {
				t.Fatalf("Read(%q) = %v, %v", k, e, ok)
			}
			if err := e.Verify(); err != nil {
				t.Error(err)
			}
			if got, err := s.Get([]byte(k)); err != nil || !bytes.Equal(got, v) {
				t.Errorf("Get(%q): %v", k, err)
			}
			md, err := s.Metadata([]byte(k))
			want := Metadata{KeyHash([]byte(k)), e.PrevOffset(), Checksum(v), e.Offset(), e.Size()}
			if err != nil || md != want {
				t.Errorf("Metadata(%q) = %+v, %v; want %+v", k, md, err, want)
			}
		}
		if s.Len() != len(values) || s.IsEmpty() {
			t.Errorf("Len = %d", s.Len())
		}
	}
	check(s)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(mustOpen(t, path, Options{ReadOnly: true}))
	check(mustOpen(t, path, Options{VerifyBytes: -1}))
}

func TestRefusedValuesChangeNothing(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "k", []byte("v"))
	before := fileBytes(t, path)
	for _, tc := range []struct {
		name  string
		value []byte
		want  error
	}{{"empty", nil, ErrEmptyValue}, {"null", []byte{0}, ErrNullValue}} {
		if _, err := s.Write([]byte("k"), tc.value); !errors.Is(err, tc.want) {
			t.Errorf("%s: Write: %v", tc.name, err)
		}
		if _, err := s.WriteFrom([]byte("k"), bytes.NewReader(tc.value)); !errors.Is(err, tc.want) {
			t.Errorf("%s: WriteFrom: %v", tc.name, err)
		}
		items := []Item{{[]byte("x"), []byte("good")}, {[]byte("y"), tc.value}}
		if _, err := s.WriteBatch(items); !errors.Is(err, tc.want) {
			t.Errorf("%s: WriteBatch: %v", tc.name, err)
		}
	}
	if !bytes.Equal(fileBytes(t, path), before) || s.Len() != 1 {
		t.Error("a refused value changed the store")
	}
	if tail, err := s.WriteBatch(nil); err != nil || tail != s.FileSize() {
		t.Errorf("empty batch: %d, %v", tail, err)
	}
}

func TestDeleteAndReopen(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "a", []byte("1"))
	tail := mustWrite(t, s, "b", []byte("2"))
	if got, err := s.Delete([]byte("none")); got != tail || err != nil {
		t.Errorf("delete of a missing key: %d, %v", got, err)
	}
	if got, err := s.Delete([]byte("a")); got != tail+tombstoneSize || err != nil {
		t.Errorf("delete: %d, %v", got, err)
	}
	for range 2 {
		if s.Len() != 1 || s.Exists([]byte("a")) || !s.Exists([]byte("b")) {
			t.Errorf("Len = %d", s.Len())
		}
		if got, err := s.Delete([]byte("a")); got != tail+tombstoneSize || err != nil {
			t.Errorf("second delete: %d, %v", got, err)
		}
		if e, ok := s.LastEntry(); !ok || !e.IsTombstone() || !bytes.Equal(e.Bytes(), []byte{0}) || e.KeyHash() != KeyHash([]byte("a")) {
			t.Errorf("LastEntry = %+v, %v", e, ok)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path, Options{MustExist: true})
	}
	keys := [][]byte{[]byte("b"), []byte("none"), []byte("b")}
	if got, err := s.DeleteBatch(keys); got != tail+3*tombstoneSize || err != nil {
		t.Errorf("DeleteBatch with a key twice: %d, %v", got, err)
	}
	if got, err := s.DeleteBatchHash([]uint64{1, 2}); got != tail+3*tombstoneSize || err != nil || !s.IsEmpty() {
		t.Errorf("DeleteBatchHash of missing keys: %d, %v", got, err)
	}
}

func TestHashZeroAndSequentialHashes(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	const n = 20_000 // made-up hashes: without mixing they would all meet in one place
	items := make([]HashedItem, n)
	for i := range items {
		items[i] = HashedItem{uint64(i), []byte{byte(i), byte(i >> 8), 1}}
	}
	if _, err := s.WriteBatchHash(items); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteHash(0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s.Len() != n-1 || s.ExistsHash(0) {
			t.Errorf("Len = %d", s.Len())
		}
		for i := 1; i < n; i++ {
			e, ok := s.ReadHash(uint64(i))
			if !ok || !bytes.Equal(e.Bytes(), items[i].Value) {
				t.Fatalf("ReadHash(%d)", i)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, path, Options{})
	}
	if _, err := s.WriteHash(0, []byte("zero")); err != nil {
		t.Fatal(err)
	}
	if v, err := s.GetHash(0); err != nil || string(v) != "zero" || s.Len() != n {
		t.Errorf("GetHash(0) = %q, %v", v, err)
	}
}

func TestReadBatch(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	var keys [][]byte
	for i := range 300 {
		keys = append(keys, []byte{byte(i), byte(i >> 8)})
		if i%3 != 0 {
			mustWrite(t, s, string(keys[i]), append([]byte("v"), keys[i]...))
		}
	}
	keys = append(keys, keys[1])
	got := s.ReadBatch([]Entry{{}}, keys)
	if len(got) != 1+len(keys) {
		t.Fatalf("%d entries", len(got))
	}
	for i, e := range got[1:] {
		if missing := i%3 == 0 && i < 300; e.IsZero() != missing {
			t.Errorf("entry %d: zero %v", i, e.IsZero())
		} else if !missing && !bytes.Equal(e.Bytes()[1:], keys[i]) {
			t.Errorf("entry %d = %q", i, e.Bytes())
		}
	}
}

func TestClosedStore(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	mustWrite(t, s, "k", []byte("value"))
	e, _ := s.Read([]byte("k"))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC() // the mapping must live on
	if string(e.Bytes()) != "value" {
		t.Error("an entry died with its store")
	}
	runtime.KeepAlive(e)
	if _, err := s.Write([]byte("k"), []byte("v")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write: %v", err)
	}
	if _, err := s.Get([]byte("k")); !errors.Is(err, ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if _, ok := s.Read([]byte("k")); ok || s.Exists([]byte("k")) || s.Len() != 0 || s.FileSize() != 0 {
		t.Error("a closed store has entries")
	}
	if got := s.ReadBatch(nil, [][]byte{{1}}); len(got) != 1 || !got[0].IsZero() {
		t.Errorf("ReadBatch: %v", got)
	}
	for _, err := range s.Entries(FileOrder) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Entries: %v", err)
		}
	}
	if _, err := s.Stats(); !errors.Is(err, ErrClosed) {
		t.Errorf("Stats: %v", err)
	}
	if err := s.Sync(); !errors.Is(err, ErrClosed) {
		t.Errorf("Sync: %v", err)
	}
}

func TestReadOnlyStore(t *testing.T) {
	path := tempPath(t)
	if _, err := Open(path, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a missing file: %v", err)
	}
	w := mustOpen(t, path, Options{})
	mustWrite(t, w, "k", []byte("v"))
	s := mustOpen(t, path, Options{ReadOnly: true}) // beside the writer
	_, write := s.Write([]byte("k"), []byte("v"))
	_, del := s.Delete([]byte("k"))
	_, stream := s.WriteFrom([]byte("k"), strings.NewReader("v"))
	_, rename := s.Rename([]byte("k"), []byte("l"))
	_, compact := s.Compact(t.Context(), CompactOptions{})
	_, move := s.MoveTo([]byte("k"), mustOpen(t, tempPath(t), Options{}))
	for i, err := range []error{write, del, stream, rename, compact, move} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if v, err := s.Get([]byte("k")); err != nil || string(v) != "v" {
		t.Errorf("Get = %q, %v", v, err)
	}
	if _, err := w.CopyTo([]byte("k"), s); !errors.Is(err, ErrSameStore) {
		t.Errorf("CopyTo the same file: %v", err)
	}
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	special := append(specialFiles(t, dir), dir)
	for _, opts := range []Options{{}, {ReadOnly: true}, {MustExist: true}} {
		for _, path := range special {
			if _, err := Open(path, opts); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Open(%s, %+v): %v", path, opts, err)
			}
		}
	}
	if _, err := Open(filepath.Join(dir, "none"), Options{MustExist: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("MustExist: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "no", "file"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	foreign := filepath.Join(dir, "foreign")
	text := bytes.Repeat([]byte("no drive at all\n"), 1000)
	if err := os.WriteFile(foreign, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		if _, err := Open(foreign, opts); !errors.Is(err, ErrNotDrive) {
			t.Errorf("foreign file: %v", err)
		}
	}
	if !bytes.Equal(fileBytes(t, foreign), text) {
		t.Error("a foreign file was changed")
	}
}

func TestOpenFollowsLinkAndCompactionKeepsIt(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, link, Options{}) // creates the target
	mustWrite(t, s, "k", []byte("1"))
	mustWrite(t, s, "k", []byte("2"))
	if _, err := Open(target, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer by another name: %v", err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	if _, err := Open(link, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer after compaction: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := mustOpen(t, target, Options{}).Get([]byte("k")); err != nil || string(v) != "2" {
		t.Errorf("Get = %q, %v", v, err)
	}
}

func TestTornTailIsSavedAndCut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.drive")
	s := mustOpen(t, path, Options{})
	good := mustWrite(t, s, "k", []byte("value"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := fileBytes(t, path)
	for i, tail := range [][]byte{make([]byte, 500), []byte("garbage"), bytes.Repeat([]byte{0xFF}, 40)} {
		if err := os.WriteFile(path, append(bytes.Clone(whole), tail...), 0o640); err != nil {
			t.Fatal(err)
		}
		ro := mustOpen(t, path, Options{ReadOnly: true})
		if ro.FileSize() != good || ro.Len() != 1 || len(fileBytes(t, path)) != len(whole)+len(tail) {
			t.Errorf("read-only: size %d, len %d", ro.FileSize(), ro.Len())
		}
		s := mustOpen(t, path, Options{})
		if v, err := s.Get([]byte("k")); err != nil || string(v) != "value" {
			t.Errorf("Get = %q, %v", v, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fileBytes(t, path), whole) {
			t.Error("the tail was not cut")
		}
		saved := path + ".cut-25" + []string{"", ".1", ".2"}[i]
		if !bytes.Equal(fileBytes(t, saved), tail) {
			t.Errorf("%s does not hold what was cut", saved)
		}
	}
}

func TestTransfer(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	dst := mustOpen(t, tempPath(t), Options{})
	big := bytes.Repeat([]byte{7, 0, 9}, 100_000)
	mustWrite(t, s, "small", []byte("small"))
	mustWrite(t, s, "big", big)
	if _, err := s.Rename([]byte("big"), []byte("big")); !errors.Is(err, ErrSameKey) {
		t.Errorf("rename to itself: %v", err)
	}
	if _, err := s.Rename([]byte("none"), []byte("x")); !errors.Is(err, ErrNotFound) {
		t.Errorf("rename of nothing: %v", err)
	}
	for _, k := range []string{"small", "big"} {
		want, err := s.Get([]byte(k))
		if err != nil {
			t.Fatal(err)
		}
		if tail, err := s.Rename([]byte(k), []byte(k+"2")); err != nil || tail != s.FileSize() {
			t.Fatalf("Rename: %d, %v", tail, err)
		}
		if tail, err := s.CopyTo([]byte(k+"2"), dst); err != nil || tail != dst.FileSize() {
			t.Fatalf("CopyTo: %d, %v", tail, err)
		}
		if tail, err := s.MoveTo([]byte(k+"2"), dst); err != nil || tail != s.FileSize() {
			t.Fatalf("MoveTo: %d, %v", tail, err)
		}
		if got, err := dst.Get([]byte(k + "2")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("moved value differs: %v", err)
		}
		if _, err := s.MoveTo([]byte(k+"2"), dst); !errors.Is(err, ErrNotFound) {
			t.Errorf("second move: %v", err)
		}
	}
	if _, err := s.CopyTo([]byte("x"), s); !errors.Is(err, ErrSameStore) {
		t.Errorf("copy to itself: %v", err)
	}
	if s.Len() != 0 || dst.Len() != 2 {
		t.Errorf("Len = %d, %d", s.Len(), dst.Len())
	}
}

func TestDamagedValueIsNotPassedOn(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "good", []byte("good"))
	mustWrite(t, s, "bad", []byte("some bytes"))
	e, _ := s.Read([]byte("bad"))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{'S'}, e.Offset()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before := fileBytes(t, path)
	dst := mustOpen(t, tempPath(t), Options{})
	_, get := s.Get([]byte("bad"))
	_, rename := s.Rename([]byte("bad"), []byte("x"))
	_, copied := s.CopyTo([]byte("bad"), dst)
	_, moved := s.MoveTo([]byte("bad"), dst)
	_, compact := s.Compact(t.Context(), CompactOptions{})
	for i, err := range []error{e.Verify(), get, rename, copied, moved, compact} {
		var ce *CorruptError
		if !errors.As(err, &ce) || !errors.Is(err, ErrCorrupt) || ce.Offset != e.Offset() || ce.Path != path {
			t.Errorf("%d: %v", i, err)
		}
	}
	if !bytes.Equal(fileBytes(t, path), before) || dst.FileSize() != 0 {
		t.Error("a damaged value was passed on")
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 2 {
		t.Errorf("files left: %v, %v", list, err)
	}
	mustWrite(t, s, "after", []byte("after"))
}

func TestFileCutByAnother(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "k", bytes.Repeat([]byte("x"), 100_000))
	mustWrite(t, s, "long", bytes.Repeat([]byte("y"), 3<<20))
	e, _ := s.Read([]byte("k"))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	dst := mustOpen(t, tempPath(t), Options{})
	var iterated error
	for _, err := range s.Entries(NewestFirst) {
		iterated = err
	}
	_, get := s.Get([]byte("k"))
	_, compact := s.Compact(t.Context(), CompactOptions{})
	_, copied := s.CopyTo([]byte("k"), dst)
	_, renamed := s.Rename([]byte("k"), []byte("l"))
	_, appended := e.AppendTo(nil)
	_, written := e.WriteTo(new(bytes.Buffer))
	_, md := s.Metadata([]byte("k"))
	view := s.View([]byte("k"), func(v []byte) error { _ = bytes.Count(v, []byte("x")); return nil })
	all := []error{e.Verify(), iterated, get, compact, copied, renamed, appended, written, md, view}
	for i, err := range all {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if s.IsLive(e) {
		t.Error("an entry that is gone is live")
	}
}
