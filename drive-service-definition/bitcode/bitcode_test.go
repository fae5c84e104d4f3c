package bitcode

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// put returns what f appends, and checks that it does so behind other bytes, into
// memory that was used before.
func put(t testing.TB, f func(w *rpc.Builder)) []byte {
	t.Helper()
	used := append([]byte("before"), bytes.Repeat([]byte{0xff}, 64)...)
	plain, behind := rpc.BuildBytes(nil), rpc.BuildBytes(used[:len("before")])
	f(&plain)
	f(&behind)
	if got := behind.Appended(); string(got) != "before"+string(plain.Appended()) {
		t.Fatalf("behind other bytes, %x", got)
	}
	return plain.Appended()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// different returns n bytes that are 0, 1, 2 and so on.
func different(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

// TestStrs has examples of the canonical form, computed by hand from the
// description of the format.
func TestStrs(t *testing.T) {
	hexOf := func(s string) string { return hex.EncodeToString([]byte(s)) }
	long := strings.Repeat("\x09", 300)
	for _, tc := range []struct {
		name string
		strs []string
		want string
	}{
		{"none", nil, ""},
		{"empty", []string{""}, "00"},
		{"one byte has no header", []string{"k"}, "01 6b"},
		{"two bytes have none", []string{"\x01\x02"}, "02 01 02"},
		{"radix 2", []string{"\x00\x01\x00"}, "03 0a 02"},
		{"radix 2, second byte", []string{"\x01\x00\x00\x00\x00\x00\x00\x01\x01"}, "09 0a 81 01"},
		{"radix 3", []string{"\x00\x01\x02"}, "03 08 15"},
		{"radix 4", []string{"\x03\x00\x01"}, "03 06 13"},
		{"radix 6", []string{"\x05\x00\x04"}, "03 04 95"},
		{"radix 6, smallest", []string{"\x04\x00\x00"}, "03 04 04"},
		{"radix 16", []string{"\x0f\x00\x07"}, "03 02 0f 07"},
		{"radix 16, smallest", []string{"\x06\x00\x00"}, "03 02 06 00"},
		{"raw", []string{"\x10\x00\x07"}, "03 00 10 00 07"},
		{"five bytes have no base", []string{"\xc8\xc9\xc8\xc9\xc8"}, "05 00 c8 c9 c8 c9 c8"},
		{"six bytes have one", []string{"\xc8\xc9\xc8\xc9\xc8\xc9"}, "06 09 c8 2a"},
		{"all the same", []string{strings.Repeat("\x07", 11)}, "0b 09 07 00 00"},
		{"base 0 is not denser", []string{strings.Repeat("\x00", 11)}, "0b 0a 00 00"},
		{"base of radix 3", []string{"\x20\x21\x22\x20\x21\x22"}, "06 07 20 66 02"},
		{"base of radix 4", []string{"\x20\x23\x20\x20\x20\x20"}, "06 05 20 0c 00"},
		{"base of radix 6", []string{"\x20\x25\x20\x20\x20\x20"}, "06 03 20 1e 00"},
		{"base of radix 16", []string{"0123456789:;<=>?"}, "10 01 30 10 32 54 76 98 ba dc fe"},
		{"range of 16", []string{"0123456789:;<=>@"}, "10 00 " + hexOf("0123456789:;<=>@")},
		{"range of 255", []string{"\x00\xff\x00\xff\x00\xff"}, "06 00 00ff00ff00ff"},
		{"length of 254", []string{different(254)}, "fe 00 " + hexOf(different(254))},
		{"length of 255", []string{different(255)}, "ff 06ff 00 " + hexOf(different(255))},
		{"length of 256", []string{different(256)}, "ff 040001 00 " + hexOf(different(256))},
		{"three", []string{"", "\x01", "\x02\x02"}, "0815 0819"},
		{"values, and empty ones", []string{"", "cc"}, "0002 6363"},
		{"packed across strings", []string{"\x01", "\x00\x01\x01", "\x01"}, "061d 0a1d"},
		{
			"seven long ones",
			[]string{long, long, long, long, long, long, long},
			"09ff00 052c01000000000000" + "0a00" + "0909" + strings.Repeat("00", 263),
		},
		{
			"lengths of two widths",
			[]string{different(255), different(254), different(256) + different(444-256) + different(256)},
			"00fffeff 04ff00bc02 00" + hexOf(different(255)+different(254)+different(256)+different(444-256)+different(256)),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := func(i int) []byte { return []byte(tc.strs[i]) }
			canonical := put(t, func(w *rpc.Builder) { PutStrs(w, Canonical, len(tc.strs), at) })
			if want := unhex(t, tc.want); !bytes.Equal(canonical, want) {
				t.Errorf("got %x, want %x", canonical, want)
			}
			for _, b := range [][]byte{canonical, put(t, func(w *rpc.Builder) { PutStrs(w, Raw, len(tc.strs), at) })} {
				if got, err := parseStrs(b, len(tc.strs)); err != nil || !slices.Equal(got, tc.strs) {
					t.Errorf("%x gives %q: %v", b, got, err)
				}
				refuseParts(t, b, func(b []byte) error { _, err := parseStrs(b, len(tc.strs)); return err })
			}
		})
	}
}

func parseStrs(b []byte, n int) ([]string, error) {
	c := rpc.NewCursor(b)
	column := TakeStrs(&c, n)
	if err := c.End(); err != nil {
		return nil, err
	}
	var out []string
	for range n {
		s := column.Next()
		if len(s) != cap(s) {
			return nil, errors.New("a string is not clipped")
		}
		out = append(out, string(s))
	}
	if s := column.Next(); s != nil {
		return nil, errors.New("more strings than there are")
	}
	return out, nil
}

// refuseParts checks that parse takes b only as it is.
func refuseParts(t *testing.T, b []byte, parse func([]byte) error) {
	t.Helper()
	for n := range b {
		if err := parse(b[:n:n]); !errors.Is(err, rpc.ErrMalformed) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(b), err)
		}
	}
	if err := parse(append(bytes.Clone(b), 0)); !errors.Is(err, rpc.ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestUint(t *testing.T) {
	for _, tc := range []struct {
		v    uint64
		want string
	}{
		{0, "0600"},
		{53, "0635"},
		{255, "06ff"},
		{256, "040001"},
		{784, "041003"},
		{65535, "04ffff"},
		{65536, "0200000100"},
		{308244, "0214b40400"},
		{1<<32 - 1, "02ffffffff"},
		{1 << 32, "000000000001000000"},
		{math.MaxUint64, "00ffffffffffffffff"},
	} {
		canonical := put(t, func(w *rpc.Builder) { PutUint(w, Canonical, tc.v) })
		if want := unhex(t, tc.want); !bytes.Equal(canonical, want) {
			t.Errorf("%d is %x, want %x", tc.v, canonical, want)
		}
		raw := put(t, func(w *rpc.Builder) { PutUint(w, Raw, tc.v) })
		if len(raw) != 9 {
			t.Errorf("%d is %x in raw form", tc.v, raw)
		}
		for _, b := range [][]byte{canonical, raw} {
			if got, err := parseInts(b, 1); err != nil || got[0] != tc.v {
				t.Errorf("%x gives %d: %v", b, got, err)
			}
			refuseParts(t, b, func(b []byte) error { _, err := parseInts(b, 1); return err })
		}
	}
}

func parseInts(b []byte, n int) ([]uint64, error) {
	c := rpc.NewCursor(b)
	column := takeInts(&c, n)
	if err := c.End(); err != nil {
		return nil, err
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = column.next()
	}
	return out, nil
}

// TestForms has columns that no writer makes but every reader takes.
func TestForms(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        []uint64
	}{
		{"one byte with a base", "05 0a00000000000000 05", []uint64{15}},
		{"two bytes with a base", "03 0100000000000000 ffff", []uint64{1 << 16}},
		{"four bytes with a base", "01 0100000000000000 ffffffff", []uint64{1 << 32}},
		{"a base that overflows", "05 ffffffffffffffff 02", []uint64{1}},
		{"a base of bytes that overflows", "06 01 ff 20 00", []uint64{255, 1, 255}},
		{"few bytes with a base", "06 09 c8 05", []uint64{201, 200, 201}},
		{"digits beyond the last", "06 0a ff", []uint64{1, 1, 1}},
		{"radix 3 beyond its largest", "06 08 ff", []uint64{0, 1, 1}},
		{"radix 6 beyond its largest", "06 04 ff", []uint64{3, 0, 1}},
	} {
		if got, err := parseInts(unhex(t, tc.bytes), len(tc.want)); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %d, want %d: %v", tc.name, got, tc.want, err)
		}
	}
	if got, err := parseStrs(unhex(t, "ff 0603 00 616263"), 1); err != nil || got[0] != "abc" {
		t.Errorf("a short length in the column of long ones: got %q: %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	strs := func(n int) func(*rpc.Cursor) { return func(c *rpc.Cursor) { TakeStrs(c, n) } }
	number := func(c *rpc.Cursor) { TakeUint(c) }
	errOver := errors.New("too many")
	for _, tc := range []struct {
		name, bytes string
		take        func(*rpc.Cursor)
		want        error
	}{
		{"a packing that does not exist", "03 0b 00 00", strs(1), errForm},
		{"the largest header", "03 ff 00 00", strs(1), errForm},
		{"a width that does not exist", "07 00", number, errForm},
		{"the largest width", "ff 00", number, errForm},
		{"a length beyond the message", "05 00 6162", strs(1), rpc.ErrMalformed},
		{"a packed length beyond the message", "11 0a 0000", strs(1), rpc.ErrMalformed},
		{"a long length beyond the message", "ff 02ffffffff 00 6162", strs(1), rpc.ErrMalformed},
		{"the largest sum", "ff 00 ffffffffffff0700 00", strs(1), rpc.ErrMalformed},
		{"a sum that is too large", "ff 00 0000000000000800 00", strs(1), errTotal},
		{"two lengths with a sum that is too large", "ffff 00 ffffffffffff0700 0100000000000000 00", strs(2), errTotal},
		{"a sum that overflows", "ffff 00 ffffffffffffffff ffffffffffffffff 00", strs(2), errTotal},
		{"a sum that overflows to 0", "01ff 00 ffffffffffffffff 00", strs(2), errTotal},
		{"the largest length", "ff 00 ffffffffffffffff 00", strs(1), errTotal},
		{"more strings than bits", "0a 00", strs(9), rpc.ErrMalformed},
		{"more strings than bytes", "00 00", strs(math.MaxInt), rpc.ErrMalformed},
		{"more flags than bits", "00", func(c *rpc.Cursor) { TakeBits(c, 9) }, errTruncated},
		{"more numbers than bytes", "00 00", func(c *rpc.Cursor) { takeInts(c, math.MaxInt) }, errTruncated},
		{"no flag", "", func(c *rpc.Cursor) { TakeBool(c) }, rpc.ErrMalformed},
		{"no variant", "", func(c *rpc.Cursor) { TakeVariant(c, 3) }, rpc.ErrMalformed},
		{"text beyond the message", "03 6162", func(c *rpc.Cursor) { TakeText(c) }, errTruncated},
		{"a count over the limit", "05", func(c *rpc.Cursor) { TakeCount(c, 4, errOver) }, errOver},
		{"the largest count", "ff 00 ffffffffffff0700", func(c *rpc.Cursor) { TakeCount(c, 4, errOver) }, errOver},
		{"a count at the limit", "04", func(c *rpc.Cursor) { TakeCount(c, 4, errOver) }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := rpc.NewCursor(unhex(t, tc.bytes))
			n := testing.AllocsPerRun(10, func() { again := c; tc.take(&again) })
			tc.take(&c)
			if err := c.End(); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if n > 1 { // the cursor
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAfterAnErrorThereIsNothing(t *testing.T) {
	c := rpc.NewCursor(nil)
	column := TakeStrs(&c, 3)
	if s := column.Next(); s != nil {
		t.Errorf("a string %q", s)
	}
	if n := TakeBits(&c, 9).Ones(); n != 0 {
		t.Errorf("%d flags", n)
	}
	if TakeUint(&c) != 0 || TakeBool(&c) || TakeStr(&c) != nil || TakeText(&c) != nil || TakeCount(&c, 9, errForm) != 0 {
		t.Error("a value")
	}
	if !errors.Is(c.End(), rpc.ErrMalformed) {
		t.Errorf("the error is %v", c.End())
	}
}

func TestBits(t *testing.T) {
	flags := []bool{true, false, true, true, false, false, false, false, false, true}
	b := put(t, func(w *rpc.Builder) { PutBits(w, len(flags), func(i int) bool { return flags[i] }) })
	if want := []byte{0x0d, 0x02}; !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
	b[1] |= 0xfc // unused bits
	c := rpc.NewCursor(b)
	got := TakeBits(&c, len(flags))
	for i, want := range flags {
		if got.At(i) != want {
			t.Errorf("flag %d is %v", i, !want)
		}
	}
	if err := c.End(); err != nil || got.Ones() != 4 {
		t.Errorf("%d flags are set: %v", got.Ones(), err)
	}
}

func TestUnusedBitsAreIgnored(t *testing.T) {
	c := rpc.NewCursor([]byte{0xfe, 0xff, 5})
	if TakeBool(&c) || !TakeBool(&c) || TakeVariant(&c, 3) != 2 || c.End() != nil {
		t.Errorf("a flag or a variant is read in a wrong way: %v", c.End())
	}
}

func TestExtremesFindsEveryPosition(t *testing.T) {
	const n = 70
	for i := range n {
		j := (i + 1) % n
		b := bytes.Repeat([]byte{100}, n)
		b[i], b[j] = 95, 110
		for cut := range n {
			at := func(part int) []byte { return [][]byte{b[:cut], b[cut:]}[part] }
			if lo, hi := extremes(2, at); lo != 95 || hi != 110 {
				t.Fatalf("positions %d and %d, cut at %d: %d to %d", i, j, cut, lo, hi)
			}
		}
	}
}

func TestText(t *testing.T) {
	b := put(t, func(w *rpc.Builder) { PutText(w, Canonical, "0000") })
	if want := "\x040000"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	c := rpc.NewCursor(b)
	if got := TakeText(&c); string(got) != "0000" || c.End() != nil {
		t.Errorf("got %q: %v", got, c.End())
	}
}

// TestUnpackAllBytes holds the division by multiplication and the table against
// plain arithmetic.
func TestUnpackAllBytes(t *testing.T) {
	for index := 1; index < len(packings); index++ {
		p := &packings[index]
		packed := make([]byte, minTable)
		var want []byte
		for i := range packed {
			packed[i] = byte(i)
			for j, x := 0, i%256; j < p.perByte; j++ {
				want = append(want, byte(x%p.radix+9))
				x /= p.radix
			}
		}
		for _, missing := range []int{0, 1, p.perByte - 1} {
			got := make([]byte, len(want)-missing)
			p.unpack(got, packed, 9)
			if !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("radix %d, %d missing: unpacked in a wrong way", p.radix, missing)
			}
			p.unpack(got[:256*p.perByte-missing], packed[:256], 9)
			if !bytes.Equal(got, want[:len(got)]) {
				t.Errorf("radix %d, %d missing: unpacked in a wrong way without a table", p.radix, missing)
			}
		}
	}
}

func TestRawColumnsAlias(t *testing.T) {
	b := []byte("\x05\x00value")
	c := rpc.NewCursor(b)
	s := TakeStr(&c)
	if string(s) != "value" || &s[0] != &b[2] || cap(s) != 5 {
		t.Errorf("%q is not a clipped part of the message", s)
	}
}
