package drive

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// beyondTheFile lists the damaged files whose ideal cannot be told from the file
// alone, with what opening makes of them instead: how many bytes are kept.
var beyondTheFile = map[string]int64{
	// A payload holds a well-formed entry, and the entry around it is cut: the one
	// inside is taken for real.
	"crafted_cut": 120,
}

// directory reads all files of a directory.
func directory(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, d := range list {
		all[d.Name()] = string(fileBytes(t, filepath.Join(dir, d.Name())))
	}
	return all
}

// liveOf reads every live value of a store by hash.
func liveOf(t *testing.T, s *Store) map[uint64]string {
	t.Helper()
	live := map[uint64]string{}
	for e, err := range s.Entries(NewestFirst) {
		if err != nil {
			t.Fatal(err)
		}
		live[e.KeyHash()] = string(e.Bytes())
	}
	return live
}

// wantLive is what the manifest says can be read. A flipped bit of a key hash
// cannot be seen, so those keys are found under the hash that is in the file.
func wantLive(c golden.Damaged, data []byte) map[uint64]string {
	want := map[uint64]string{}
	for _, e := range c.Entries[:min(c.PrefixEntries, len(c.Entries))] {
		if e.Tail > int64(len(data)) {
			break
		}
		m, _ := parseMetadata(data[e.PayloadEnd:])
		if e.Kind == "tombstone" {
			delete(want, m.keyHash)
		} else {
			want[m.keyHash] = string(data[e.PayloadStart:e.PayloadEnd])
		}
	}
	return want
}

// damageOf sorts the damaged files by what opening has to make of them.
func damageOf(c golden.Damaged) string {
	_, damage, _ := strings.Cut(c.Case, "_")
	switch damage {
	case "first_payloadflip", "first_crcflip", "mid_payloadflip", "mid_crcflip":
		return "value" // the chain is whole: only that value is damaged
	case "hole64":
		if strings.HasPrefix(c.Case, "mixed_") { // it lies within a payload
			return "value"
		}
		return "middle"
	case "duptail":
		// Where padding puts the payload of the copy into its place, it verifies but for its link.
		if last := c.Entries[len(c.Entries)-1]; last.Kind == "tombstone" || padding(last.PrevTail) == padding(last.Tail) {
			return "middle"
		}
	}
	if _, link, ok := strings.Cut(damage, "_prev"); ok && link != "" {
		return "middle" // an intact entry with a damaged link, also where it is the last one
	}
	if c.PrefixLen == 0 {
		return "none"
	}
	return "tail"
}

// TestDamagedFiles opens a copy of each damaged file. A torn tail is cut and kept
// beside the file; damage in the middle is refused and changes nothing; a damaged
// value leaves the others readable; a file without a valid entry is refused.
func TestDamagedFiles(t *testing.T) {
	cases, err := golden.LoadDamaged(damagedDir)
	if err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	kinds := map[string]int{}
	for _, c := range cases {
		kind := damageOf(c)
		kinds[kind]++
		t.Run(c.Case, func(t *testing.T) {
			data := fileBytes(t, filepath.Join(damagedDir, c.File))
			switch kind {
			case "none":
				opensTo(t, c.Case, data, 0)
			case "middle":
				opensNot(t, "file", data, c.PrefixLen)
			case "value":
				opensBut(t, data, c.Entries[c.Lost[0]])
			default:
				keep, want := c.PrefixLen, wantLive(c, data)
				if n, ok := beyondTheFile[c.Case]; ok {
					keep, want = n, nil
				}
				path := writeTemp(t, data)
				readOnly := mustOpen(t, path, Options{ReadOnly: true})
				if want != nil && !maps.Equal(liveOf(t, readOnly), want) {
					t.Error("read-only: other values than the ideal prefix has")
				}
				checkRepaired(t, path, data, keep, want)
			}
		})
	}
	for _, kind := range []string{"none", "middle", "value", "tail"} {
		if kinds[kind] < 8 {
			t.Errorf("only %d files of kind %s", kinds[kind], kind)
		}
	}
}

// opensNot demands that data, damaged in the middle behind prefix bytes, is refused
// and left alone, and that what comes before can be opened by option.
func opensNot(t *testing.T, name string, data []byte, prefix int64) {
	t.Helper()
	path := writeTemp(t, data)
	before := directory(t, filepath.Dir(path))
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		_, err := Open(path, opts)
		var damage *CorruptError
		if !errors.As(err, &damage) || damage.Offset != prefix || damage.Path != path {
			t.Errorf("%s: %v, want damage at %d", name, err, prefix)
		}
	}
	s := mustOpen(t, path, Options{ReadOnly: true, AcceptDamage: true})
	if !maps.Equal(liveOf(t, s), liveIn(t, data[:prefix])) || s.FileSize() != prefix {
		t.Errorf("%s: accepted damage shows %d bytes, want %d", name, s.FileSize(), prefix)
	}
	if d := cmp.Diff(before, directory(t, filepath.Dir(path))); d != "" {
		t.Errorf("%s: a refused file was changed: %s", name, d)
	}
}

// opensBut demands that data, in which one value is damaged, opens and that all but
// that value can be read.
func opensBut(t *testing.T, data []byte, damaged golden.BaseEntry) {
	t.Helper()
	path := writeTemp(t, data)
	s := mustOpen(t, path, Options{})
	seen, refused := 0, 0
	for e, err := range s.History(FileOrder) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if err := e.Verify(); err != nil {
			refused++
			if e.Tail() != damaged.Tail || !errors.Is(err, ErrCorrupt) {
				t.Errorf("entry at %d: %v", e.Offset(), err)
			}
		}
	}
	if refused != 1 || s.FileSize() != int64(len(data)) {
		t.Errorf("%d of %d entries damaged, %d of %d bytes kept", refused, seen, s.FileSize(), len(data))
	}
	if !bytes.Equal(fileBytes(t, path), data) {
		t.Error("the file was changed")
	}
}

// checkRepaired opens the file for writing and uses it.
func checkRepaired(t *testing.T, path string, data []byte, keep int64, want map[uint64]string) {
	t.Helper()
	s := mustOpen(t, path, Options{})
	if s.FileSize() != keep || !bytes.Equal(fileBytes(t, path), data[:keep]) {
		t.Errorf("%d bytes kept, want the first %d", s.FileSize(), keep)
	}
	got := liveOf(t, s)
	if want != nil && !maps.Equal(got, want) {
		t.Error("other values than the ideal prefix has")
	}
	saved, err := filepath.Glob(path + ".cut-*")
	if err != nil {
		t.Fatal(err)
	}
	var cut []byte
	for _, name := range saved {
		cut = append(cut, fileBytes(t, name)...)
	}
	if !bytes.Equal(cut, data[keep:]) {
		t.Errorf("%d bytes saved beside the file, %d were cut", len(cut), int64(len(data))-keep)
	}
	mustWrite(t, s, "afterwards", []byte("written"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path, Options{MustExist: true})
	got[KeyHash([]byte("afterwards"))] = "written"
	if !maps.Equal(liveOf(t, s), got) {
		t.Error("values changed by a write and a reopen")
	}
}

// TestEveryPrefixOfAFile cuts golden files at every byte: what is whole is served,
// and a cut within the first entry is refused.
func TestEveryPrefixOfAFile(t *testing.T) {
	for _, name := range []string{"delete", "overwrite", "refused", "rename", "batch_delete"} {
		t.Run(name, func(t *testing.T) {
			whole := fileBytes(t, filepath.Join(goldenDir, name+".bin"))
			var tails []int64
			visitForward(whole, func(e located) { tails = append(tails, e.tail()) })
			dir := t.TempDir()
			for n := 1; n < len(whole); n++ {
				// A file of its own: cutting one that was mapped many times takes long.
				path := filepath.Join(dir, strconv.Itoa(n))
				if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
					t.Fatal(err)
				}
				keep := int64(0)
				for _, tail := range tails {
					if tail <= int64(n) {
						keep = tail
					}
				}
				s, err := Open(path, Options{ReadOnly: true})
				switch {
				case keep == 0 && !errors.Is(err, ErrNotDrive):
					t.Fatalf("cut at %d: %v", n, err)
				case keep == 0:
					continue
				case err != nil:
					t.Fatalf("cut at %d: %v", n, err)
				case s.FileSize() != keep:
					t.Fatalf("cut at %d: %d bytes kept, want %d", n, s.FileSize(), keep)
				}
				_ = s.Close()
			}
		})
	}
}

// FuzzOpen lets arbitrary bytes be a file: opening, reading and checking must
// neither panic nor hang, and must not change it.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"one.bin", "delete.bin", "damaged/zero21.bin", "damaged/nested_cutmid.bin", "damaged/text_hole64.bin"} {
		f.Add(fileBytes(f, filepath.Join(goldenDir, name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := tempPath(t)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), path, CheckOptions{}); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{ReadOnly: true})
		if err != nil {
			if !errors.Is(err, ErrNotDrive) && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		for e, err := range s.History(FileOrder) {
			if err != nil {
				t.Fatal(err)
			}
			_ = e.Verify()
		}
		_ = liveOf(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fileBytes(t, path), data) {
			t.Fatal("the file was changed")
		}
	})
}
