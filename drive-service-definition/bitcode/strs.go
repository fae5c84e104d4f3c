package bitcode

import (
	"fmt"
	"math"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// longLen in the bytes of a lens column says that the length is in the ints.
const longLen = math.MaxUint8

// maxTotal bounds the sum of the lengths of a column; the Rust crate has the
// same bound.
const maxTotal = 1 << 51

var (
	errTruncated = fmt.Errorf("%w: shorter than its columns", rpc.ErrMalformed)
	errTotal     = fmt.Errorf("%w: lengths are too large", rpc.ErrMalformed)
)

// PutCount appends the number of elements of a list: lens(1).
func PutCount(w *rpc.Builder, form Form, n int) {
	putLens(w, form, 1, func(int) int { return n })
}

// TakeCount takes the number of elements of a list: lens(1). More than limit are
// refused with the error over. It is 0 after an error.
func TakeCount(c *rpc.Cursor, limit int, over error) int {
	l, _ := takeLens(c, 1)
	n := l.next()
	if n > uint64(limit) {
		c.Fail(over)
		return 0
	}
	return int(n)
}

// PutStrs appends strs(n). A large string goes by reference if w was made by
// [rpc.BuildMessage] and the column is raw. In canonical form it is, unless all
// bytes are below 16, or differ by less than 16 and are more than five.
func PutStrs(w *rpc.Builder, form Form, n int, at func(int) []byte) {
	putLens(w, form, n, func(i int) int { return len(at(i)) })
	total := 0
	for i := range n {
		total += len(at(i))
	}
	putBytes(w, form, total, n, at)
}

// TakeStrs takes strs(n). The strings alias the message if the column is raw,
// else one allocation that they share.
func TakeStrs(c *rpc.Cursor, n int) Strs {
	l, total := takeLens(c, n)
	if total > math.MaxInt {
		c.Fail(errTruncated)
		return Strs{}
	}
	return Strs{l, takeBytes(c, int(total))}
}

// PutStr appends one string: strs(1), by reference as with [PutStrs].
func PutStr(w *rpc.Builder, form Form, s []byte) {
	PutStrs(w, form, 1, func(int) []byte { return s })
}

// TakeStr takes one string: strs(1), which aliases the message as with
// [TakeStrs]. It is nil when it is empty, and after an error.
func TakeStr(c *rpc.Cursor) []byte {
	column := TakeStrs(c, 1)
	return column.Next()
}

// PutText appends one text.
func PutText(w *rpc.Builder, form Form, s string) {
	putLens(w, form, 1, func(int) int { return len(s) })
	copy(w.Extend(len(s)), s)
}

// TakeText takes one text. It aliases the message and is not checked to be
// UTF-8. It is nil when it is empty, and after an error.
func TakeText(c *rpc.Cursor) []byte {
	_, total := takeLens(c, 1)
	if total > uint64(c.Len()) {
		c.Fail(errTruncated)
		return nil
	}
	return c.Take(int(total))
}

// Strs are the strings of a column that were not taken yet.
type Strs struct {
	lens  lens
	bytes []byte
}

// Next returns the next string. It is nil when the string is empty, when there
// is none, and after an error. Its capacity is clipped.
func (s *Strs) Next() []byte {
	n := s.lens.next()
	if n == 0 || n > uint64(len(s.bytes)) {
		return nil
	}
	b := s.bytes[:n:n]
	s.bytes = s.bytes[n:]
	return b
}

// putLens appends lens(n).
func putLens(w *rpc.Builder, form Form, n int, at func(int) int) {
	putSmall(w, form, n, func(i int) byte { return byte(min(at(i), longLen)) })
	var few [4]uint64 // keeps messages of a few fields from allocating
	long := few[:0]
	for i := range n {
		if at(i) >= longLen {
			long = append(long, uint64(at(i)))
		}
	}
	putInts(w, form, len(long), func(i int) uint64 { return long[i] })
}

// lens are the lengths of a column that were not taken yet.
type lens struct {
	short []byte
	long  ints
}

// takeLens takes lens(n) and returns their sum too.
func takeLens(c *rpc.Cursor, n int) (l lens, total uint64) {
	l.short = takeBytes(c, n)
	longs := 0
	for _, b := range l.short {
		if b == longLen {
			longs++
		} else {
			total += uint64(b)
		}
	}
	l.long = takeInts(c, longs)
	for long, i := l.long, 0; i < longs; i++ {
		v := long.next()
		if v >= maxTotal || total+v >= maxTotal {
			c.Fail(errTotal)
			return lens{}, 0
		}
		total += v
	}
	return l, total
}

// next returns the next length, 0 when there is none.
func (l *lens) next() uint64 {
	if len(l.short) == 0 {
		return 0
	}
	b := l.short[0]
	l.short = l.short[1:]
	if b == longLen {
		return l.long.next()
	}
	return uint64(b)
}
