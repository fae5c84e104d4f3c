package main

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Units of sizes in bytes.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// byteSize is a size in bytes on the command line.
type byteSize uint64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := parseBufferSize(string(text))
	*b = byteSize(n)
	return err
}

// parseBufferSize reads a size in bytes: decimal digits, then nothing or one of
// k, kb, m, mb, g, gb in upper or lower case, which are powers of 1024. Blanks
// around it are ignored.
//
// Upstream: a product beyond 64 bits wraps around there; here it is an error.
func parseBufferSize(s string) (uint64, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	var unit uint64
	switch s[digits:] {
	case "":
		unit = 1
	case "k", "kb":
		unit = kib
	case "m", "mb":
		unit = mib
	case "g", "gb":
		unit = gib
	default:
		return 0, fmt.Errorf("invalid buffer size unit: %s", s[digits:])
	}
	n, err := strconv.ParseUint(s[:digits], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("failed to parse buffer size: %s", s)
	}
	over, size := bits.Mul64(n, unit)
	if over != 0 {
		return 0, fmt.Errorf("buffer size does not fit in 64 bits: %s", s)
	}
	return size, nil
}

// formatBytes writes a size for people: bytes below 1 KB, else KB, MB or GB
// (powers of 1024) with two decimals.
func formatBytes(n uint64) string {
	switch {
	case n < kib:
		return fmt.Sprintf("%d bytes", n)
	case n < mib:
		return fmt.Sprintf("%.2f KB", float64(n)/kib)
	case n < gib:
		return fmt.Sprintf("%.2f MB", float64(n)/mib)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/gib)
}

// formatSize is formatBytes for sizes that the engine counts as int64.
func formatSize(n int64) string {
	if n < 0 {
		return "-" + formatBytes(uint64(-n))
	}
	return formatBytes(uint64(n))
}
