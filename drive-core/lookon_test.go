//go:build unix

package drive

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// TestLookingOnChangesNothing opens a drive in a loop, reads all of it, and checks it,
// as a command that shows what a drive holds does, while another process writes to
// it. The original loses nearly everything when that is done to it.
func TestLookingOnChangesNothing(t *testing.T) {
	for name, tt := range map[string]task{
		"large values": {Mode: SyncNone, Size: 2 << 20, N: 60},
		"small values": {Mode: SyncNone, Size: 100, N: 20_000},
		"batches":      {Mode: SyncInterval(0), Size: 5000, N: 8000, Life: 40},
		"synced":       {Mode: SyncAlways, Size: 100, N: 200},
	} {
		t.Run(name, func(t *testing.T) {
			tt.Path, tt.N = tempPath(t), scaled(t, "values", tt.N, tt.N/2, tt.N/8)
			c := filler.start(t, tt, nil)
			c.expect(t, opReady)
			var acked atomic.Int64
			c.follow(func(e event) { acked.Store(int64(e.Seq)) })
			c.send(t)
			looks := 0
			for busy := true; busy; looks++ {
				select {
				case <-c.followed:
					busy = false // and once more
				default:
				}
				lookOn(t, tt.Path, tt.Size, int(acked.Load()), tt.N)
				if t.Failed() {
					return
				}
			}
			c.quit(t)
			t.Logf("looked %d times", looks)
			before := fileBytes(t, tt.Path)
			lookOn(t, tt.Path, tt.Size, tt.N, tt.N)
			if string(before) != string(fileBytes(t, tt.Path)) {
				t.Error("looking changed the file")
			}
			s := mustOpen(t, tt.Path, Options{ReadOnly: true})
			for key := range tt.N {
				if got, err := s.Get(keyName(key)); err != nil || !(value{key, 2, tt.Size}).is(got) {
					t.Fatalf("key %d: %d bytes, %v", key, len(got), err)
				}
			}
			report, err := Check(t.Context(), tt.Path, CheckOptions{})
			if err != nil || !report.Healthy() || report.Entries != int64(tt.N) || report.Live != int64(tt.N) {
				t.Errorf("Check: %+v, %v", report, err)
			}
			list, err := os.ReadDir(filepath.Dir(tt.Path))
			beside := func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), checkpointSuffix) }
			if list = slices.DeleteFunc(list, beside); err != nil || len(list) != 2 {
				t.Errorf("files: %v, %v", list, err)
			}
		})
	}
}

// lookOn reads everything that there is to read of a drive that holds between low and
// high values of a size.
func lookOn(t *testing.T, path string, size, low, high int) {
	t.Helper()
	s, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer s.Close()
	n := s.Len()
	if n < low || n > high {
		t.Errorf("%d keys; %d were acknowledged of %d", n, low, high)
	}
	st, err := s.Stats()
	if err != nil || st.LiveEntries != int64(n) || st.Entries != int64(n) {
		t.Errorf("Stats: %+v, %v", st, err)
	}
	for e, err := range s.Entries(NewestFirst) {
		if err == nil {
			err = e.Verify()
		}
		if err != nil {
			t.Errorf("Entries: %v", err)
		}
		n--
	}
	if n != 0 {
		t.Errorf("%d entries too few", n)
	}
	report, err := Check(t.Context(), path, CheckOptions{})
	if err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, p := range report.Problems {
		// What is being written may look like anything; what was acknowledged is intact.
		if p.Offset <= int64(low)*span(int64(size))-alignment {
			t.Errorf("Check, with %d values acknowledged: %+v", low, p)
		}
	}
	if report.Live < int64(low) {
		t.Errorf("Check: %d live keys; %d were acknowledged", report.Live, low)
	}
}

// lateMark is a file system in which the mark, when it is first read, is still the one
// of some time ago: as if it had been written between that and the next call.
type lateMark struct {
	vfs.FS
	old  string // path of a copy
	read bool
}

func (l *lateMark) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	if strings.HasSuffix(path, markSuffix) && mode == vfs.ReadOnly && !l.read {
		l.read = true
		path = l.old
	}
	return l.FS.Open(path, mode, perm)
}

// TestOpenWhileTheMarkIsWritten opens a drive for reading in the middle of a batch,
// just after a compaction: the mark that it reads first is of the file before, or half
// written.
func TestOpenWhileTheMarkIsWritten(t *testing.T) {
	for name, old := range map[string]func(mark []byte) []byte{
		"of the file before": func([]byte) []byte { return appendMark(nil, mark{points: []markPoint{{9999, 1}}}) },
		"half written":       func(mark []byte) []byte { return append(bytes.Clone(mark[:markSize/2]), make([]byte, markSize/2)...) },
		"missing":            func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			s := mustOpen(t, path, Options{})
			tail := mustWrite(t, s, "k", []byte("value"))
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			late := &lateMark{FS: vfs.OS, old: path + ".old"}
			if err := os.WriteFile(late.old, old(fileBytes(t, path+markSuffix)), 0o600); err != nil {
				t.Fatal(err)
			}
			// What the batch holds back is what makes it whole: its first entry.
			if _, err := s.WriteBatch([]Item{{[]byte("a"), bytes.Repeat([]byte("a"), 5000)}, {[]byte("b"), bytes.Repeat([]byte("b"), 5000)}}); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt(make([]byte, 64+5000), tail)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			r, err := openIn(late, path, Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if v, err := r.Get([]byte("k")); err != nil || string(v) != "value" || r.Len() != 1 {
				t.Errorf("%q, %v, %d keys", v, err, r.Len())
			}
		})
	}
}
