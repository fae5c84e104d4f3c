package drive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// faultyCalls are calls that touch the file, each on a store with the keys a, b.
var faultyCalls = map[string]func(t *testing.T, s *Store) error{
	"write": func(_ *testing.T, s *Store) error { _, err := s.Write([]byte("n"), []byte("new")); return err },
	"large": func(_ *testing.T, s *Store) error {
		_, err := s.Write([]byte("n"), bytes.Repeat([]byte("n"), 200<<10))
		return err
	},
	"delete": func(_ *testing.T, s *Store) error { _, err := s.Delete([]byte("a")); return err },
	"batch": func(_ *testing.T, s *Store) error {
		_, err := s.WriteBatch([]Item{{[]byte("n"), bytes.Repeat([]byte("n"), 5<<10)}, {[]byte("m"), bytes.Repeat([]byte("m"), 5<<20)}})
		return err
	},
	"rename": func(_ *testing.T, s *Store) error { _, err := s.Rename([]byte("a"), []byte("n")); return err },
	"stream": func(_ *testing.T, s *Store) error {
		_, err := s.WriteFrom([]byte("n"), io.LimitReader(zeros{}, spoolMin+100))
		return err
	},
	"prompt stream": func(_ *testing.T, s *Store) error {
		_, err := s.WriteFrom([]byte("n"), bytes.NewReader(make([]byte, spoolMin+100)))
		return err
	},
	"compact": func(t *testing.T, s *Store) error {
		t.Helper()
		_, err := s.Compact(t.Context(), CompactOptions{})
		return err
	},
}

// zeros yields zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFailingCallsOfTheSystem lets each call of the system fail in turn, the n-th
// of each kind for every n, under each call of the store: either the call works
// all the same, or its effect is absent; and after a reopen the same values are
// there.
func TestFailingCallsOfTheSystem(t *testing.T) {
	kinds := []faultfs.Kind{
		faultfs.Open, faultfs.Write, faultfs.Truncate, faultfs.Sync, faultfs.Map, faultfs.Lock,
		faultfs.Attributes, faultfs.Rename, faultfs.Remove, faultfs.SyncDir,
	}
	for name, call := range faultyCalls {
		t.Run(name, func(t *testing.T) {
			failures := 0
			for _, kind := range kinds {
				for n := 1; n <= 6; n++ {
					if failOnce(t, call, kind, n) {
						failures++
					}
				}
			}
			if failures == 0 {
				t.Error("no failure reached the caller")
			}
		})
	}
}

// failOnce makes the call with the n-th system call of a kind failing, and
// reports whether the call failed.
func failOnce(t *testing.T, call func(*testing.T, *Store) error, kind faultfs.Kind, n int) bool {
	t.Helper()
	path := tempPath(t)
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, path, Options{ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "a", []byte("value a"))
	mustWrite(t, s, "b", []byte("value b"))
	mustWrite(t, s, "a", []byte("newer a"))
	before := liveOf(t, s)
	fsys.Fail(kind, n)
	callErr := call(t, s)
	after := liveOf(t, s)
	where := fmt.Sprintf("%v failing the %d. time", kind, n)
	if callErr != nil && !maps.Equal(before, after) {
		t.Errorf("%s: the call failed (%v) and had an effect", where, callErr)
	}
	if err := s.Close(); err != nil && (kind != faultfs.Sync || !errors.Is(err, ErrFailed)) {
		t.Errorf("%s: close: %v", where, err)
	}
	s, err = Open(path, Options{VerifyBytes: -1})
	if err != nil {
		t.Fatalf("%s: reopen: %v", where, err)
	}
	defer s.Close()
	if !maps.Equal(liveOf(t, s), after) {
		t.Errorf("%s: other values after a reopen (call: %v)", where, callErr)
	}
	return callErr != nil
}

// TestFailedRollBackStopsWriting: when a failed write cannot be cut off, the store
// takes no more, still reads, and a reopen repairs the file.
func TestFailedRollBackStopsWriting(t *testing.T) {
	path := tempPath(t)
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "k", []byte("kept"))
	fsys.FailPartly(1, 10)
	fsys.FailFrom(faultfs.Truncate, 1)
	if _, err := s.Write([]byte("l"), []byte("lost, and long enough")); !errors.Is(err, faultfs.ErrInjected) {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("m"), []byte("refused")); !errors.Is(err, ErrFailed) {
		t.Errorf("next write: %v", err)
	}
	if v, err := s.Get([]byte("k")); err != nil || string(v) != "kept" {
		t.Errorf("Get = %q, %v", v, err)
	}
	_ = s.Close()
	s = mustOpen(t, path, Options{})
	if v, err := s.Get([]byte("k")); err != nil || string(v) != "kept" || s.Len() != 1 {
		t.Errorf("after a reopen: %q, %v, %d keys", v, err, s.Len())
	}
}

// TestStreamsThatFailStoreNothing covers readers that fail, at once or late, that
// yield nothing, and that never yield.
func TestStreamsThatFailStoreNothing(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	mustWrite(t, s, "k", []byte("before"))
	tail := s.FileSize()
	broken := errors.New("broken")
	long := func() io.Reader { return io.LimitReader(zeros{}, spoolMin+streamBuffer+7) }
	for name, tt := range map[string]struct {
		r    io.Reader
		want error
	}{
		"at once":               {iotest.ErrReader(broken), broken},
		"after some bytes":      {io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)), broken},
		"after many bytes":      {io.MultiReader(long(), iotest.ErrReader(broken)), broken},
		"empty":                 {strings.NewReader(""), ErrEmptyValue},
		"a single zero":         {strings.NewReader("\x00"), ErrNullValue},
		"neither bytes nor end": {stuck{}, io.ErrNoProgress},
	} {
		if _, err := s.WriteFrom([]byte("k"), tt.r); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if v, err := s.Get([]byte("k")); err != nil || string(v) != "before" || s.FileSize() != tail {
			t.Errorf("%s: %q, %v, %d bytes", name, v, err, s.FileSize())
		}
	}
	if list, err := os.ReadDir(filepath.Dir(s.Path())); err != nil || len(list) != 2 {
		t.Errorf("files left: %v, %v", list, err)
	}
	for _, n := range []int64{2, 100, spoolMin - 1, spoolMin, spoolMin + 1, spoolMin + 3*streamBuffer} {
		if _, err := s.WriteFrom([]byte("z"), io.LimitReader(zeros{}, n)); err != nil {
			t.Fatalf("%d zeros: %v", n, err)
		}
		e, ok := s.Read([]byte("z"))
		if !ok || e.Size() != n || e.Verify() != nil {
			t.Errorf("%d zeros: %v, %d bytes", n, ok, e.Size())
		}
	}
}

// stuck returns neither bytes nor an error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestSecondWriterIsRefused(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	mustWrite(t, s, "k", []byte("v"))
	if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v", err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer after a compaction: %v", err)
	}
	e, _ := s.Read([]byte("k"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, path, Options{}) // although e keeps the mapping
	mustWrite(t, again, "k", []byte("w"))
	if string(e.Bytes()) != "v" {
		t.Error("an entry changed")
	}
}
