package bitcode

import (
	"slices"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// FuzzStrs parses any bytes as so many strings, and what they are again.
func FuzzStrs(f *testing.F) {
	for _, s := range []string{"", "\x00", "\x08\x15\x08\x19", "\x03\x00abc", "\x06\x09\xc8\x2a", "\xff\x06\x03\x00abc"} {
		f.Add([]byte(s), uint16(1))
		f.Add([]byte(s), uint16(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		strs, err := parseStrs(b, int(n))
		if err != nil {
			return
		}
		sameStrs(t, strs)
	})
}

// FuzzStrsOfStrings cuts bytes into strings of a length that changes by step,
// squeezes them into a range so that all packings come up, and parses what they
// are.
func FuzzStrsOfStrings(f *testing.F) {
	f.Add([]byte("The quick brown fox jumps over the lazy dog"), uint8(3), uint8(1), uint8(255), uint8(0))
	f.Add(make([]byte, 3000), uint8(250), uint8(1), uint8(1), uint8(200))
	f.Add([]byte("012301230123"), uint8(0), uint8(0), uint8(3), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, length, step, span, base uint8) {
		var strs []string
		for n := int(length); len(b) > 0 && len(strs) < 1000; n += int(step) {
			s := slices.Clone(b[:min(n, len(b))])
			b = b[len(s):]
			for i := range s {
				s[i] = base + byte(int(s[i])%(int(span)+1))
			}
			strs = append(strs, string(s))
		}
		sameStrs(t, strs)
	})
}

func sameStrs(t *testing.T, strs []string) {
	t.Helper()
	for _, form := range []Form{Canonical, Raw} {
		b := put(t, func(w *rpc.Builder) {
			PutStrs(w, form, len(strs), func(i int) []byte { return []byte(strs[i]) })
		})
		if got, err := parseStrs(b, len(strs)); err != nil || !slices.Equal(got, strs) {
			t.Fatalf("form %d: %q became %x and %q: %v", form, strs, b, got, err)
		}
	}
}

// FuzzInts parses any bytes as so many numbers, and what they are again.
func FuzzInts(f *testing.F) {
	for _, s := range []string{"", "\x06\x01", "\x04\xff\x00\xbc\x02", "\x05\x2c\x01\x00\x00\x00\x00\x00\x00\x0a\x00"} {
		f.Add([]byte(s), uint16(1))
		f.Add([]byte(s), uint16(2))
		f.Add([]byte(s), uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		numbers, err := parseInts(b, int(n))
		if err != nil {
			return
		}
		for _, form := range []Form{Canonical, Raw} {
			b := put(t, func(w *rpc.Builder) {
				putInts(w, form, len(numbers), func(i int) uint64 { return numbers[i] })
			})
			if got, err := parseInts(b, len(numbers)); err != nil || !slices.Equal(got, numbers) {
				t.Fatalf("form %d: %d became %x and %d: %v", form, numbers, b, got, err)
			}
		}
	})
}
