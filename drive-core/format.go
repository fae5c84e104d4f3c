package drive

import (
	"encoding/binary"

	"github.com/simd-drive/go/drive-core/internal/mutant"
)

// The entry layout. A file is a sequence of entries without header or footer;
// all numbers are little-endian. P is the tail of the entry before (0 for the
// first one):
//
//	value:      P | zero bytes up to a multiple of 64 | payload | metadata
//	tombstone:  P | one byte 0x00 | metadata
//	metadata:   key hash u64 | P as u64 | CRC-32/IEEE of the payload u32
//
// Neither keys nor lengths are stored: the length of a payload follows from the
// end of its entry and from P.
const (
	// alignment is what the first byte of every value's payload is aligned to.
	alignment = 64
	// metadataSize is the number of bytes that follow each payload.
	metadataSize = 20
	// tombstoneSize is the size of a whole tombstone entry.
	tombstoneSize = 1 + metadataSize
	// minEntrySize is the size of the shortest entry there can be.
	minEntrySize = 1 + metadataSize
	// maxOffset is the first offset that the original cannot address: its index
	// keeps 48 bits of it.
	maxOffset = int64(1) << 48
	// tombstoneByte is the whole payload of a tombstone.
	tombstoneByte = 0
	// tombstoneChecksum is the CRC-32/IEEE of the one byte tombstoneByte.
	tombstoneChecksum = 0xD202EF8D
)

// metadata is the fixed part that ends every entry.
type metadata struct {
	keyHash    uint64
	prevOffset int64 // tail of the entry before in the file, whatever its key
	checksum   uint32
}

// located is an entry found in a file. start is where the payload begins, end
// where the metadata begins; for a tombstone start equals prevOffset.
type located struct {
	keyHash    uint64
	prevOffset int64
	start      int64
	end        int64
	checksum   uint32
	tombstone  bool
}

// size is the length of the payload.
func (e located) size() int64 { return e.end - e.start }

// tail is the offset just after the entry.
func (e located) tail() int64 { return e.end + metadataSize }

// padding returns how many zero bytes a value's payload needs in front of it
// when it is appended at tail.
func padding(tail int64) int64 { return -tail & (alignment - 1) }

// zeroPad is where padding bytes are taken from.
var zeroPad [alignment]byte

// appendMetadata appends the 20 bytes of m.
func appendMetadata(dst []byte, m metadata) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, m.keyHash)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.prevOffset))
	return binary.LittleEndian.AppendUint32(dst, m.checksum)
}

// parseMetadata reads the metadata at the start of b. It refuses only short input;
// a previous offset beyond int64 comes back negative, which no caller accepts as an
// offset.
func parseMetadata(b []byte) (m metadata, ok bool) {
	if len(b) < metadataSize {
		return metadata{}, false
	}
	return metadata{
		keyHash:    binary.LittleEndian.Uint64(b),
		prevOffset: int64(binary.LittleEndian.Uint64(b[8:])),
		checksum:   binary.LittleEndian.Uint32(b[16:]),
	}, true
}

// appendValue appends the whole entry of a value whose entry begins at tail:
// padding, payload, metadata. The checksum is that of payload.
func appendValue(dst []byte, tail int64, keyHash uint64, payload []byte, checksum uint32) []byte {
	dst = append(dst, zeroPad[:padding(tail)]...)
	dst = append(dst, payload...)
	return appendMetadata(dst, metadata{keyHash: keyHash, prevOffset: tail, checksum: checksum})
}

// appendTombstone appends the whole entry of a tombstone that begins at tail.
func appendTombstone(dst []byte, tail int64, keyHash uint64) []byte {
	dst = append(dst, tombstoneByte)
	return appendMetadata(dst, metadata{keyHash: keyHash, prevOffset: tail, checksum: tombstoneChecksum})
}

// isTombstone reports whether an entry between prev and its metadata at end is
// a tombstone: exactly one byte long, and that byte zero.
func isTombstone(data []byte, prev, end int64) bool {
	return end-prev == 1 && data[prev] == tombstoneByte
}

// valueTail returns where the entry of a value of size bytes ends when it is
// appended at tail, and false when that is beyond what the format can address.
func valueTail(tail, size int64) (int64, bool) {
	start := tail + padding(tail)
	if size < 0 || size > maxOffset-metadataSize-start {
		return 0, false
	}
	return start + size + metadataSize, true
}

// parseEntry reads the entry that ends at tail. It reports false when no entry
// can end there: not enough bytes, a previous offset that leaves no room for a
// payload, or one that does not lie before the entry. It does not look at the
// checksum, nor further back.
func parseEntry(data []byte, tail int64) (located, bool) {
	if tail < minEntrySize || tail > int64(len(data)) {
		return located{}, false
	}
	end := tail - metadataSize
	m, _ := parseMetadata(data[end:tail])
	if !mutant.NoBounds && (m.prevOffset < 0 || m.prevOffset >= end) {
		return located{}, false
	}
	e := located{
		keyHash:    m.keyHash,
		prevOffset: m.prevOffset,
		start:      m.prevOffset,
		end:        end,
		checksum:   m.checksum,
		tombstone:  isTombstone(data, m.prevOffset, end),
	}
	if !e.tombstone {
		e.start += padding(m.prevOffset)
		if e.start >= end {
			return located{}, false
		}
	}
	return e, true
}
