package drive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// stalling is a reader that stalls for as long as its stream lets other writers wait:
// it waits for them itself.
type stalling struct {
	s *Store
	r io.Reader
}

func (l stalling) Read(p []byte) (int, error) {
	for !l.s.mu.TryLock() {
		<-time.After(time.Millisecond) // not by Lock, with which virtual time would stand still
	}
	l.s.mu.Unlock()
	return l.r.Read(p)
}

// reader hides what else r can do.
type reader struct{ io.Reader }

// TestStreamThatStallsLater: a stream that has begun in the drive and then stalls is
// stored whole, after what others have written meanwhile, and what it wrote into the
// drive before is gone.
func TestStreamThatStallsLater(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	mustWrite(t, s, "first", []byte("value"))
	value := golden.SplitMix(3*spoolMin+77, 1)
	begun := s.FileSize()
	rest := func(p []byte) (int, error) {
		if info, err := os.Stat(s.Path()); err != nil || info.Size() < begun+spoolMin {
			t.Errorf("the stream is not in the drive: %v, %v", info.Size(), err)
		}
		mustWrite(t, s, "other", []byte("meanwhile"))
		if info, err := os.Stat(s.Path()); err != nil || info.Size() != s.FileSize() {
			t.Errorf("the stream is still in the drive: %v, %v", info.Size(), err)
		}
		if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
			t.Error(err)
		}
		return 0, io.EOF
	}
	r := io.MultiReader(reader{bytes.NewReader(value[:2*spoolMin])}, readFunc(rest), reader{bytes.NewReader(value[2*spoolMin:])})
	if _, err := s.WriteFrom([]byte("stream"), r); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Get([]byte("stream")); err != nil || !bytes.Equal(v, value) {
		t.Errorf("%d bytes, %v", len(v), err)
	}
	if v, err := s.Get([]byte("other")); err != nil || string(v) != "meanwhile" {
		t.Errorf("%q, %v", v, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := Check(t.Context(), s.Path(), CheckOptions{}); err != nil || !report.Healthy() || report.Live != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

// readFunc is a reader that calls a function.
type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestStreamThatEndsBadly: a reader that fails or panics, before or after it stalled,
// leaves neither bytes nor files nor the lock behind.
func TestStreamThatEndsBadly(t *testing.T) {
	broken := errors.New("broken")
	for name, stalls := range map[string]bool{"prompt": false, "stalled": true} {
		for _, panics := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := mustOpen(t, tempPath(t), Options{})
				tail := mustWrite(t, s, "k", []byte("before"))
				r := io.MultiReader(io.LimitReader(zeros{}, 2*spoolMin), readFunc(func([]byte) (int, error) {
					if panics {
						panic(broken)
					}
					return 0, broken
				}))
				if stalls {
					r = stalling{s, r}
				}
				func() {
					defer func() {
						if r := recover(); (r != nil) != panics || panics && r != any(broken) {
							t.Errorf("panic: %v", r)
						}
					}()
					if _, err := s.WriteFrom([]byte("k"), r); !errors.Is(err, broken) {
						t.Errorf("error: %v", err)
					}
				}()
				info, err := os.Stat(s.Path())
				if err != nil || info.Size() != tail || s.FileSize() != tail {
					t.Errorf("%v, %v, %d bytes", info.Size(), err, s.FileSize())
				}
				mustWrite(t, s, "k", []byte("after"))
				if list, err := os.ReadDir(filepath.Dir(s.Path())); err != nil || len(list) != 2 {
					t.Errorf("files left: %v, %v", list, err)
				}
			})
		}
	}
}

// TestStreamFromAReaderThatWrites: a reader may use the store that its stream goes to.
func TestStreamFromAReaderThatWrites(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{Sync: SyncAlways})
	r := io.TeeReader(io.LimitReader(zeros{}, 2*spoolMin), writeFunc(func(p []byte) (int, error) {
		_, err := s.Write([]byte("progress"), []byte("some"))
		return len(p), err
	}))
	if _, err := s.WriteFrom([]byte("stream"), r); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Find([]byte("stream")); err != nil || e.Size() != 2*spoolMin || e.Verify() != nil || s.Len() != 2 {
		t.Errorf("%d bytes, %v", e.Size(), err)
	}
}

type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }
