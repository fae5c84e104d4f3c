package simd

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// wordSize is the size of the numbers that are searched for.
const wordSize = 8

// scanPlaces is how many places a kernel looks at together, and the fewest that it
// searches.
const scanPlaces = 64

// IndexUint64 returns the first place in p, of any alignment, that holds the 8 bytes
// of v, little-endian; -1 if there is none.
func IndexUint64(p []byte, v uint64) int {
	if places := len(p) - wordSize + 1; current != Off && places >= scanPlaces {
		return indexUint64Kernel(p, v)
	}
	return indexUint64(p, v)
}

// indexUint64 is the twin of the kernel.
func indexUint64(p []byte, v uint64) int {
	var pattern [wordSize]byte
	binary.LittleEndian.PutUint64(pattern[:], v)
	return bytes.Index(p, pattern[:])
}

// IndexBelow returns the first place in p, of any alignment, whose 8 bytes are a
// number below limit, little-endian; -1 if there is none. It is fast when such
// numbers are rare, and the faster the smaller limit is.
func IndexBelow(p []byte, limit uint64) int {
	if limit == 0 {
		return -1
	}
	places := len(p) - wordSize + 1
	if zero := zeroFrom(limit); current != Off && places >= scanPlaces && zero < wordSize {
		return indexBelowKernel(p, limit, zero)
	}
	return indexBelow(p, limit)
}

// zeroFrom returns from which byte on all numbers below limit have zeros.
func zeroFrom(limit uint64) int { return (bits.Len64(limit-1) + 7) / 8 }

// indexBelow is the twin of the kernel. It searches for the zeros with which a
// number below limit ends.
func indexBelow(p []byte, limit uint64) int {
	zero := zeroFrom(limit)
	var zeros [wordSize]byte
	for at := 0; at+wordSize <= len(p); at++ {
		i := bytes.Index(p[at+zero:], zeros[zero:])
		if i < 0 {
			return -1
		}
		at += i
		if at+wordSize <= len(p) && binary.LittleEndian.Uint64(p[at:]) < limit {
			return at
		}
	}
	return -1
}
