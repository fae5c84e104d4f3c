//go:build unix

package drive

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core/internal/crashfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// TestMarkBytes holds the layout that the format document gives.
func TestMarkBytes(t *testing.T) {
	m := mark{failed: true, file: 0x99, points: []markPoint{{0x1234, 0x1122334455667788}, {21, 7}, {0, 0}}}
	want := hex.EncodeToString([]byte("DRVSYNC1")) + "01000000" + "03000000" + "9900000000000000" +
		"3412000000000000" + "8877665544332211" + "1500000000000000" + "0700000000000000" + strings.Repeat("00", 32)
	got := appendMark(nil, m)
	body, sum := got[:len(got)-4], binary.LittleEndian.Uint32(got[len(got)-4:])
	if hex.EncodeToString(body) != want || sum != Checksum(body) || len(got) != markSize {
		t.Errorf("%d bytes: %x", len(got), got)
	}
	back, ok := parseMark(got)
	if d := cmp.Diff(m, back, cmp.AllowUnexported(mark{}, markPoint{})); !ok || d != "" {
		t.Errorf("%v %s", ok, d)
	}
}

// TestMarkIsRefused damages a mark: whatever is no mark says nothing.
func TestMarkIsRefused(t *testing.T) {
	good := appendMark(nil, mark{points: []markPoint{{100, 1}, {21, 2}}})
	summed := func(change func(b []byte)) []byte {
		b := slices.Clone(good)
		change(b)
		binary.LittleEndian.PutUint32(b[markSize-4:], Checksum(b[:markSize-4]))
		return b
	}
	bad := map[string][]byte{
		"nothing": nil, "longer": append(slices.Clone(good), 0),
		"magic": summed(func(b []byte) { b[7] = '2' }), "unknown flag": summed(func(b []byte) { b[8] |= 2 }),
		"five points":      summed(func(b []byte) { b[12] = markPoints + 1 }),
		"many points":      summed(func(b []byte) { binary.LittleEndian.PutUint32(b[12:], math.MaxUint32) }),
		"negative tail":    summed(func(b []byte) { binary.LittleEndian.PutUint64(b[markHead:], math.MaxUint64) }),
		"tail beyond 2^48": summed(func(b []byte) { binary.LittleEndian.PutUint64(b[markHead:], 1<<48+1) }),
	}
	for name, b := range bad {
		if m, ok := parseMark(b); ok || len(m.points) > 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 1
		if _, ok := parseMark(b); ok {
			t.Errorf("byte %d changed: accepted", i)
		}
		if _, ok := parseMark(good[:i]); ok {
			t.Errorf("%d bytes: accepted", i)
		}
	}
	if _, ok := parseMark(summed(func([]byte) {})); !ok {
		t.Error("the good one is refused")
	}
}

// TestMarkRemembers adds points: the newest four that are still tails.
func TestMarkRemembers(t *testing.T) {
	var m mark
	for _, tt := range []struct {
		add  int64
		want []int64
	}{
		{0, []int64{0}},
		{100, []int64{100}}, // 0 names no drive
		{100, []int64{100}},
		{200, []int64{200, 100}},
		{300, []int64{300, 200, 100}},
		{400, []int64{400, 300, 200, 100}},
		{500, []int64{500, 400, 300, 200}},
		{350, []int64{350, 300, 200}}, // the drive was cut in between
		{50, []int64{50}},
		{0, []int64{0}},
	} {
		m.failed = true
		m.add(markPoint{tt.add, uint64(tt.add)})
		var got []int64
		for _, p := range m.points {
			got = append(got, p.tail)
		}
		if !slices.Equal(got, tt.want) || m.failed {
			t.Errorf("after %d: %v, want %v; failed %v", tt.add, got, tt.want, m.failed)
		}
	}
}

// pointAt returns the point of a tail of data.
func pointAt(data []byte, tail int64) markPoint {
	return markPoint{tail, fingerprint(data[max(0, tail-metadataSize):tail])}
}

// TestMarkKnowsItsDrive compares marks with drives. The newest point is enough; an
// older one, or none but tail 0, needs the number of the file, too.
func TestMarkKnowsItsDrive(t *testing.T) {
	m := sample()
	last, before := m.tails[4], m.tails[2]
	damaged := m.bytes()
	damaged[last-1] ^= 1
	points := []markPoint{pointAt(m.data, last), pointAt(m.data, before)}
	const ours, others = 7, 8
	older := knowledge{known: true, synced: last, base: before}
	for _, tt := range []struct {
		name string
		mark mark
		data []byte
		file uint64
		want knowledge
	}{
		{"its own", mark{points: points}, m.data, ours, knowledge{known: true, exact: true, synced: last, base: last}},
		{"copied", mark{points: points}, m.data, others, knowledge{known: true, exact: true, synced: last, base: last}},
		{"flags", mark{points: points, failed: true}, m.data, ours, knowledge{known: true, exact: true, synced: last, base: last, failed: true}},
		{"grown since", mark{points: points[1:]}, m.data, ours, knowledge{known: true, exact: true, synced: before, base: before}},
		{"newest metadata damaged", mark{points: points}, damaged, ours, older},
		{"newest metadata damaged, copied", mark{points: points}, damaged, others, knowledge{}},
		{"newest metadata damaged, files without numbers", mark{points: points}, damaged, 0, knowledge{}},
		{"cut", mark{points: points}, m.data[:last-1], ours, older},
		{"all metadata damaged", mark{points: points[:1]}, damaged, ours, knowledge{}},
		{"no points", mark{}, m.data, ours, knowledge{}},
		{"another drive", mark{points: points}, fillDrive(200), ours, knowledge{}},
		{"tail inside the first metadata", mark{points: []markPoint{pointAt(m.data, 20)}}, m.data, ours, knowledge{}},
		{"a new drive", mark{points: []markPoint{{}}}, m.data, ours, knowledge{known: true, exact: true}},
		{"a new drive, another file", mark{points: []markPoint{{}}}, m.data, others, knowledge{}},
	} {
		if tt.mark.file = ours; tt.file == 0 {
			tt.mark.file = 0
		}
		if got := tt.mark.of(tt.data, tt.file); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// fillDrive returns a drive of at least so many bytes, like no other here.
func fillDrive(size int) []byte {
	m := new(image)
	for i := 0; len(m.data) < size; i++ {
		m.value(string(rune('A'+i)), golden.SplitMix(50+i, uint64(1000+i)))
	}
	return m.data
}

// TestOldMarkStaysTrue: the mark is not synced with the drive as a rule, so that after
// a power loss any may lie beside it that was written since one was synced. With each
// of them the drive is whole.
func TestOldMarkStaysTrue(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncInterval(0), SyncNone} {
		t.Run(mode.String(), func(t *testing.T) {
			fsys := crashfs.New()
			s, err := openIn(fsys, laidPath, Options{Sync: mode, ReserveBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			j := newJournal()
			var marks [][]byte // since one was synced
			fsys.OnCall = func(op crashfs.Op) {
				if op.Kind == crashfs.Sync && op.Path == laidPath+markSuffix {
					marks = nil
				}
			}
			for i := range 300 { // hashes with zeros, sizes that let metadata lie across sectors in every way
				hash, value := uint64(i%5)<<(8*(i%9)), golden.SplitMix(1+i*13%97, uint64(i))
				j.put(hash, value)
				_, err := s.WriteHash(hash, value)
				if err = errors.Join(err, s.Sync()); err != nil {
					t.Fatal(err)
				}
				m, err := readWhole(fsys, laidPath+markSuffix)
				if err != nil {
					t.Fatal(err)
				}
				if marks = append(marks, m); i%60 > 0 {
					continue
				}
				for age, m := range marks {
					l := lay(t, fmt.Sprintf("after call %d, mark %d of %d", i, age, len(marks)), j.data, m)
					l.opensAs(j)
					l.remove()
				}
			}
		})
	}
}

// TestMarkOfAnotherFile lays a file that was never this drive beside a mark: it is
// judged by its bytes alone, and above all not cut away when it is no drive.
func TestMarkOfAnotherFile(t *testing.T) {
	sp := newSpecimen(t, "value")
	whole := fillDrive(300)
	larger := fillDrive(2000)
	for name, mark := range sp.marks {
		for file, data := range map[string][]byte{
			"short text": []byte("text"), "text": []byte("a text, not a drive, that somebody keeps"),
			"zeros": make([]byte, 100), "long text": bytes.Repeat([]byte("text "), 1000), "long zeros": make([]byte, 5000),
		} {
			l := lay(t, file+", "+name, data, mark.bytes)
			if s := l.open(Options{}); s != nil {
				l.errorf("opened")
				l.close(s)
			}
			l.remove()
		}
		for file, data := range map[string][]byte{"smaller drive": whole, "larger drive": larger} {
			l := lay(t, file+", "+name, data, mark.bytes)
			l.opensAs(journalIn(t, data))
			l.remove()
			torn := append(slices.Clone(data), "torn"...)
			l = lay(t, "torn "+file+", "+name, torn, mark.bytes)
			l.opensAs(journalIn(t, data))
			l.remove()
		}
	}
}

// journalIn returns the journal of a healthy drive.
func journalIn(t *testing.T, data []byte) *ledger {
	t.Helper()
	var all []record
	for _, e := range storedEntries(t, data) {
		all = append(all, record{hash: e.Hash, value: e.Payload, tombstone: e.Tombstone})
	}
	return journalOf(all)
}

// TestMarkThatCannotBeKept: where the mark cannot be read or written the drive works
// without.
func TestMarkThatCannotBeKept(t *testing.T) {
	path := tempPath(t)
	if err := os.Mkdir(path+markSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s := mustOpen(t, path, Options{Sync: SyncAlways})
		mustWrite(t, s, "k", []byte{byte(i + 1)})
		if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, path, Options{ReadOnly: true})
	if v, err := s.Get([]byte("k")); err != nil || v[0] != 3 {
		t.Errorf("%v, %v", v, err)
	}
}

// TestMarkComesAndGoes: a drive has a mark from its opening on, also after a
// compaction has replaced it, and an empty one takes it along when it is closed.
func TestMarkComesAndGoes(t *testing.T) {
	path := tempPath(t)
	agrees := func(when string) {
		t.Helper()
		m, ok := parseMark(fileBytes(t, path+markSuffix))
		data := fileBytes(t, path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want := knowledge{known: true, exact: true, synced: int64(len(data)), base: int64(len(data))}
		if got := m.of(data, vfs.OS.FileID(info)); !ok || got != want {
			t.Errorf("%s: the mark says %+v, want %+v", when, got, want)
		}
	}
	s := mustOpen(t, path, Options{Sync: SyncAlways})
	agrees("new")
	mustWrite(t, s, "k", []byte("value"))
	mustWrite(t, s, "k", []byte("newer"))
	agrees("written")
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	agrees("compacted")
	if _, err := s.Delete([]byte("k")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	agrees("emptied")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := fileNames(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("an empty drive leaves %q", left)
	}
}

// FuzzParseMark parses any bytes, and compares what they say with any drive.
func FuzzParseMark(f *testing.F) {
	m := sample()
	for _, seed := range []mark{
		{},
		{points: []markPoint{{}}},
		{failed: true, points: []markPoint{pointAt(m.data, m.tails[4]), pointAt(m.data, m.tails[1])}},
		{points: []markPoint{{maxOffset, 1}, {20, 1}, {21, 1}, {1, 1}}},
	} {
		f.Add(appendMark(nil, seed)[:markSize-4], m.data)
	}
	f.Fuzz(func(t *testing.T, body, data []byte) {
		// The checksum is right, or a fuzzer would never get past it.
		b := binary.LittleEndian.AppendUint32(slices.Clone(body), Checksum(body))
		m, ok := parseMark(b)
		if !ok {
			if d := cmp.Diff(mark{}, m, cmp.AllowUnexported(mark{}, markPoint{})); d != "" {
				t.Fatal(d)
			}
			return
		}
		again, ok := parseMark(appendMark(nil, m))
		if d := cmp.Diff(m, again, cmp.AllowUnexported(mark{}, markPoint{})); !ok || d != "" {
			t.Fatal(d)
		}
		if k := m.of(data, m.file); k.known && (k.base > int64(len(data)) || k.base > 0 && k.base < minEntrySize || k.synced != m.points[0].tail) {
			t.Fatalf("%+v of %d bytes", k, len(data))
		}
	})
}
