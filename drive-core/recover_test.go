package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// image builds the bytes of a drive.
type image struct {
	data  []byte
	tails []int64 // of each entry
}

// value appends a value entry.
func (m *image) value(key string, payload []byte) *image {
	m.data = appendValue(m.data, int64(len(m.data)), KeyHash([]byte(key)), payload, Checksum(payload))
	m.tails = append(m.tails, int64(len(m.data)))
	return m
}

// delete appends a tombstone.
func (m *image) delete(key string) *image {
	m.data = appendTombstone(m.data, int64(len(m.data)), KeyHash([]byte(key)))
	m.tails = append(m.tails, int64(len(m.data)))
	return m
}

// bytes returns a copy of the drive.
func (m *image) bytes() []byte { return bytes.Clone(m.data) }

// setPrev overwrites the previous offset of the entry that ends at tail.
func setPrev(data []byte, tail int64, prev uint64) {
	binary.LittleEndian.PutUint64(data[tail-metadataSize+8:], prev)
}

// sample is a drive of five entries: three values, a tombstone, a value.
func sample() *image {
	return new(image).
		value("a", golden.SplitMix(100, 1)).
		value("b", []byte{7}).
		value("c", make([]byte, 8)).
		delete("b").
		value("d", golden.SplitMix(64, 2))
}

// collect returns the entries that scan tells of.
func collect(scan func(visit func(located))) []located {
	var all []located
	scan(func(e located) { all = append(all, e) })
	return all
}

// verifyNewest is the verification of so many bytes of the newest entries, or of all.
func verifyNewest(data []byte, bytes int64) verification {
	if bytes == 0 {
		bytes = 1
	}
	return verification{newest: bytes, above: int64(len(data)), first: true}
}

// visitForward calls visit with each entry of a healthy chain in file order.
func visitForward(data []byte, visit func(located)) {
	var tails []int64
	for tail := int64(len(data)); tail > 0; {
		e, ok := parseEntry(data, tail)
		if !ok {
			return
		}
		tails = append(tails, tail)
		tail = e.prevOffset
	}
	for _, tail := range slices.Backward(tails) {
		e, _ := parseEntry(data, tail)
		visit(e)
	}
}

// naiveForward is scanForward without any cleverness, in cubic time.
func naiveForward(data []byte) int64 {
	chain := []int64{0}
	// nearest finds the nearest entry that follows the end of the chain, or is around a part of it.
	nearest := func(around bool) (e located, begins int, ok bool) {
		good := chain[len(chain)-1]
		for tail := good + 1; tail <= int64(len(data)); tail++ {
			e, ok := parseEntry(data, tail)
			begins := slices.Index(chain, e.prevOffset)
			if !ok || begins < 0 || Checksum(data[e.start:e.end]) != e.checksum {
				continue
			}
			if !around && e.prevOffset == good {
				return e, begins, true
			}
			if around && e.prevOffset != good && !e.tombstone {
				if inner, _ := parseEntry(data, chain[begins+1]); inner.start >= e.start {
					return e, begins, true
				}
			}
		}
		return located{}, 0, false
	}
	for {
		e, begins, ok := nearest(false)
		if !ok {
			e, begins, ok = nearest(true)
		}
		if !ok {
			return chain[len(chain)-1]
		}
		chain = append(chain[:begins+1], e.tail())
	}
}

func TestScanBackwardHealthy(t *testing.T) {
	m := sample()
	for _, verify := range []int64{-1, 0, 1, 1 << 30} {
		all := collect(func(visit func(located)) {
			if err := scanBackward(m.data, verifyNewest(m.data, verify), visit); err != nil {
				t.Fatalf("verify %d: %v", verify, err)
			}
		})
		if len(all) != 5 || all[0].tail() != int64(len(m.data)) || all[4].prevOffset != 0 || !all[1].tombstone {
			t.Errorf("verify %d: entries %+v", verify, all)
		}
	}
	if err := scanBackward(nil, verifyNewest(nil, -1), func(located) { t.Error("entry in an empty file") }); err != nil {
		t.Errorf("empty file: %v", err)
	}
}

// TestScanBackwardVerifies builds a drive longer than the minimum that is always
// verified and flips a bit in each payload: it must show exactly as far as asked.
func TestScanBackwardVerifies(t *testing.T) {
	const entries, size = verifyMinEntries + 12, 50
	m := new(image)
	for i := range entries {
		m.value(string(rune('a'+i)), golden.SplitMix(size, uint64(i)))
	}
	for i := range entries {
		e, _ := parseEntry(m.data, m.tails[i])
		bad := m.bytes()
		bad[e.start+size/2] ^= 4
		age := entries - 1 - i // 0 is the newest
		for _, verify := range []int64{-1, 0, 10*size - 1, 10*size + 1} {
			want := verify < 0 || age < verifyMinEntries || int64(age)*size < verify || i == 0
			err := scanBackward(bad, verifyNewest(bad, verify), func(located) {})
			var corrupt *CorruptError
			if errors.As(err, &corrupt) != want {
				t.Errorf("entry %d, verify %d: error %v, want one: %v", i, verify, err, want)
			} else if want && corrupt.Offset != e.start {
				t.Errorf("entry %d, verify %d: damage at %d, want %d", i, verify, corrupt.Offset, e.start)
			}
		}
	}
}

// TestScanPreviousOffsets sets the previous offset of every entry to whatever may
// hurt. The chain must be refused, the forward search must keep what is before.
func TestScanPreviousOffsets(t *testing.T) {
	m := sample()
	end := uint64(len(m.data))
	for i, tail := range m.tails {
		good, _ := parseEntry(m.data, tail)
		self := uint64(tail)
		values := map[string]uint64{
			"own tail": self, "own metadata": self - metadataSize, "last payload byte": self - metadataSize - 1,
			"forward": self + 21, "end of file": end, "past the end": end + 1, "one less": uint64(good.prevOffset) - 1,
			"one more": uint64(good.prevOffset) + 1, "maximum": math.MaxUint64, "minus 20": math.MaxUint64 - 19,
			"sign bit": 1 << 63, "largest int64": math.MaxInt64, "beyond 48 bits": 1 << 48, "top bit": uint64(good.prevOffset) | 1<<63,
		}
		if i > 0 {
			values["zero"] = 0
		}
		if i > 1 && i < 4 {
			values["earlier tail"] = uint64(m.tails[i-2])
		}
		for name, prev := range values {
			if prev == uint64(good.prevOffset) {
				continue
			}
			bad := m.bytes()
			setPrev(bad, tail, prev)
			if err := scanBackward(bad, verifyNewest(bad, -1), func(located) {}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("entry %d, %s: chain accepted: %v", i, name, err)
			}
			if got := scanForward(bad, 0); got != good.prevOffset {
				t.Errorf("entry %d, %s: good prefix %d, want %d", i, name, got, good.prevOffset)
			}
		}
	}
}

// TestScanBackwardSkipsTombstoneInPadding states a limit of the format: an offset
// that is damaged into the tail before a tombstone leaves the payload where it was,
// so its checksum matches. Only the padding, which holds the tombstone, tells.
func TestScanBackwardSkipsTombstoneInPadding(t *testing.T) {
	m := sample()
	setPrev(m.data, m.tails[4], uint64(m.tails[2]))
	if err := scanBackward(m.data, verifyNewest(m.data, -1), func(located) {}); err != nil {
		t.Error(err)
	}
	if got := scanForward(m.data, 0); got != m.tails[3] {
		t.Errorf("good prefix %d, want %d", got, m.tails[3])
	}
}

// TestScanEveryPrefix cuts a drive at every byte.
func TestScanEveryPrefix(t *testing.T) {
	m := sample()
	for n := range len(m.data) + 1 {
		var want int64
		for _, tail := range m.tails {
			if tail <= int64(n) {
				want = tail
			}
		}
		cut := m.data[:n]
		if got := scanForward(cut, 0); got != want {
			t.Errorf("cut at %d: good prefix %d, want %d", n, got, want)
		}
		if err := scanBackward(cut, verifyNewest(cut, 0), func(located) {}); (err == nil) != (want == int64(n)) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestScanTails(t *testing.T) {
	m := sample()
	last := m.data[m.tails[3]:]
	for name, tail := range map[string][]byte{
		"one zero":                {0},
		"eleven zeros":            make([]byte, 11),
		"twelve zeros":            make([]byte, 12),
		"metadata of zeros":       make([]byte, metadataSize),
		"tombstone, zeros":        make([]byte, tombstoneSize),
		"page of zeros":           make([]byte, 4096),
		"ones":                    bytes.Repeat([]byte{0xFF}, 100),
		"random":                  golden.SplitMix(1000, 5),
		"last entry again":        last,
		"drive":                   new(image).value("x", []byte("value")).delete("x").data,
		"tombstone of elsewhere":  appendTombstone(nil, 17, 1),
		"tombstone of length two": appendMetadata([]byte{0, 0}, metadata{1, int64(len(m.data)), tombstoneChecksum}),
	} {
		data := append(m.bytes(), tail...)
		if err := scanBackward(data, verifyNewest(data, 0), func(located) {}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got := scanForward(data, 0); got != int64(len(m.data)) {
			t.Errorf("%s: good prefix %d, want %d", name, got, len(m.data))
		}
	}
}

// TestScanForwardNestedFirst covers a drive stored as the first value of a drive:
// its entries carry the very offsets that entries of the outer drive would.
func TestScanForwardNestedFirst(t *testing.T) {
	inner := sample()
	middle := new(image).value("inner", inner.data).value("more", []byte("more"))
	for name, m := range map[string]*image{
		"once":          new(image).value("inner", inner.data).value("after", []byte("after")),
		"twice":         new(image).value("middle", middle.data).value("after", []byte("after")),
		"with trailer":  new(image).value("inner", append(inner.bytes(), "trailer of some length"...)).value("after", []byte("after")),
		"nothing after": new(image).value("inner", inner.data),
	} {
		torn := append(m.bytes(), "torn tail"...)
		if got := scanForward(torn, 0); got != int64(len(m.data)) {
			t.Errorf("%s: good prefix %d, want %d", name, got, len(m.data))
		}
	}
}

// TestScanForwardOrder compares what the two directions tell of a healthy drive.
func TestScanForwardOrder(t *testing.T) {
	m := sample()
	back := collect(func(visit func(located)) {
		if err := scanBackward(m.data, verifyNewest(m.data, -1), visit); err != nil {
			t.Fatal(err)
		}
	})
	forward := collect(func(visit func(located)) { visitForward(m.data[:scanForward(m.data, 0)], visit) })
	for i := range len(back) / 2 {
		back[i], back[len(back)-1-i] = back[len(back)-1-i], back[i]
	}
	if diff := cmp.Diff(back, forward, cmp.AllowUnexported(located{})); diff != "" {
		t.Error(diff)
	}
}

func TestScanDamagedFiles(t *testing.T) {
	dir := filepath.Join("testdata", "golden", "damaged")
	cases, err := golden.LoadDamaged(dir)
	if err != nil {
		t.Fatal(err)
	}
	// In these two, a payload holds a well-formed entry. The end of its own entry, which
	// stands behind it, decides; where that is cut off, nothing in the file can.
	crafted := map[string]int64{"crafted_cut": 120}
	for _, c := range cases {
		data, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		want := c.PrefixLen
		if n, ok := crafted[c.Case]; ok {
			want = n
		}
		if got := scanForward(data, 0); got != want {
			t.Errorf("%s: good prefix %d, want %d", c.Case, got, want)
		}
		whole := c.PrefixLen == c.Size
		if err := scanBackward(data, verifyNewest(data, 0), func(located) {}); (err == nil) != whole {
			t.Errorf("%s: backward walk: %v, want success: %v", c.Case, err, whole)
		}
	}
}

// TestOtherAlignment writes drives as older releases did.
func TestOtherAlignment(t *testing.T) {
	for _, align := range []int64{1, 16} {
		var data []byte
		for i := range 20 {
			tail := int64(len(data))
			payload := golden.SplitMix(30+i, uint64(i))
			data = append(data, make([]byte, -tail&(align-1))...)
			data = append(data, payload...)
			data = appendMetadata(data, metadata{uint64(i), tail, Checksum(payload)})
		}
		if err := scanBackward(data, verifyNewest(data, 0), func(located) {}); err == nil {
			t.Errorf("alignment %d: accepted", align)
		}
		if got := otherAlignment(data); got != align {
			t.Errorf("alignment %d: recognised as %d", align, got)
		}
	}
	for name, data := range map[string][]byte{
		"ours": sample().data, "empty": nil, "zeros": make([]byte, 4096), "random": golden.SplitMix(4096, 1),
		"one entry": new(image).value("a", []byte("b")).data, "torn": sample().data[:150],
	} {
		if got := otherAlignment(data); got != 0 {
			t.Errorf("%s: recognised as alignment %d", name, got)
		}
	}
}

// seedDrives adds files that make a fuzzer start inside the format.
func seedDrives(f *testing.F) {
	f.Helper()
	m := sample()
	f.Add(m.data)
	f.Add(m.data[:len(m.data)-7])
	f.Add(append(m.bytes(), make([]byte, 40)...))
	f.Add(new(image).value("inner", m.data).value("x", []byte("y")).data)
	f.Add(make([]byte, 100))
	f.Add([]byte("not a drive"))
	for _, tail := range m.tails {
		for _, prev := range []uint64{0, uint64(m.tails[0]), uint64(tail), math.MaxUint64} {
			bad := m.bytes()
			setPrev(bad, tail, prev)
			f.Add(bad)
		}
	}
}

// maxFuzzInput keeps the quadratic reference fast.
const maxFuzzInput = 4096

func FuzzScanForward(f *testing.F) {
	seedDrives(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzInput {
			return
		}
		var tail int64
		got := scanForward(data, 0)
		visitForward(data[:got], func(e located) {
			if e.prevOffset != tail || Checksum(data[e.start:e.end]) != e.checksum {
				t.Fatalf("entry %+v after %d", e, tail)
			}
			tail = e.tail()
		})
		if want := naiveForward(data); got != want || tail != got {
			t.Fatalf("good prefix %d, visited to %d, want %d", got, tail, want)
		}
		if got > 0 {
			if err := scanBackward(data[:got], verifyNewest(data[:got], -1), func(located) {}); err != nil {
				t.Fatalf("good prefix %d does not walk back: %v", got, err)
			}
		}
	})
}

func FuzzScanBackward(f *testing.F) {
	seedDrives(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxFuzzInput {
			return
		}
		tail := int64(len(data))
		err := scanBackward(data, verifyNewest(data, -1), func(e located) {
			if e.tail() != tail || e.prevOffset < 0 || e.prevOffset >= tail || e.size() < 1 || e.start < e.prevOffset ||
				Checksum(data[e.start:e.end]) != e.checksum {
				t.Fatalf("entry %+v ends at %d", e, tail)
			}
			tail = e.prevOffset
		})
		if err == nil && tail != 0 {
			t.Fatalf("accepted a chain that ends at %d", tail)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if err == nil && scanBackward(data, verifyNewest(data, 0), func(located) {}) != nil {
			t.Fatal("refused when less is verified")
		}
		otherAlignment(data)
	})
}
