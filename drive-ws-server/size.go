package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes on the command line: digits, then nothing or one of
// k, m, g (powers of 1024) in upper or lower case.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	digits, unit := string(text), int64(1)
	if n := len(digits); n > 0 {
		if power := strings.IndexByte("kmg", digits[n-1]|' '); power >= 0 {
			digits, unit = digits[:n-1], 1<<(10*(power+1))
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size: want bytes, or a number with k, m or g", text)
	}
	*b = byteSize(int64(n) * unit)
	return nil
}
