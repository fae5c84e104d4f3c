package drive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// hugeSize is the size of a value that 32 bits cannot count.
const hugeSize = 1<<32 + 12345

// TestValueOver4GiB stores a value of more than 4 GiB, from a file with holes, and
// small ones behind it.
func TestValueOver4GiB(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: it writes 4 GiB")
	}
	if bits.UintSize < 64 {
		t.Skip("SKIPPED: a value of 4 GiB cannot be mapped with 32-bit addresses")
	}
	if raceDetector {
		t.Skip("SKIPPED under the race detector: one writer, and 4 GiB take minutes")
	}
	dir := t.TempDir()
	if free := freeBytes(t, dir); free < 3*hugeSize/2 {
		t.Skipf("SKIPPED: %d bytes of disk are free, it takes %d", free, int64(3*hugeSize/2))
	}
	source, err := os.Create(filepath.Join(dir, "source"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	mark := golden.SplitMix(1000, 1)
	if _, err := source.WriteAt(mark, hugeSize-int64(len(mark))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.drive")
	s := mustOpen(t, path, Options{Sync: SyncNone})
	tail, err := s.WriteFrom([]byte("huge"), source)
	if err != nil || tail != hugeSize+metadataSize {
		t.Fatalf("tail %d, %v", tail, err)
	}
	mustWrite(t, s, "small", mark)
	check := func(s *Store) {
		e, err := s.Find([]byte("huge"))
		if err != nil || e.Size() != hugeSize || e.Verify() != nil || !bytes.HasSuffix(e.Bytes(), mark) {
			t.Fatalf("huge: %d bytes, %v", e.Size(), err)
		}
		part := make([]byte, 2000)
		if n, err := e.NewReader().ReadAt(part, hugeSize-500); n != 500 || !errors.Is(err, io.EOF) || !bytes.HasSuffix(mark, part[:n]) {
			t.Errorf("the last bytes: %d, %v", n, err)
		}
		if v, err := s.Get([]byte("small")); err != nil || !bytes.Equal(v, mark) {
			t.Errorf("small: %v", err)
		}
		if m, err := s.Metadata([]byte("small")); err != nil || m.Offset <= hugeSize || m.PrevOffset != tail {
			t.Errorf("small is at %d behind %d, %v", m.Offset, m.PrevOffset, err)
		}
	}
	check(s)
	// Opened once more beside the writer: closing it would wait for the disk.
	check(mustOpen(t, path, Options{ReadOnly: true}))
	if _, err := s.Delete([]byte("huge")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil || s.FileSize() != int64(len(mark))+metadataSize {
		t.Errorf("%d bytes after a compaction, %v", s.FileSize(), err)
	}
}

// TestBeyondTheFormat asks for offsets that the format cannot address: a typed
// error, before a byte is written.
func TestBeyondTheFormat(t *testing.T) {
	b := &batch{g: &generation{}, end: maxOffset - 100}
	for name, op := range map[string]operation{
		"value":  &valueOperation{value: make([]byte, 100)},
		"items":  &itemsOperation[HashedItem]{items: []HashedItem{{1, []byte("fits")}, {2, make([]byte, 100)}}},
		"delete": &deleteOperation{n: 5},
	} {
		if _, err := op.plan(b); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&valueOperation{value: make([]byte, 4)}).plan(b); err != nil {
		t.Errorf("what fits exactly: %v", err)
	}
}

// longFile is a file that claims to be longer than the format can address.
type longFile struct{ vfs.File }

type longInfo struct{ fs.FileInfo }

func (longInfo) Size() int64 { return maxOffset + 1 }

func (f longFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return longInfo{info}, err
}

// longFS opens long files.
type longFS struct{ vfs.FS }

func (l longFS) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	f, err := l.FS.Open(path, mode, perm)
	return longFile{f}, err
}

func (longFS) SameFile(fs.FileInfo, fs.FileInfo) bool { return true }

// TestFileBeyondTheFormat opens a file that is longer than the format can address.
func TestFileBeyondTheFormat(t *testing.T) {
	path := writeTemp(t, sample().data)
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		if _, err := openIn(longFS{vfs.OS}, path, opts); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	}
	if !bytes.Equal(fileBytes(t, path), sample().data) {
		t.Error("the file was changed")
	}
}

// TestFileBeyondAddresses opens a file that a process with 32-bit addresses cannot
// map: a clear error, and the file is left alone.
func TestFileBeyondAddresses(t *testing.T) {
	if bits.UintSize > 32 {
		t.Skip("SKIPPED: this build has 64-bit addresses; make test32 runs it")
	}
	const size = 5 << 30
	path := writeTemp(t, sample().data)
	if err := os.Truncate(path, size); err != nil {
		t.Skipf("SKIPPED: the file system has no files of %d bytes: %v", int64(size), err)
	}
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		if _, err := Open(path, opts); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v", err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() != size {
		t.Errorf("the file has %d bytes by now, %v", info.Size(), err)
	}
}
