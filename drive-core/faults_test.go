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
	"time"

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
	"delete many": func(_ *testing.T, s *Store) error {
		_, err := s.DeleteBatch([][]byte{[]byte("b"), []byte("a"), []byte("x")})
		return err
	},
	"sync": func(_ *testing.T, s *Store) error { return s.Sync() },
	"batch": func(_ *testing.T, s *Store) error {
		_, err := s.WriteBatch([]Item{{[]byte("n"), bytes.Repeat([]byte("n"), 5<<10)}, {[]byte("m"), bytes.Repeat([]byte("m"), 5<<20)}})
		return err
	},
	"rename": func(_ *testing.T, s *Store) error { _, err := s.Rename([]byte("a"), []byte("n")); return err },
	"stream": func(_ *testing.T, s *Store) error {
		_, err := s.WriteFrom([]byte("n"), io.LimitReader(zeros{}, spoolMin+100))
		return err
	},
	"stalled stream": func(_ *testing.T, s *Store) error {
		_, err := s.WriteFrom([]byte("n"), stalling{s, io.LimitReader(zeros{}, spoolMin+100)})
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
// of each kind for every n until there is no n-th, wholly and after a part of a
// write, under each call of the store and each sync mode.
func TestFailingCallsOfTheSystem(t *testing.T) {
	for name, call := range faultyCalls {
		for _, mode := range []SyncMode{SyncAlways, SyncInterval(time.Hour), SyncNone} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				failures := 0
				for _, kind := range faultfs.Kinds() {
					f := failing{mode: mode, kind: kind, call: call}
					for f.n = 1; ; f.n++ {
						happened, failed := f.once(t)
						if !happened {
							break
						}
						if failed {
							failures++
						}
					}
				}
				f := failing{mode: mode, kind: faultfs.Write, call: call, n: 1}
				for _, f.partial = range []int64{1, 30, 63, 64, 85, 4096, 5000, 100 << 10} {
					f.once(t)
				}
				if failures == 0 {
					t.Error("no failure reached the caller")
				}
			})
		}
	}
}

// failing is a call of the store under which the n-th call of a kind fails.
type failing struct {
	mode    SyncMode
	kind    faultfs.Kind
	n       int
	partial int64 // bytes that the failing write writes all the same
	call    func(*testing.T, *Store) error
}

func (f failing) String() string {
	return fmt.Sprintf("%v failing the %d. time after %d bytes", f.kind, f.n, f.partial)
}

// once makes the call on a new store. Either it works all the same, or it has no
// effect; a failure of the store's file turns it read-only, with the cause; and
// after a reopen the same values are there. It reports whether there was an n-th
// call of the system, and whether the call of the store failed.
func (f failing) once(t *testing.T) (happened, failed bool) {
	t.Helper()
	path := tempPath(t)
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, path, Options{ReserveBytes: 1 << 20, Sync: f.mode})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "a", []byte("value a"))
	mustWrite(t, s, "b", []byte("value b"))
	mustWrite(t, s, "a", []byte("newer a"))
	before := liveOf(t, s)
	if f.partial > 0 {
		fsys.FailPartly(f.n, f.partial)
	} else {
		fsys.Fail(f.kind, f.n)
	}
	callErr := f.call(t, s)
	happened = fsys.Calls(f.kind) >= f.n
	fsys.Heal()
	after := liveOf(t, s)
	if callErr != nil && !maps.Equal(before, after) {
		t.Errorf("%v: the call failed (%v) and had an effect", f, callErr)
	}
	if callErr != nil && !errors.Is(callErr, faultfs.ErrInjected) {
		t.Errorf("%v: the error does not name the cause: %v", f, callErr)
	}
	_, writeErr := s.Write([]byte("next"), []byte("next"))
	var failure *FailedError
	switch {
	case writeErr == nil:
		after = liveOf(t, s)
		if errors.Is(callErr, ErrFailed) {
			t.Errorf("%v: the store takes writes after %v", f, callErr)
		}
	case !errors.As(writeErr, &failure) || !errors.Is(writeErr, faultfs.ErrInjected) || callErr == nil:
		t.Errorf("%v: the call: %v; the next write: %v", f, callErr, writeErr)
	}
	if err := s.Close(); err != nil && (writeErr == nil || !errors.Is(err, ErrFailed)) {
		t.Errorf("%v: close: %v", f, err)
	}
	s, err = Open(path, Options{VerifyBytes: -1})
	if err != nil {
		t.Fatalf("%v: reopen: %v", f, err)
	}
	defer s.Close()
	if !maps.Equal(liveOf(t, s), after) {
		t.Errorf("%v: other values after a reopen (call: %v)", f, callErr)
	}
	return happened, callErr != nil
}

// TestFailuresTurnReadOnly: a write that the file refuses, and a sync that fails, by
// themselves and in the background, turn the store read-only.
func TestFailuresTurnReadOnly(t *testing.T) {
	for name, tt := range map[string]struct {
		mode SyncMode
		kind faultfs.Kind
		call func(s *Store) error
		op   string
	}{
		"write":      {SyncNone, faultfs.Write, func(s *Store) error { _, err := s.Write([]byte("k"), []byte("v")); return err }, "write"},
		"always":     {SyncAlways, faultfs.Sync, func(s *Store) error { _, err := s.Write([]byte("k"), []byte("v")); return err }, "sync"},
		"by hand":    {SyncNone, faultfs.Sync, (*Store).Sync, "sync"},
		"at the end": {SyncNone, faultfs.Sync, (*Store).Close, "sync"},
		"direct": {SyncNone, faultfs.Write, func(s *Store) error {
			_, err := s.WriteFrom([]byte("k"), bytes.NewReader(make([]byte, spoolMin)))
			return err
		}, "write"},
		"background":  {SyncInterval(time.Millisecond), faultfs.Sync, writeUntilRefused, "sync"},
		"delete many": {SyncNone, faultfs.Write, func(s *Store) error { _, err := s.DeleteBatch([][]byte{[]byte("a"), []byte("b")}); return err }, "write"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := faultfs.New(vfs.OS)
			s, err := openIn(fsys, tempPath(t), Options{Sync: tt.mode})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			mustWrite(t, s, "a", []byte("kept"))
			fsys.Fail(tt.kind, 1)
			var failure *FailedError
			if err := tt.call(s); !errors.As(err, &failure) || failure.Op != tt.op || !errors.Is(err, faultfs.ErrInjected) {
				t.Fatalf("%v, want a failed %s", err, tt.op)
			}
			if _, err := s.Write([]byte("k"), []byte("v")); !errors.Is(err, ErrFailed) && !errors.Is(err, ErrClosed) {
				t.Errorf("a write afterwards: %v", err)
			}
			// What was acknowledged before a failed write can still be made durable.
			if err := s.Sync(); (err == nil) != (tt.op == "write") && !errors.Is(err, ErrClosed) {
				t.Errorf("a sync afterwards: %v", err)
			}
			if v, err := s.Get([]byte("a")); (err != nil || string(v) != "kept") && !errors.Is(err, ErrClosed) {
				t.Errorf("Get = %q, %v", v, err)
			}
		})
	}
}

// writeUntilRefused writes until the store takes no more.
func writeUntilRefused(s *Store) error {
	for {
		if _, err := s.Write([]byte("k"), []byte("v")); err != nil {
			return err
		}
	}
}

// TestOpenWithFailingCalls lets each call of the system fail while a drive with a
// torn tail is opened: the error names the cause, and the next Open finds everything.
func TestOpenWithFailingCalls(t *testing.T) {
	m := sample()
	torn := append(m.bytes(), "the beginning of an entry"...)
	want := liveIn(t, m.data)
	for _, kind := range faultfs.Kinds() {
		for n, happened := 1, true; happened; n++ {
			path := writeTemp(t, torn)
			fsys := faultfs.New(vfs.OS)
			fsys.Fail(kind, n)
			s, err := openIn(fsys, path, Options{})
			happened = fsys.Calls(kind) >= n
			fsys.Heal()
			if err != nil && !errors.Is(err, faultfs.ErrInjected) {
				t.Errorf("%v failing the %d. time: %v", kind, n, err)
			}
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			s = mustOpen(t, path, Options{})
			if !maps.Equal(liveOf(t, s), want) {
				t.Errorf("%v failing the %d. time: other values afterwards", kind, n)
			}
		}
	}
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
