package drive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place between two entries of a drive up to which a backup was made.
// It names the drive too: a Position of another drive, or of one before its last
// compaction, is refused. The zero Position is the beginning of every drive. Its
// text form is "OFFSET-PRINT".
type Position struct {
	Offset int64  // tail of the last entry before, in bytes
	Print  uint64 // XXH3-64 of the metadata that ends there; 0 at offset 0
}

// IsZero tells whether p is the beginning.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the text form.
func (p Position) String() string { return fmt.Sprintf("%d-%016x", p.Offset, p.Print) }

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Position) UnmarshalText(text []byte) error {
	offset, hash, _ := strings.Cut(string(text), "-")
	at, err := strconv.ParseInt(offset, 10, 64)
	sum, err2 := strconv.ParseUint(hash, 16, 64)
	if err != nil || err2 != nil || at < 0 || len(hash) != 16 {
		return fmt.Errorf("drive: %q is no position; want OFFSET-PRINT as a backup returned it", text)
	}
	*p = Position{Offset: at, Print: sum}
	return nil
}

// positionAt returns the position at a tail of data.
func positionAt(data []byte, tail int64) Position {
	if tail < metadataSize {
		return Position{}
	}
	return Position{Offset: tail, Print: fingerprint(data[tail-metadataSize : tail])}
}

// What stands before the bytes of an incremental backup: from where to where it
// reaches. A full backup is a drive as it is, without anything before it.
//
//	magic "DRVINCR1" | from offset u64, print u64 | to offset u64, print u64 | CRC-32/IEEE u32
const (
	incrementMagic      = "DRVINCR1"
	incrementHeaderSize = 8 + 32 + 4
)

// errNotIncrement means that a stream does not begin like an incremental backup.
var errNotIncrement = errors.New("drive: not an incremental backup")

// appendIncrementHeader appends the header of the bytes between two positions.
func appendIncrementHeader(dst []byte, from, to Position) []byte {
	begin := len(dst)
	dst = append(dst, incrementMagic...)
	for _, p := range [...]Position{from, to} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.Offset))
		dst = binary.LittleEndian.AppendUint64(dst, p.Print)
	}
	return binary.LittleEndian.AppendUint32(dst, Checksum(dst[begin:]))
}

// parseIncrementHeader reads a header, which is all of b.
func parseIncrementHeader(b []byte) (from, to Position, err error) {
	const sumAt = incrementHeaderSize - 4
	if len(b) != incrementHeaderSize || string(b[:8]) != incrementMagic || !matches(b[:sumAt], binary.LittleEndian.Uint32(b[sumAt:])) {
		return from, to, errNotIncrement
	}
	for i, p := range [...]*Position{&from, &to} {
		at := b[8+16*i:]
		p.Offset, p.Print = int64(binary.LittleEndian.Uint64(at)), binary.LittleEndian.Uint64(at[8:])
	}
	if from.Offset < 0 || to.Offset < from.Offset {
		return from, to, errNotIncrement
	}
	return from, to, nil
}
