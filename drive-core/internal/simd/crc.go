package simd

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	// shortSum is the length below which slicing by 8 is faster than both the kernels and the standard library,
	// whose tables are reached through a dispatch at each call.
	shortSum = 64
	// unit is what the length of what a kernel sums up is a multiple of.
	unit = 16
	// copyBlock is what is copied at a time where there is no kernel, so that it is summed up while it is in
	// the processor's cache.
	copyBlock = 16 << 10
)

// Update continues the CRC-32/IEEE crc, 0 at the beginning, with the bytes of p. Its
// twin is crc32.Update.
func Update(crc uint32, p []byte) uint32 {
	if len(p) < shortSum {
		return slice(crc, p)
	}
	if current == Off {
		return crc32.Update(crc, crc32.IEEETable, p)
	}
	whole := len(p) &^ (unit - 1)
	crc = sumKernel(crc, p[:whole])
	return slice(crc, p[whole:])
}

// CopyUpdate copies src to the beginning of dst, which must be as long at least and
// not overlap it, and continues crc with the bytes that it copied. Each byte is read
// once, so that the sum is that of the copy even while somebody changes src.
func CopyUpdate(crc uint32, dst, src []byte) uint32 {
	dst = dst[:len(src)]
	if len(src) < shortSum {
		copy(dst, src)
		return slice(crc, dst)
	}
	if current == Off {
		for len(src) > 0 {
			n := copy(dst, src[:min(len(src), copyBlock)])
			crc = Update(crc, dst[:n])
			dst, src = dst[n:], src[n:]
		}
		return crc
	}
	whole := len(src) &^ (unit - 1)
	crc = copyKernel(crc, dst[:whole], src[:whole])
	n := copy(dst[whole:], src[whole:])
	return slice(crc, dst[whole:whole+n])
}

// tables hold, at [k][b], the effect of byte b followed by k zero bytes.
var tables = makeTables()

func makeTables() *[8][256]uint32 {
	t := &[8][256]uint32{0: *crc32.IEEETable}
	for k := 1; k < len(t); k++ {
		for b := range t[k] {
			before := t[k-1][b]
			t[k][b] = t[0][byte(before)] ^ before>>8
		}
	}
	return t
}

// slice continues crc eight bytes at a time ("slicing by 8").
func slice(crc uint32, p []byte) uint32 {
	if len(p) == 0 {
		return crc
	}
	t := tables
	crc = ^crc
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p) ^ uint64(crc)
		crc = t[7][byte(w)] ^ t[6][byte(w>>8)] ^ t[5][byte(w>>16)] ^ t[4][byte(w>>24)] ^
			t[3][byte(w>>32)] ^ t[2][byte(w>>40)] ^ t[1][byte(w>>48)] ^ t[0][byte(w>>56)]
	}
	for _, b := range p {
		crc = t[0][byte(crc)^b] ^ crc>>8
	}
	return ^crc
}
