package bitcode

import (
	"encoding/binary"
	"math"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// An ints column begins with a header: twice the index of its width, less one
// when a base of 8 bytes follows. Numbers of one byte form a bytes column.
var widths = [...]int{8, 4, 2, 1}

// narrowest returns the index of the least width that holds v.
func narrowest(v uint64) int {
	switch {
	case v <= math.MaxUint8:
		return 3
	case v <= math.MaxUint16:
		return 2
	case v <= math.MaxUint32:
		return 1
	}
	return 0
}

// PutUint appends one number: ints(1).
func PutUint(w *rpc.Builder, form Form, v uint64) {
	putInts(w, form, 1, func(int) uint64 { return v })
}

// TakeUint takes one number: ints(1). It is 0 after an error.
func TakeUint(c *rpc.Cursor) uint64 {
	column := takeInts(c, 1)
	return column.next()
}

// putInts appends ints(n).
func putInts(w *rpc.Builder, form Form, n int, at func(int) uint64) {
	if n == 0 {
		return
	}
	index, base, header := 0, uint64(0), 0
	if form == Canonical {
		lo, hi := uint64(math.MaxUint64), uint64(0)
		for i := range n {
			lo, hi = min(lo, at(i)), max(hi, at(i))
		}
		index = narrowest(hi)
		header = 2 * index
		if based := narrowest(hi - lo); based > index && n >= minBase {
			index, base, header = based, lo, 2*based-1
		}
	}
	putByte(w, byte(header))
	if header%2 == 1 {
		binary.LittleEndian.PutUint64(w.Extend(8), base)
	}
	width := widths[index]
	if width == 1 {
		putSmall(w, form, n, func(i int) byte { return byte(at(i) - base) })
		return
	}
	out := w.Extend(n * width)
	for i := range n {
		for j := range width {
			out[i*width+j] = byte((at(i) - base) >> (8 * j))
		}
	}
}

// putSmall appends bytes(n) of values that lie in no slice.
func putSmall(w *rpc.Builder, form Form, n int, at func(int) byte) {
	var column []byte
	if n < minHeader {
		column = w.Extend(n)
	} else {
		column = make([]byte, n)
	}
	for i := range column {
		column[i] = at(i)
	}
	if n >= minHeader {
		putBytes(w, form, n, 1, func(int) []byte { return column })
	}
}

// ints are the numbers of a column that were not taken yet.
type ints struct {
	rest  []byte
	width int
	base  uint64
}

// takeInts takes ints(n). The result may alias the message.
func takeInts(c *rpc.Cursor, n int) ints {
	if n == 0 {
		return ints{}
	}
	header := int(takeByte(c))
	index := (header + 1) / 2
	if index >= len(widths) {
		c.Fail(errForm)
		return ints{}
	}
	column := ints{width: widths[index]}
	if header%2 == 1 {
		if b := c.Take(8); b != nil {
			column.base = binary.LittleEndian.Uint64(b)
		}
	}
	switch {
	case column.width == 1:
		column.rest = takeBytes(c, n)
	case n > c.Len()/column.width:
		c.Fail(errTruncated)
	default:
		column.rest = c.Take(n * column.width)
	}
	return column
}

// next returns the next number, 0 when there is none.
func (s *ints) next() uint64 {
	if len(s.rest) == 0 {
		return 0
	}
	var v uint64
	for i, b := range s.rest[:s.width] {
		v |= uint64(b) << (8 * i)
	}
	s.rest = s.rest[s.width:]
	return v + s.base
}
