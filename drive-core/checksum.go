package drive

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/simd-drive/go/drive-core/internal/mutant"
)

// shortSum is the length below which slicing is faster than the standard library,
// whose own tables are reached through a dispatch at each call (8 bytes: a third of
// the time; 64 bytes: slower). BenchmarkChecksum measures both.
const shortSum = 64

// Checksum returns the CRC-32/IEEE of p, the checksum that every entry carries.
func Checksum(p []byte) uint32 {
	if len(p) < shortSum {
		return sliceChecksum(p)
	}
	return crc32.ChecksumIEEE(p)
}

// matches reports whether p has the checksum sum. Whoever verifies asks here.
func matches(p []byte, sum uint32) bool { return mutant.NoCRC || Checksum(p) == sum }

// updateChecksum continues the checksum sum with the bytes of p.
func updateChecksum(sum uint32, p []byte) uint32 { return crc32.Update(sum, crc32.IEEETable, p) }

// sliceTables holds, at [k][b], the effect of byte b followed by k zero bytes.
var sliceTables = makeSliceTables()

func makeSliceTables() *[8][256]uint32 {
	t := &[8][256]uint32{0: *crc32.IEEETable}
	for k := 1; k < len(t); k++ {
		for b := range t[k] {
			before := t[k-1][b]
			t[k][b] = t[0][byte(before)] ^ before>>8
		}
	}
	return t
}

// sliceChecksum computes the checksum eight bytes at a time ("slicing by 8").
func sliceChecksum(p []byte) uint32 {
	t := sliceTables
	sum := ^uint32(0)
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p) ^ uint64(sum)
		sum = t[7][byte(w)] ^ t[6][byte(w>>8)] ^ t[5][byte(w>>16)] ^ t[4][byte(w>>24)] ^
			t[3][byte(w>>32)] ^ t[2][byte(w>>40)] ^ t[1][byte(w>>48)] ^ t[0][byte(w>>56)]
	}
	for _, b := range p {
		sum = t[0][byte(sum)^b] ^ sum>>8
	}
	return ^sum
}
