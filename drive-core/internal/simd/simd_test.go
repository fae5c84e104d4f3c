package simd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// onEachPath runs fn on each path by name, and skips those that the processor lacks.
func onEachPath(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	for _, p := range paths {
		t.Run(p.String(), func(t *testing.T) {
			if p > best() {
				t.Skipf("*** SKIPPED: this processor, or this build, has no %s ***", p)
			}
			defer use(p)()
			fn(t)
		})
	}
}

// use puts a path into use, and returns what puts back the one before.
func use(p Path) (restore func()) {
	before := current
	current = p
	return func() { current = before }
}

// random returns n random bytes, always the same.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// lengths are those to try: all short ones, and some around powers of two.
func lengths() []int {
	var list []int
	for n := range 600 {
		list = append(list, n)
	}
	for _, n := range []int{1 << 10, 4 << 10, 64 << 10, 1 << 20} {
		list = append(list, n-1, n, n+1, n+255, n+256, n+257)
	}
	return list
}

func TestUpdate(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		data := random(1<<20 + 1<<10)
		for _, n := range lengths() {
			for _, from := range []int{0, 1, 15, 16, 31, 63} {
				p := data[from : from+n]
				for _, crc := range []uint32{0, 1, 0x80000000, 0xFFFFFFFF} {
					if got, want := Update(crc, p), crc32.Update(crc, crc32.IEEETable, p); got != want {
						t.Fatalf("Update(%08x, %d bytes at %d) = %08x, want %08x", crc, n, from, got, want)
					}
				}
			}
		}
	})
}

func TestUpdateInPieces(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		data := random(100_000)
		want := crc32.ChecksumIEEE(data)
		for range 200 {
			var crc uint32
			for p := data; len(p) > 0; {
				n := min(len(p), r.IntN(3000))
				crc = Update(crc, p[:n])
				p = p[n:]
			}
			if crc != want {
				t.Fatalf("%08x, want %08x", crc, want)
			}
		}
	})
}

// TestCopyUpdate holds that nothing is written beside the copy.
func TestCopyUpdate(t *testing.T) {
	const canary = 0xA5
	onEachPath(t, func(t *testing.T) {
		data := random(1<<20 + 1<<10)
		room := make([]byte, len(data)+200)
		for _, n := range lengths() {
			for _, from := range []int{0, 1, 17} {
				src := data[from : from+n]
				at := 70 + from*3%64
				around := room[:at+n+70]
				for i := range around {
					around[i] = canary
				}
				got := CopyUpdate(7, around[at:], src)
				if want := crc32.Update(7, crc32.IEEETable, src); got != want {
					t.Fatalf("CopyUpdate of %d bytes = %08x, want %08x", n, got, want)
				}
				if !bytes.Equal(around[at:at+n], src) {
					t.Fatalf("copy of %d bytes differs", n)
				}
				for i, b := range around {
					if (i < at || i >= at+n) && b != canary {
						t.Fatalf("copy of %d bytes to %d wrote byte %d", n, at, i)
					}
				}
			}
		}
	})
}

func TestCopyUpdateRefusesAShortDestination(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		CopyUpdate(0, make([]byte, 99), make([]byte, 100))
	})
}

// first is the search that the others are compared with.
func first(p []byte, ok func(v uint64) bool) int {
	for i := 0; i+wordSize <= len(p); i++ {
		if ok(binary.LittleEndian.Uint64(p[i:])) {
			return i
		}
	}
	return -1
}

// searched are data to search: of few different bytes, so that much of it looks like
// what is looked for, and with rare small numbers.
func searched(r *rand.Rand) []byte {
	p := make([]byte, r.IntN(700))
	kind := r.IntN(4)
	for i := range p {
		switch kind {
		case 0:
			p[i] = byte(r.IntN(2))
		case 1:
			p[i] = byte(r.IntN(3)) * 0x7F
		case 2:
			p[i] = byte(r.Uint32()) | 1
		case 3:
			p[i] = 0
		}
	}
	if len(p) > wordSize && r.IntN(2) == 0 {
		binary.LittleEndian.PutUint64(p[r.IntN(len(p)-wordSize):], r.Uint64()>>r.IntN(64))
	}
	return p
}

func TestIndexUint64(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 30_000 {
			p := searched(r)
			v := r.Uint64() >> r.IntN(64)
			if len(p) >= wordSize {
				v = binary.LittleEndian.Uint64(p[r.IntN(len(p)-wordSize+1):])
			}
			v ^= uint64(r.IntN(2)) << r.IntN(64)
			if got, want := IndexUint64(p, v), first(p, func(w uint64) bool { return w == v }); got != want {
				t.Fatalf("IndexUint64(%d bytes, %x) = %d, want %d", len(p), v, got, want)
			}
		}
	})
}

func TestIndexBelow(t *testing.T) {
	onEachPath(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for range 30_000 {
			p := searched(r)
			limit := r.Uint64() >> r.IntN(65)
			if got, want := IndexBelow(p, limit), first(p, func(w uint64) bool { return w < limit }); got != want {
				t.Fatalf("IndexBelow(%d bytes, %x) = %d, want %d", len(p), limit, got, want)
			}
		}
	})
}

func TestChoose(t *testing.T) {
	for _, tc := range []struct {
		limit string
		best  Path
		want  Path
	}{
		{"", AVX512, AVX512},
		{"off", AVX512, Off},
		{"avx2", AVX512, AVX2},
		{"avx512", AVX512, AVX512},
		{"avx512", AVX2, AVX2},
		{"avx2", Off, Off},
		{"AVX2", AVX512, AVX512},
		{"neon", AVX2, AVX2},
	} {
		if got := choose(tc.limit, tc.best); got != tc.want {
			t.Errorf("choose(%q, %v) = %v, want %v", tc.limit, tc.best, got, tc.want)
		}
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add(uint32(0), []byte{}, uint8(0))
	f.Add(uint32(1), random(1000), uint8(3))
	f.Fuzz(func(t *testing.T, crc uint32, data []byte, from uint8) {
		p := data[min(len(data), int(from)):]
		want := crc32.Update(crc, crc32.IEEETable, p)
		for path := Off; path <= best(); path++ {
			restore := use(path)
			sum := Update(crc, p)
			dst := make([]byte, len(p)+1)
			copied := CopyUpdate(crc, dst[1:], p)
			restore()
			if sum != want || copied != want || !bytes.Equal(dst[1:], p) {
				t.Fatalf("%v: %08x, %08x, want %08x", path, sum, copied, want)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(random(300), uint64(1<<24))
	f.Add(make([]byte, 200), uint64(0))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0}, 100), uint64(1<<32+1))
	f.Fuzz(func(t *testing.T, p []byte, v uint64) {
		equal := first(p, func(w uint64) bool { return w == v })
		below := first(p, func(w uint64) bool { return w < v })
		for path := Off; path <= best(); path++ {
			restore := use(path)
			e, b := IndexUint64(p, v), IndexBelow(p, v)
			restore()
			if e != equal || b != below {
				t.Fatalf("%v: %d, %d, want %d, %d", path, e, b, equal, below)
			}
		}
	})
}

func ExampleUpdate() {
	fmt.Printf("%08x", Update(0, []byte("123456789")))
	// Output: cbf43926
}
