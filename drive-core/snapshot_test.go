package drive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// backup takes a snapshot of s since a position.
func backup(t *testing.T, s *Store, since Position) ([]byte, Position) {
	t.Helper()
	var out bytes.Buffer
	at, err := s.Snapshot(t.Context(), &out, SnapshotOptions{Since: since})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), at
}

// readers returns a reader for each slice.
func readers(parts [][]byte) []io.Reader {
	var list []io.Reader
	for _, p := range parts {
		list = append(list, bytes.NewReader(p))
	}
	return list
}

// TestSnapshotAndRestore takes a full backup and increments while the drive changes,
// and restores each state.
func TestSnapshotAndRestore(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{Sync: SyncNone})
	var parts [][]byte
	var states []map[uint64]string
	var at Position
	for round := range 4 {
		for i := range 50 {
			mustWrite(t, s, strconv.Itoa(i*round%70), golden.SplitMix(2+i*97*round, uint64(i)))
		}
		mustWrite(t, s, "large", golden.SplitMix(3*snapshotPiece+5, uint64(round)))
		if _, err := s.Delete([]byte(strconv.Itoa(round))); err != nil {
			t.Fatal(err)
		}
		var part []byte
		part, at = backup(t, s, at)
		parts = append(parts, part)
		states = append(states, liveOf(t, s))
	}
	if part, again := backup(t, s, at); again != at || len(part) != incrementHeaderSize {
		t.Errorf("an empty increment has %d bytes and leads to %v", len(part), again)
	}
	for n := range parts {
		path := tempPath(t)
		end, err := Restore(t.Context(), path, bytes.NewReader(parts[0]), readers(parts[1:n+1])...)
		if err != nil {
			t.Fatal(err)
		}
		r := mustOpen(t, path, Options{VerifyBytes: -1})
		if !maps.Equal(liveOf(t, r), states[n]) || r.FileSize() != end.Offset {
			t.Errorf("state %d was not restored", n)
		}
	}
	if !bytes.Equal(parts[0], fileBytes(t, s.Path())[:len(parts[0])]) {
		t.Error("a full backup is not the drive as it is")
	}
}

// TestSnapshotWhileWriting takes backups while a writer and compactions are at work:
// each restores to a state that the drive had.
func TestSnapshotWhileWriting(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{Sync: SyncNone})
	mustWrite(t, s, "n", []byte("0"))
	mustWrite(t, s, "copy", []byte("0"))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { // ends when stop is closed; waited for below
		var err error
		for i := 1; err == nil; i++ {
			v := []byte(strconv.Itoa(i))
			_, err = s.WriteBatch([]Item{{[]byte("n"), v}, {[]byte("copy"), v}, {v, bytes.Repeat(v, 400)}})
			if i%200 == 0 && err == nil {
				_, err = s.Compact(t.Context(), CompactOptions{})
			}
			select {
			case <-stop:
				done <- err
				return
			default:
			}
		}
		done <- err
	}()
	for range 30 {
		part, _ := backup(t, s, Position{})
		path := tempPath(t)
		if _, err := Restore(t.Context(), path, bytes.NewReader(part)); err != nil {
			t.Fatal(err)
		}
		r := mustOpen(t, path, Options{})
		n, err := r.Get([]byte("n"))
		c, err2 := r.Get([]byte("copy"))
		if err != nil || err2 != nil || !bytes.Equal(n, c) {
			t.Fatalf("n is %q (%v), its copy %q (%v)", n, err, c, err2)
		}
		if err := r.Close(); err != nil { // 30 of them take more addresses than 32 bits have
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRestoreRefuses covers backups that do not fit, are damaged or cut short, and
// names that are taken.
func TestRestoreRefuses(t *testing.T) {
	s := mustOpen(t, tempPath(t), Options{})
	mustWrite(t, s, "a", golden.SplitMix(100, 1))
	first, at1 := backup(t, s, Position{})
	mustWrite(t, s, "b", golden.SplitMix(100, 2))
	second, at2 := backup(t, s, at1)
	mustWrite(t, s, "c", golden.SplitMix(100, 3))
	third, _ := backup(t, s, at2)
	flipped := bytes.Clone(second)
	flipped[len(flipped)-50] ^= 1
	headless := bytes.Clone(second)
	headless[12] ^= 1
	for name, tt := range map[string]struct {
		parts [][]byte
		want  error
	}{
		"gap":                  {[][]byte{first, third}, ErrPositionUnknown},
		"twice":                {[][]byte{first, second, second}, ErrPositionUnknown},
		"increment alone":      {[][]byte{second}, ErrNotDrive},
		"full as an increment": {[][]byte{first, first}, errNotIncrement},
		"damaged header":       {[][]byte{first, headless}, errNotIncrement},
		"cut header":           {[][]byte{first, second[:10]}, errNotIncrement},
		"cut increment":        {[][]byte{first, second[:len(second)-1]}, io.ErrUnexpectedEOF},
		"longer increment":     {[][]byte{first, append(bytes.Clone(second), 0)}, ErrCorrupt},
		"damaged value":        {[][]byte{first, flipped}, ErrCorrupt},
		"cut full backup":      {[][]byte{first[:len(first)-1]}, ErrNotDrive},
		"foreign":              {[][]byte{golden.SplitMix(5000, 1)}, ErrNotDrive},
	} {
		path := tempPath(t)
		_, err := Restore(t.Context(), path, bytes.NewReader(tt.parts[0]), readers(tt.parts[1:])...)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if left := directory(t, filepath.Dir(path)); len(left) != 0 {
			t.Errorf("%s: %d files left", name, len(left))
		}
	}
	path := writeTemp(t, []byte("not ours"))
	if _, err := Restore(t.Context(), path, bytes.NewReader(first)); !errors.Is(err, fs.ErrExist) || string(fileBytes(t, path)) != "not ours" {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{Order: NewestFirst}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshot(t.Context(), io.Discard, SnapshotOptions{Since: at1}); !errors.Is(err, ErrPositionUnknown) {
		t.Errorf("an increment across a compaction: %v", err)
	}
}

// TestSnapshotStopsAtDamage: bit rot is not carried into a backup.
func TestSnapshotStopsAtDamage(t *testing.T) {
	m := new(image)
	for i := range 20 {
		m.value(strconv.Itoa(i), golden.SplitMix(300<<10, uint64(i)))
	}
	path := writeTemp(t, m.data)
	s := mustOpen(t, path, Options{})
	e, _ := s.Read([]byte("3"))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{^e.Bytes()[7]}, e.Offset()+7); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := s.Snapshot(t.Context(), &out, SnapshotOptions{}); !errors.Is(err, ErrCorrupt) || int64(out.Len()) > e.Offset() {
		t.Errorf("%v after %d bytes; the damage is at %d", err, out.Len(), e.Offset())
	}
}

// TestRestoreFailingCalls lets each call of the system fail in turn: the drive is
// whole or absent, and nothing is left lying about.
func TestRestoreFailingCalls(t *testing.T) {
	m := sample()
	for _, kind := range faultfs.Kinds() {
		if kind == faultfs.Remove {
			continue // what cannot be removed stays
		}
		failed := true
		for n := 1; failed; n++ {
			path := tempPath(t)
			fsys := faultfs.New(vfs.OS)
			fsys.Fail(kind, n)
			_, err := restoreIn(t.Context(), fsys, path, bytes.NewReader(m.data), nil)
			failed = err != nil
			left := directory(t, filepath.Dir(path))
			restored, ok := left[filepath.Base(path)]
			if ok && restored != string(m.data) || !ok && !failed || ok && failed && kind != faultfs.SyncDir || len(left) > 1 {
				t.Errorf("%v failing the %d. time (%v): %d files, drive of %d bytes", kind, n, err, len(left), len(restored))
			}
		}
	}
}

// TestPositionText covers the text form of positions.
func TestPositionText(t *testing.T) {
	for _, p := range []Position{{}, {Offset: 84, Print: 1}, {Offset: maxOffset, Print: 1<<64 - 1}} {
		text, err := p.MarshalText()
		var back Position
		if err != nil || back.UnmarshalText(text) != nil || back != p {
			t.Errorf("%v came back as %v", p, back)
		}
	}
	for _, bad := range []string{"", "-", "5", "-1-0000000000000000", "5-123", "5-00000000000000001", "x-0000000000000000"} {
		if new(Position).UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for a position", bad)
		}
	}
}
