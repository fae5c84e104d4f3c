//go:build !purego

package simd

import "unsafe"

// Candidates that are measured in the engine.

func PrefetchHomes(tables unsafe.Pointer, mul uint64, hashes *uint64, stride, n int) {
	prefetchHomes((*byte)(tables), mul, hashes, stride, n)
}

func PrefetchLines(addresses *uintptr, n int) { prefetchLines(addresses, n) }

func Hash4to8(out *[8]uint64, keys *[8][]byte)  { hash4to8AVX512(out, keys) }
func Hash9to16(out *[8]uint64, keys *[8][]byte) { hash9to16AVX512(out, keys) }
