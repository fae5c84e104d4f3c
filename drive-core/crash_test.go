package drive

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// killedIn writes a drive with three entries, then runs call while the n-th write
// ends after some bytes and nothing can be repaired any more, as if the process had
// been killed there. It returns the path and how many writes there were.
func killedIn(t *testing.T, n int, written int64, call func(s *Store) error) (path string, writes int) {
	t.Helper()
	path = tempPath(t)
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		mustWrite(t, s, strconv.Itoa(i), bytes.Repeat([]byte{byte(i + 1)}, 100*(i+1)))
	}
	fsys.FailFrom(faultfs.Truncate, 1)
	fsys.FailPartly(n, written)
	err = call(s)
	writes = fsys.Calls(faultfs.Write)
	if (err != nil) != (writes >= n) {
		t.Fatalf("write %d after %d bytes: %v", n, written, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, writes
}

// TestBatchIsWholeOrAbsent kills the process at many bytes of every write of a
// batch: afterwards all of the batch is there, or nothing of it, and all that was
// there before.
func TestBatchIsWholeOrAbsent(t *testing.T) {
	batches := map[string][]Item{"small": nil, "pages": nil, "large values": nil, "first large": nil}
	for i := range 40 {
		k := fmt.Appendf(nil, "key-%d", i)
		batches["small"] = append(batches["small"], Item{k, []byte("some value")})
		batches["pages"] = append(batches["pages"], Item{k, bytes.Repeat([]byte{byte(i)}, 1000+i)})
		batches["large values"] = append(batches["large values"], Item{k, bytes.Repeat([]byte{7}, 10+i%3*gatherMin)})
		batches["first large"] = append(batches["first large"], Item{k, bytes.Repeat([]byte{8}, gatherMin>>min(i, 10))})
	}
	for name, items := range batches {
		t.Run(name, func(t *testing.T) {
			size := int64(0)
			for _, it := range items {
				size += int64(len(it.Value))
			}
			for n, writes := 1, 1; n <= writes; n++ {
				for _, written := range []int64{0, 1, 63, 64, 100, 152, size / 3, size - 1, size + 10, size + 20*40} {
					var path string
					path, writes = killedIn(t, n, written, func(s *Store) error {
						_, err := s.WriteBatch(items)
						return err
					})
					s := mustOpen(t, path, Options{VerifyBytes: 1})
					for i := range 3 {
						if v, err := s.Get([]byte(strconv.Itoa(i))); err != nil || len(v) != 100*(i+1) {
							t.Fatalf("write %d, %d bytes: old value %d: %v", n, written, i, err)
						}
					}
					if got := s.Len(); got != 3 && got != 3+len(items) && size > killUnit {
						t.Errorf("write %d, %d bytes: %d keys", n, written, got)
					}
				}
			}
		})
	}
}

// TestRenameLosesNothing does the same for Rename: one of the names has the value,
// wherever the write ends.
func TestRenameLosesNothing(t *testing.T) {
	for n, writes := 1, 1; n <= writes; n++ {
		for written := int64(0); written < 400; written += 7 {
			var path string
			path, writes = killedIn(t, n, written, func(s *Store) error {
				_, err := s.Rename([]byte("1"), []byte("x"))
				return err
			})
			s := mustOpen(t, path, Options{})
			old, renamed := s.Exists([]byte("1")), s.Exists([]byte("x"))
			if !old && !renamed || s.Len() < 3 {
				t.Errorf("write %d, %d bytes: old %v, renamed %v", n, written, old, renamed)
			}
		}
	}
}

// TestMappingsThatEndWithTheFile runs a store as on systems whose mappings do not
// show what is appended, and one whose mapping is outgrown all the time.
func TestMappingsThatEndWithTheFile(t *testing.T) {
	pastEnd := false
	fsys := faultfs.New(vfs.OS)
	fsys.PastEnd = &pastEnd
	for name, open := range map[string]func(path string) (*Store, error){
		"not past the end": func(path string) (*Store, error) { return openIn(fsys, path, Options{}) },
		"small":            func(path string) (*Store, error) { return Open(path, Options{ReserveBytes: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			s, err := open(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := s.LastEntry(); ok {
				t.Error("an empty drive has a last entry")
			}
			var early []Entry
			for i := range 60 {
				key := strconv.Itoa(i)
				value := bytes.Repeat([]byte{byte(i + 1)}, 1+i*4000)
				mustWrite(t, s, key, value)
				e, ok := s.Read([]byte(key))
				if !ok || !bytes.Equal(e.Bytes(), value) {
					t.Fatalf("Read(%s)", key)
				}
				early = append(early, e)
				if last, ok := s.LastEntry(); !ok || !s.IsLive(last) || last.Tail() != s.FileSize() {
					t.Fatalf("LastEntry after %s", key)
				}
			}
			for i, e := range early {
				if e.Verify() != nil || e.Size() != int64(1+i*4000) || !s.IsLive(e) {
					t.Errorf("entry %d is not what it was", i)
				}
			}
			if _, err := s.Delete([]byte("7")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				n := 0
				for e, err := range s.Entries(FileOrder) {
					if err != nil || e.Verify() != nil {
						t.Fatal(err)
					}
					n++
				}
				if n != 59 {
					t.Errorf("%d entries", n)
				}
				if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
					t.Fatal(err)
				}
				mustWrite(t, s, "0", []byte("after"))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestStalledStreamBlocksNobody: while a reader has been silent after some bytes or
// many, others write; and then its value is stored whole.
func TestStalledStreamBlocksNobody(t *testing.T) {
	for name, before := range map[string]int64{"short": 10, "long": spoolMin + streamBuffer + 5} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, tempPath(t), Options{})
			r, w := io.Pipe()
			result := make(chan error)
			// Ends when the stream is stored; waited for by receiving its result.
			go func() {
				_, err := s.WriteFrom([]byte("stream"), r)
				result <- err
			}()
			if _, err := io.CopyN(w, zeros{}, before); err != nil { // returns once all has been read
				t.Fatal(err)
			}
			mustWrite(t, s, "other", []byte("value"))
			if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
				t.Fatal(err)
			}
			if s.Exists([]byte("stream")) {
				t.Error("an unfinished stream is visible")
			}
			if _, err := w.Write([]byte("end")); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			e, ok := s.Read([]byte("stream"))
			if !ok || e.Size() != before+3 || e.Verify() != nil || !bytes.HasSuffix(e.Bytes(), []byte("\x00end")) {
				t.Errorf("stream of %d bytes, %v", e.Size(), ok)
			}
		})
	}
}
