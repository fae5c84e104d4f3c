package bitcode

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// PutBits appends bits(n).
func PutBits(w *rpc.Builder, n int, at func(int) bool) {
	out := w.Extend((n + 7) / 8)
	clear(out)
	for i := range n {
		if at(i) {
			out[i/8] |= 1 << (i % 8)
		}
	}
}

// TakeBits takes bits(n). What is returned aliases the message.
func TakeBits(c *rpc.Cursor, n int) Bits {
	if n > 8*c.Len() {
		c.Fail(errTruncated)
		return Bits{}
	}
	return Bits{c.Take((n + 7) / 8), n}
}

// PutBool appends one flag: bits(1).
func PutBool(w *rpc.Builder, v bool) { w.Bool(v) }

// TakeBool takes one flag: bits(1). It is false after an error.
func TakeBool(c *rpc.Cursor) bool { return takeByte(c)&1 == 1 }

// Bits is a column of flags. There are none after an error.
type Bits struct {
	bytes []byte
	n     int
}

// At returns flag i, which is at least 0 and below the number of flags.
func (b Bits) At(i int) bool { return b.bytes[i/8]>>(i%8)&1 == 1 }

// Ones returns how many flags are set.
func (b Bits) Ones() int {
	ones := 0
	for i := range b.n {
		if b.At(i) {
			ones++
		}
	}
	return ones
}

// PutVariant appends one choice among several, as an index.
func PutVariant(w *rpc.Builder, index byte) { putByte(w, index) }

// TakeVariant takes one choice among so many, as an index below variants.
// Multiples of variants are ignored. It is 0 after an error.
func TakeVariant(c *rpc.Cursor, variants byte) byte { return takeByte(c) % variants }
