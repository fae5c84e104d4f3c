package drive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// stored is an entry without its place.
type stored struct {
	Hash      uint64
	Tombstone bool
	Payload   string
}

// storedEntries returns the entries of a healthy drive in file order.
func storedEntries(t testing.TB, data []byte) []stored {
	t.Helper()
	var all []stored
	if err := scanBackward(data, verifyNewest(data, -1), func(e located) {
		all = append(all, stored{e.keyHash, e.tombstone, string(data[e.start:e.end])})
	}); err != nil {
		t.Fatalf("not a healthy drive: %v", err)
	}
	slices.Reverse(all)
	return all
}

// recoverBytes recovers a drive of the given bytes and returns the copy.
func recoverBytes(t testing.TB, data []byte) ([]byte, RecoverReport, error) {
	t.Helper()
	src := writeTemp(t, data)
	dst := src + ".copy"
	report, err := Recover(context.Background(), src, dst, RecoverOptions{})
	if after, e := os.ReadFile(src); e != nil || !bytes.Equal(after, data) {
		t.Errorf("source changed, or gone: %v", e)
	}
	want := 1
	var out []byte
	if err == nil {
		want = 2
		var e error
		if out, e = os.ReadFile(dst); e != nil {
			t.Fatal(e)
		}
		if report.Size != int64(len(out)) {
			t.Errorf("reported %d bytes, wrote %d", report.Size, len(out))
		}
	}
	if names, e := os.ReadDir(filepath.Dir(src)); e != nil || len(names) != want {
		t.Errorf("directory holds %v, %v", names, e)
	}
	return out, report, err
}

// baseOf returns the bytes that a damaged golden file had before.
func baseOf(t *testing.T, c golden.Damaged) []byte {
	t.Helper()
	name, _, _ := strings.Cut(c.Case, "_")
	base, err := os.ReadFile(filepath.Join(damagedDir, name+"_intact.bin"))
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// TestRecoverDamagedFiles recovers each damaged golden file. The copy must hold, in
// order, each entry of the undamaged file but those that the manifest gives up, and
// nothing that the undamaged file did not hold, with these exceptions:
//
//   - a flipped key hash: nothing in the format shows it, so the entry is copied
//     under the hash that stands there;
//   - crafted_cut: a payload holds a well-formed entry and the real end of the file
//     is gone, so those bytes are copied as an entry;
//   - an entry appended a second time with its old link may be copied twice, with
//     the same key and value.
func TestRecoverDamagedFiles(t *testing.T) {
	for _, c := range loadDamaged(t) {
		data, err := os.ReadFile(filepath.Join(damagedDir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		out, report, err := recoverBytes(t, data)
		if len(c.Entries) == 0 || c.PrefixEntries == 0 && c.Lost == nil {
			if !errors.Is(err, ErrNotDrive) {
				t.Errorf("%s: %v", c.Case, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Case, err)
			continue
		}
		base := baseOf(t, c)
		var must, may []stored
		for i, b := range c.Entries {
			e := stored{KeyHash(b.Key), b.Kind == "tombstone", string(base[b.PayloadStart:b.PayloadEnd])}
			may = append(may, e)
			if c.Lost == nil && i < c.PrefixEntries || c.Lost != nil && !slices.Contains(c.Lost, i) {
				must = append(must, e)
			}
		}
		got := storedEntries(t, out)
		if report.Entries != int64(len(got)) {
			t.Errorf("%s: reported %d entries, wrote %d", c.Case, report.Entries, len(got))
		}
		missing := must
		for _, e := range got {
			if len(missing) > 0 && e == missing[0] {
				missing = missing[1:]
				continue
			}
			switch {
			case c.Case == "crafted_cut":
			case strings.HasSuffix(c.Case, "_hashflip"):
				if !slices.ContainsFunc(may, func(m stored) bool { return m.Payload == e.Payload }) {
					t.Errorf("%s: copied %+v", c.Case, e)
				}
			case !slices.Contains(may, e):
				t.Errorf("%s: copied %+v, which was never written", c.Case, e)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s: %d of %d intact entries are missing from the copy", c.Case, len(missing), len(must))
		}
		if c.PrefixLen == c.Size && !bytes.Equal(out, data) && !strings.HasSuffix(c.Case, "_padflip") {
			t.Errorf("%s: the copy of a healthy drive differs from it", c.Case)
		}
	}
}

// TestRecoverSalvagesLinks flips each bit of each previous offset: nothing may be
// lost, because a previous offset holds nothing that the rest does not tell.
func TestRecoverSalvagesLinks(t *testing.T) {
	m := sample()
	for i, tail := range m.tails {
		for bit := range 64 {
			bad := m.bytes()
			bad[tail-metadataSize+8+int64(bit/8)] ^= 1 << (bit % 8)
			out, report := salvageBytes(t, bad)
			if !bytes.Equal(out, m.data) || report.LostCount != 0 || report.Relinked != 1 {
				t.Errorf("entry %d, bit %d: copy differs, report %+v", i, bit, report)
			}
		}
	}
}

// TestRecoverFlippedPayload damages each entry in turn; each time all others must
// be saved and the damaged one reported.
func TestRecoverFlippedPayload(t *testing.T) {
	m := sample()
	all := storedEntries(t, m.data)
	for i, tail := range m.tails {
		e, _ := parseEntry(m.data, tail)
		bad := m.bytes()
		bad[e.end-1] ^= 0x10
		out, report := salvageBytes(t, bad)
		want := slices.Delete(slices.Clone(all), i, i+1)
		if diff := cmp.Diff(want, storedEntries(t, out)); diff != "" {
			t.Errorf("entry %d: %s", i, diff)
		}
		if report.LostCount != 1 || report.LostBytes != tail-e.prevOffset || len(report.Lost) != 1 {
			t.Errorf("entry %d: report %+v", i, report)
		}
	}
}

// TestRecoverHoles overwrites stretches of a drive with other bytes and demands
// every entry whose payload, checksum and previous offset no such byte touches.
func TestRecoverHoles(t *testing.T) {
	m := new(image)
	for i := range 40 {
		m.value(strconv.Itoa(i%17), golden.SplitMix(1+i*7%300, uint64(i)))
		if i%5 == 4 {
			m.delete(strconv.Itoa(i % 11))
		}
	}
	all := storedEntries(t, m.data)
	for name, filler := range map[string]func(n int) []byte{
		"zeros":  func(n int) []byte { return make([]byte, n) },
		"ones":   func(n int) []byte { return bytes.Repeat([]byte{0xFF}, n) },
		"random": func(n int) []byte { return golden.SplitMix(n, 77) },
	} {
		for from := 0; from < len(m.data); from += 61 {
			size := min(1+from%700, len(m.data)-from)
			bad := m.bytes()
			copy(bad[from:], filler(size))
			var must []stored
			for i, tail := range m.tails {
				e, _ := parseEntry(m.data, tail)
				if bytes.Equal(bad[e.start:e.end], m.data[e.start:e.end]) && bytes.Equal(bad[tail-12:tail], m.data[tail-12:tail]) {
					e := all[i]
					e.Hash = binary.LittleEndian.Uint64(bad[tail-metadataSize:]) // nothing protects it
					must = append(must, e)
				}
			}
			out, _ := salvageBytes(t, bad)
			if diff := cmp.Diff(must, storedEntries(t, out)); diff != "" {
				t.Errorf("%s [%d:%d]: %s", name, from, from+size, diff)
			}
		}
	}
}

// TestRecoverNullValue covers a value of one zero byte, which only another program
// can have written: where it would be read as a tombstone it must stay a value.
func TestRecoverNullValue(t *testing.T) {
	m := new(image).value("a", bytes.Repeat([]byte{1}, 44)).delete("b").value("null", []byte{0})
	if e, _ := parseEntry(m.data, m.tails[2]); e.tombstone {
		t.Fatal("the value is a tombstone from the start")
	}
	m.data[m.tails[1]-1] ^= 1 // without that entry there is no padding
	out, _, err := recoverBytes(t, m.data)
	if err != nil {
		t.Fatal(err)
	}
	all := storedEntries(t, out)
	if last := all[len(all)-1]; last.Tombstone || last.Payload != "\x00" || last.Hash != KeyHash([]byte("null")) {
		t.Errorf("entries of the copy: %+v", all)
	}
}

// TestRecoverLarge crosses the size of the copy's buffer.
func TestRecoverLarge(t *testing.T) {
	m := new(image).value("a", golden.SplitMix(3*copyBufferBytes+5, 1)).value("b", []byte("small")).
		value("c", golden.SplitMix(copyBufferBytes, 2)).value("d", golden.SplitMix(copyBufferBytes-100, 3)).delete("a")
	out, report, err := recoverBytes(t, m.data)
	if err != nil || !bytes.Equal(out, m.data) || report.Tombstones != 1 {
		t.Errorf("copy differs from the healthy source, report %+v, error %v", report, err)
	}
	if out, _, err := recoverBytes(t, nil); err != nil || len(out) != 0 {
		t.Errorf("empty drive: %d bytes, %v", len(out), err)
	}
}

func TestRecoverRefuses(t *testing.T) {
	src := writeTemp(t, sample().data)
	dir := filepath.Dir(src)
	ctx := context.Background()
	if _, err := Recover(ctx, src, src, RecoverOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto itself: %v", err)
	}
	if _, err := Recover(ctx, src, dir, RecoverOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a directory: %v", err)
	}
	if _, err := Recover(ctx, src, filepath.Join(dir, "none", "dst"), RecoverOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a missing directory: %v", err)
	}
	if _, err := Recover(ctx, filepath.Join(dir, "none"), src+".copy", RecoverOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing source: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Recover(canceled, src, src+".copy", RecoverOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("directory holds %v, %v", names, err)
	}
}

// TestRecoverKeepsMode demands that the copy is as private as the source.
func TestRecoverKeepsMode(t *testing.T) {
	src := writeTemp(t, sample().data)
	if err := os.Chmod(src, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), src, src+".copy", RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(src + ".copy"); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("copy: %v, %v", info, err)
	}
}

// memoryFile is a file to write to, in memory.
type memoryFile struct {
	vfs.File
	data []byte
}

func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	if off != int64(len(f.data)) {
		return 0, fmt.Errorf("write at %d of %d", off, len(f.data))
	}
	f.data = append(f.data, p...)
	return len(p), nil
}

// salvageBytes is Recover without files.
func salvageBytes(t *testing.T, data []byte) ([]byte, RecoverReport) {
	t.Helper()
	r := newSalvage(t.Context(), data, RecoverOptions{})
	if err := r.find(); err != nil {
		t.Fatal(err)
	}
	var f memoryFile
	if err := r.copyTo(newCopyWriter(&f)); err != nil {
		t.Fatal(err)
	}
	return f.data, r.report
}

// FuzzRecover demands of any file: its pieces cover it without overlap, what Check
// counts as intact is what Recover copies, the copy is healthy, and a copy of the
// copy is the same.
func FuzzRecover(f *testing.F) {
	seedDrives(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzInput {
			return
		}
		covered := int64(len(data))
		s := survey{ctx: t.Context(), data: data}
		if err := s.run(func(p piece) error {
			if p.to() != covered || p.from() >= p.to() {
				t.Fatalf("piece %+v before %d", p, covered)
			}
			covered = p.from()
			return nil
		}); err != nil || covered != 0 {
			t.Fatalf("survey ended at %d: %v", covered, err)
		}
		c := newChecker(data, CheckOptions{})
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		out, report := salvageBytes(t, data)
		if report.Entries != c.report.Entries || report.Tombstones != c.report.Tombstones {
			t.Fatalf("recovered %+v, checked %+v", report, c.report)
		}
		if c.report.Healthy() && len(data) != len(out) {
			t.Fatalf("copy of a healthy drive of %d bytes has %d", len(data), len(out))
		}
		storedEntries(t, out)
		if again, _ := salvageBytes(t, out); !bytes.Equal(again, out) {
			t.Fatal("copy of the copy differs")
		}
	})
}
