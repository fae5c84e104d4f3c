package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// liveIn returns what a reader must find in a healthy drive.
func liveIn(t *testing.T, data []byte) map[uint64]string {
	t.Helper()
	live := map[uint64]string{}
	for _, e := range storedEntries(t, data) {
		if e.Tombstone {
			delete(live, e.Hash)
		} else {
			live[e.Hash] = e.Payload
		}
	}
	return live
}

// opensTo demands that data opens to its first keep bytes, in both modes, loses
// nothing for good, and can be written to afterwards. With keep 0 it must be
// refused, untouched.
func opensTo(t *testing.T, name string, data []byte, keep int64) {
	t.Helper()
	path := writeTemp(t, data)
	dir := filepath.Dir(path)
	before := directory(t, dir)
	readOnly, roErr := Open(path, Options{ReadOnly: true})
	if d := cmp.Diff(before, directory(t, dir)); d != "" {
		t.Errorf("%s: opening read-only changed files: %s", name, d)
	}
	if keep == 0 {
		_, err := Open(path, Options{})
		if !errors.Is(err, ErrNotDrive) || !errors.Is(roErr, ErrNotDrive) {
			t.Errorf("%s: opened: %v, read-only %v", name, err, roErr)
		}
		if d := cmp.Diff(before, directory(t, dir)); d != "" {
			t.Errorf("%s: a refused file was changed: %s", name, d)
		}
		return
	}
	if roErr != nil {
		t.Errorf("%s: %v", name, roErr)
		return
	}
	defer readOnly.Close()
	want := liveIn(t, data[:keep])
	if got := liveOf(t, readOnly); !maps.Equal(got, want) || readOnly.FileSize() != keep {
		t.Errorf("%s: read-only: %d bytes shown, want %d; values equal: %v", name, readOnly.FileSize(), keep, maps.Equal(got, want))
	}
	t.Run(name, func(t *testing.T) { checkRepaired(t, path, data, keep, want) })
}

// TestHostileShortFiles opens files too short for an entry, and the empty file,
// which is an empty drive.
func TestHostileShortFiles(t *testing.T) {
	for n := 1; n < minEntrySize; n++ {
		opensTo(t, fmt.Sprint(n, " zeros"), make([]byte, n), 0)
		opensTo(t, fmt.Sprint(n, " random bytes"), golden.SplitMix(n, uint64(n)), 0)
	}
	s := mustOpen(t, writeTemp(t, nil), Options{})
	if !s.IsEmpty() || s.FileSize() != 0 {
		t.Errorf("empty file: %d keys in %d bytes", s.Len(), s.FileSize())
	}
}

// TestHostilePreviousOffsets lets the chain loop, point at itself, forward, past
// the end and near 2^64, in the first, a middle and the last entry.
func TestHostilePreviousOffsets(t *testing.T) {
	m := sample()
	for _, i := range []int{0, 2, 4} {
		tail := m.tails[i]
		good, _ := parseEntry(m.data, tail)
		for name, prev := range map[string]uint64{
			"itself": uint64(tail), "its metadata": uint64(good.end), "forward": uint64(tail) + minEntrySize,
			"end": uint64(len(m.data)), "past the end": uint64(len(m.data)) + 1000, "maximum": math.MaxUint64,
			"near the maximum": math.MaxUint64 - 63, "sign bit": 1 << 63, "beyond 48 bits": 1<<48 + uint64(good.prevOffset),
		} {
			bad := m.bytes()
			setPrev(bad, tail, prev)
			opensNot(t, fmt.Sprintf("entry %d, %s", i, name), bad, good.prevOffset)
		}
	}
}

// TestHostileNested stores a drive inside a drive, at each place, and tears the
// outer one.
func TestHostileNested(t *testing.T) {
	inner := sample().data
	for name, m := range map[string]*image{
		"first":  new(image).value("inner", inner).value("x", []byte("after")),
		"middle": new(image).value("x", []byte("before")).value("inner", inner).value("y", []byte("after")),
		"last":   new(image).value("x", []byte("before")).value("inner", inner),
		"only":   new(image).value("inner", inner),
	} {
		whole := m.bytes()
		opensTo(t, name+", whole", whole, int64(len(whole)))
		opensTo(t, name+", zeros appended", append(m.bytes(), make([]byte, 100)...), int64(len(whole)))
		opensTo(t, name+", torn entry appended", append(m.bytes(), appendValue(nil, int64(len(whole)), 1, inner, 0)...), int64(len(whole)))
		if n := len(m.tails); n > 1 {
			opensTo(t, name+", last metadata cut", whole[:len(whole)-1], m.tails[n-2])
		}
	}
}

// TestHostileNestedFirstTorn states a limit: where the first value is a drive and
// its own metadata is gone, the drive inside cannot be told from the file itself.
func TestHostileNestedFirstTorn(t *testing.T) {
	inner := sample().data
	outer := new(image).value("inner", inner).data
	opensTo(t, "torn in the metadata", outer[:len(outer)-1], int64(len(inner)))
}

// TestHostileTails appends what no writer of ours leaves behind.
func TestHostileTails(t *testing.T) {
	m := sample()
	size := int64(len(m.data))
	for name, tail := range map[string][]byte{
		"wrong checksum":             appendValue(nil, size, 1, []byte("valid but for its checksum"), 1),
		"link to an earlier entry":   appendMetadata([]byte("payload"), metadata{1, m.tails[1], Checksum([]byte("payload"))}),
		"link to 0":                  appendMetadata([]byte("payload"), metadata{1, 0, Checksum([]byte("payload"))}),
		"tombstone of two bytes":     appendMetadata([]byte{0, 0}, metadata{1, size, tombstoneChecksum}),
		"tombstone, wrong checksum":  appendMetadata([]byte{0}, metadata{1, size, 1}),
		"tombstone that is no zero":  appendMetadata([]byte{1}, metadata{1, size, Checksum([]byte{1})}),
		"metadata without a payload": appendMetadata(nil, metadata{1, size, 0}),
		"all ones":                   bytes.Repeat([]byte{0xFF}, 4096),
		"zeros to the next page":     make([]byte, 4096-size),
	} {
		opensTo(t, name, append(m.bytes(), tail...), size)
	}
}

// TestHostileButValid covers files that no writer of ours makes and that are
// valid: every byte must be kept.
func TestHostileButValid(t *testing.T) {
	padding := sample()
	for i := range padding.tails {
		e, _ := parseEntry(padding.data, padding.tails[i])
		for j := e.prevOffset; j < e.start; j++ {
			padding.data[j] = 0xFF
		}
	}
	for name, data := range map[string][]byte{
		"padding not zero":              padding.data,
		"a value of one zero byte":      sample().value("null", []byte{0}).data,
		"a one-byte value, no padding":  new(image).value("a", make([]byte, 44)).value("b", []byte{5}).data,
		"tombstone of a key never seen": new(image).delete("never").data,
		"only tombstones":               new(image).delete("a").delete("a").delete("b").data,
		"a value of zeros":              new(image).value("a", make([]byte, 300)).data,
		"hash 0":                        appendValue(nil, 0, 0, []byte("x"), Checksum([]byte("x"))),
		"hash of ones":                  appendValue(nil, 0, math.MaxUint64, []byte("x"), Checksum([]byte("x"))),
	} {
		opensTo(t, name, data, int64(len(data)))
	}
}

// TestForeignFileBesideAMark puts a foreign file into the place of a drive, shorter
// and longer than that was: it is refused and left alone, whatever the mark says.
func TestForeignFileBesideAMark(t *testing.T) {
	for _, size := range []int{1, 30, 500, 5000} {
		path := tempPath(t)
		s := mustOpen(t, path, Options{})
		for i := range 5 {
			mustWrite(t, s, strconv.Itoa(i), golden.SplitMix(300, uint64(i)))
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		foreign := bytes.Repeat([]byte("text "), size)[:size]
		if err := os.WriteFile(path, foreign, 0o600); err != nil {
			t.Fatal(err)
		}
		before := directory(t, filepath.Dir(path))
		if _, err := Open(path, Options{}); !errors.Is(err, ErrNotDrive) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if d := cmp.Diff(before, directory(t, filepath.Dir(path))); d != "" {
			t.Errorf("%d bytes: the file was changed: %s", size, d)
		}
	}
}

// TestHostileOlderAlignment opens a drive of an older release: its first entry is
// valid by our rules, too, and cutting off the rest would destroy it.
func TestHostileOlderAlignment(t *testing.T) {
	var data []byte
	for i := range 20 {
		tail := int64(len(data))
		payload := golden.SplitMix(30+i, uint64(i))
		data = append(data, make([]byte, -tail&15)...)
		data = appendMetadata(append(data, payload...), metadata{uint64(i), tail, Checksum(payload)})
	}
	opensTo(t, "aligned to 16", data, 0)
	if _, err := Open(writeTemp(t, data), Options{}); err == nil || !strings.Contains(err.Error(), "16 bytes") {
		t.Errorf("the error does not name the cause: %v", err)
	}
}

// TestHostileBeyondVerified damages a drive where opening does not look at
// checksums: the store opens, and the damaged value, but no other, is an error.
// A hole that takes metadata away closes the chain too early and is found.
func TestHostileBeyondVerified(t *testing.T) {
	m := new(image)
	for i := range 100 {
		m.value(strconv.Itoa(i), golden.SplitMix(1000, uint64(i)))
	}
	opts := Options{VerifyBytes: 1, ReadOnly: true}
	bad := m.bytes()
	e, _ := parseEntry(bad, m.tails[50])
	bad[e.start] ^= 1
	s := mustOpen(t, writeTemp(t, bad), opts)
	for i := range 100 {
		_, err := s.Get(fmt.Append(nil, i))
		if errors.Is(err, ErrCorrupt) != (i == 50) || (err != nil) != (i == 50) {
			t.Errorf("key %d: %v", i, err)
		}
	}
	bad = m.bytes()
	clear(bad[e.end : e.end+4096])
	if _, err := Open(writeTemp(t, bad), opts); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a hole in the middle: %v", err)
	}
	opts.AcceptDamage = true
	s = mustOpen(t, writeTemp(t, bad), opts)
	if s.Len() != 50 {
		t.Errorf("%d keys before the hole, want 50", s.Len())
	}
}

// TestCheckWhileWriting checks a drive that is being written to. Nothing but the
// unfinished last entry may ever be seen.
func TestCheckWhileWriting(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{})
	done := make(chan error, 1)
	go func() { // started here, ends after its writes, waited for below
		var err error
		for i := 0; i < 2000 && err == nil; i++ {
			_, err = s.Write(fmt.Append(nil, i%100), golden.SplitMix(1+i*13%5000, uint64(i)))
		}
		done <- err
	}()
	for checks := 0; ; checks++ {
		report, err := Check(t.Context(), path, CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Problems) > 1 || !report.Healthy() && report.Problems[0].Kind != ProblemTrailing && report.Entries > 0 {
			t.Fatalf("check %d: %+v", checks, report)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if report, err := Check(t.Context(), path, CheckOptions{}); err != nil || !report.Healthy() || report.Entries != 2000 || report.Live != 100 {
				t.Errorf("at the end: %+v, %v", report, err)
			}
			return
		default:
		}
	}
}

// TestCheckFileCutMeanwhile cuts the file while Check and Recover read it.
func TestCheckFileCutMeanwhile(t *testing.T) {
	m := new(image)
	for i := range 6 {
		m.value(strconv.Itoa(i), golden.SplitMix(progressStep+1000, uint64(i)))
	}
	cut := func(path string) func(done, total int64) {
		return func(int64, int64) {
			if err := os.Truncate(path, 0); err != nil {
				t.Error(err)
			}
		}
	}
	path := writeTemp(t, m.data)
	if _, err := Check(t.Context(), path, CheckOptions{Progress: cut(path)}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Check: %v", err)
	}
	path = writeTemp(t, m.data)
	if _, err := Recover(t.Context(), path, path+".copy", RecoverOptions{Progress: cut(path)}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Recover: %v", err)
	}
	if left := directory(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files left", len(left))
	}
}

// TestRecoverFailingCalls lets each call of the system fail in turn: the copy is
// whole or absent, the source is as it was, and nothing is left lying about.
func TestRecoverFailingCalls(t *testing.T) {
	m := sample().value("large", golden.SplitMix(3*copyBufferBytes, 1))
	for _, kind := range faultfs.Kinds() {
		if kind == faultfs.Remove {
			continue // what cannot be removed stays
		}
		failed := true
		for n := 1; failed; n++ {
			src := writeTemp(t, m.data)
			fsys := faultfs.New(vfs.OS)
			fsys.Fail(kind, n)
			_, err := recoverFS(t.Context(), fsys, src, src+".copy", RecoverOptions{})
			failed = err != nil
			left := directory(t, filepath.Dir(src))
			if left["store"] != string(m.data) {
				t.Errorf("%v failing the %d. time changed the source", kind, n)
			}
			copied, ok := left["store.copy"]
			if ok && copied != string(m.data) || !ok && !failed || ok && failed && kind != faultfs.SyncDir {
				t.Errorf("%v failing the %d. time (%v): copy of %d bytes", kind, n, err, len(copied))
			}
			if want := map[bool]int{true: 2, false: 1}[ok]; len(left) != want {
				t.Errorf("%v failing the %d. time: %d files left, want %d", kind, n, len(left), want)
			}
		}
	}
}

// TestRecoverNameTaken lets the name of the copy be taken while it is written.
func TestRecoverNameTaken(t *testing.T) {
	src := writeTemp(t, sample().data)
	dst := src + ".copy"
	_, err := Recover(context.Background(), src, dst, RecoverOptions{Progress: func(int64, int64) {
		if err := os.WriteFile(dst, []byte("not ours"), 0o600); err != nil {
			t.Error(err)
		}
	}})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if left := directory(t, filepath.Dir(src)); len(left) != 2 || left["store.copy"] != "not ours" {
		t.Errorf("files left: %d, the other one holds %q", len(left), left["store.copy"])
	}
}
