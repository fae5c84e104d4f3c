package simd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
)

// benchSizes are the lengths at which kernels are measured. The last one is not in
// any cache.
var benchSizes = []int{8, 16, 32, 64, 128, 256, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20, 32 << 20}

// sizeName returns a short name of a length.
func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%dKiB", n>>10)
	default:
		return fmt.Sprintf("%dB", n)
	}
}

// sink keeps results, so that no call is left out.
var sink uint64

// BenchmarkKernels measures each kernel on each path that the processor has beside
// what it replaces, whose name begins with "std". `make bench-simd` makes a table of it.
func BenchmarkKernels(b *testing.B) {
	data, copied := random(32<<20), make([]byte, 32<<20)
	for _, n := range benchSizes {
		p, dst := data[:n], copied[:n]
		compare(b, "checksum", n, "std", func() { sink += uint64(crc32.ChecksumIEEE(p)) }, func() { sink += uint64(Update(0, p)) })
		compare(b, "copy+checksum", n, "std", func() {
			sink += uint64(crc32.ChecksumIEEE(p))
			copy(dst, p)
		}, func() { sink += uint64(CopyUpdate(0, dst, p)) })
		compareScans(b, n, p)
	}
}

// compareScans measures searches of p for what is not there.
func compareScans(b *testing.B, n int, p []byte) {
	b.Helper()
	var pattern [8]byte
	const number = 0x12345678
	binary.LittleEndian.PutUint64(pattern[:], number)
	compare(b, "search-uint64", n, "std", func() { sink += uint64(bytes.Index(p, pattern[:])) },
		func() { sink += uint64(IndexUint64(p, number)) })
	compare(b, "search-below", n, "std-loop", func() {
		sink += uint64(first(p, func(v uint64) bool { return v < 1<<26 }))
	}, func() { sink += uint64(IndexBelow(p, 1<<26)) })
}

// compare measures std and, on each path, ours. Both work on n bytes.
func compare(b *testing.B, name string, n int, stdName string, std, ours func()) {
	b.Helper()
	run := func(variant string, fn func()) {
		b.Run(name+"/"+sizeName(n)+"/"+variant, func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				fn()
			}
		})
	}
	run(stdName, std)
	for path := Off; path <= best(); path++ {
		restore := use(path)
		run(path.String(), ours)
		restore()
	}
}
