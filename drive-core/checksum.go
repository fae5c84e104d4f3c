package drive

import (
	"github.com/simd-drive/go/drive-core/internal/mutant"
	"github.com/simd-drive/go/drive-core/internal/simd"
)

// Checksum returns the CRC-32/IEEE of p, the checksum that every entry carries.
func Checksum(p []byte) uint32 { return simd.Update(0, p) }

// matches reports whether p has the checksum sum. Whoever verifies asks here.
func matches(p []byte, sum uint32) bool { return mutant.NoCRC || Checksum(p) == sum }

// updateChecksum continues the checksum sum with the bytes of p.
func updateChecksum(sum uint32, p []byte) uint32 { return simd.Update(sum, p) }

// appendMatching appends a copy of p to dst and reports whether the copy has the
// checksum sum.
func appendMatching(dst, p []byte, sum uint32) ([]byte, bool) {
	dst, got := appendSummed(dst, p)
	return dst, mutant.NoCRC || got == sum
}

// appendSummed appends a copy of p to dst and returns the checksum of the copy. With
// room in dst it goes through p once.
func appendSummed(dst, p []byte) ([]byte, uint32) {
	n := len(dst)
	if cap(dst)-n < len(p) {
		dst = append(dst, p...)
		return dst, Checksum(dst[n:])
	}
	dst = dst[:n+len(p)]
	return dst, simd.CopyUpdate(0, dst[n:], p)
}
