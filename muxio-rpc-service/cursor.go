package rpc

import (
	"errors"
	"fmt"
)

// ErrMalformed is what every refusal of a peer's bytes wraps: the bytes are not
// an encoding of the expected type.
var ErrMalformed = errors.New("rpc: malformed message")

// The ways in which bytes can be malformed. They are fixed values, so that a
// hostile peer cannot make a refusal cost an allocation.
var (
	errTruncated = fmt.Errorf("%w: shorter than it says", ErrMalformed)
	errTrailing  = fmt.Errorf("%w: bytes left over", ErrMalformed)
	errVarint    = fmt.Errorf("%w: bad variable-length number", ErrMalformed)
	errRange     = fmt.Errorf("%w: number too large for its field", ErrMalformed)
	errFlag      = fmt.Errorf("%w: flag is neither 0 nor 1", ErrMalformed)
	errTwice     = fmt.Errorf("%w: a field comes twice", ErrMalformed)
	errCount     = fmt.Errorf("%w: more elements than bytes for them", ErrMalformed)
)

// Cursor takes one message apart with the primitives of the kelindar/binary
// format. It accepts only the shortest encoding of a number and only 0 and 1 as
// flags, so every message has exactly one encoding.
//
// The first fault sticks: from then on each method returns zero and [Cursor.End]
// the error, so a codec checks once, at the end. A Cursor is a value of one
// goroutine.
type Cursor struct {
	rest []byte
	err  error
}

// NewCursor returns a Cursor at the start of b.
func NewCursor(b []byte) Cursor { return Cursor{rest: b} }

// Fail makes err stick unless an earlier error does.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// Err returns the error that stuck.
func (c *Cursor) Err() error { return c.err }

// End returns the error that stuck, or one for bytes that are left over.
func (c *Cursor) End() error {
	if c.err == nil && len(c.rest) > 0 {
		c.Fail(errTrailing)
	}
	return c.err
}

// Len returns how many bytes are left; it is 0 after an error.
func (c *Cursor) Len() int { return len(c.rest) }

// Uvarint takes a number that [Builder.Uvarint] wrote.
func (c *Cursor) Uvarint() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 {
		v := uint64(c.rest[0])
		c.rest = c.rest[1:]
		return v
	}
	return c.longUvarint()
}

func (c *Cursor) longUvarint() uint64 {
	var v uint64
	for i, b := range c.rest {
		if i == 9 && b > 1 {
			c.Fail(errVarint) // more than 64 bits
			return 0
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 {
				c.Fail(errVarint) // a shorter encoding exists
				return 0
			}
			c.rest = c.rest[i+1:]
			return v
		}
	}
	c.Fail(errTruncated)
	return 0
}

// Uint takes a number of at most the given bits.
func (c *Cursor) Uint(bits int) uint64 {
	v := c.Uvarint()
	if v>>bits != 0 {
		c.Fail(errRange)
		return 0
	}
	return v
}

// Int takes a signed number of at most the given bits in zigzag form: 0, -1, 1,
// -2 are 0, 1, 2, 3 on the wire.
func (c *Cursor) Int(bits int) int64 {
	u := c.Uvarint()
	v := int64(u>>1) ^ -int64(u&1)
	if v>>(bits-1) != 0 && v>>(bits-1) != -1 {
		c.Fail(errRange)
		return 0
	}
	return v
}

// Bool takes one byte that is 0 or 1.
func (c *Cursor) Bool() bool {
	b := c.Take(1)
	if len(b) == 0 {
		return false
	}
	if b[0] > 1 {
		c.Fail(errFlag)
	}
	return b[0] == 1
}

// Take takes the next n bytes. The result aliases the message; its capacity is
// clipped. It is nil when n is 0 or negative or exceeds what is there.
func (c *Cursor) Take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.Fail(errTruncated)
		return nil
	}
	if n == 0 {
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

// Bytes takes a length and as many bytes, with the result as of [Cursor.Take].
func (c *Cursor) Bytes() []byte {
	n := c.Uvarint()
	if n > uint64(len(c.rest)) {
		c.Fail(errTruncated)
		return nil
	}
	return c.Take(int(n))
}

// Count takes the number of elements that follow, each of which takes at least
// minBytes (1 or more) on the wire. It refuses a count that the bytes left
// cannot hold, so the result bounds an allocation.
func (c *Cursor) Count(minBytes int) int {
	n := c.Uvarint()
	if n > uint64(len(c.rest)/minBytes) {
		c.Fail(errCount)
		return 0
	}
	return int(n)
}
