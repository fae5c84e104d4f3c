package drive

import "hash/crc32"

// Checksum returns the CRC-32/IEEE of p, the checksum that every entry carries.
func Checksum(p []byte) uint32 { return crc32.ChecksumIEEE(p) }

// updateChecksum continues the checksum sum with the bytes of p.
func updateChecksum(sum uint32, p []byte) uint32 { return crc32.Update(sum, crc32.IEEETable, p) }
