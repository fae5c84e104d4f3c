package rpc

import (
	"math/bits"
	"sync"
)

// reserve takes n bytes of the connection's budget for messages that are being
// received, and reports whether it had them.
func (c *Conn) reserve(n int) bool {
	if c.buffered.Add(int64(n)) <= int64(c.cfg.MaxBufferedBytes) {
		return true
	}
	c.buffered.Add(int64(-n))
	return false
}

// firstBufferBytes is how much is allocated at once for a message because its peer
// announced it; the rest is allocated as it comes.
const firstBufferBytes = 1 << 20

// buffer collects the bytes of a unary message within the limits.
type buffer struct {
	bytes    []byte
	expected int64  // as the peer announced, 0 if it did not
	reserved int    // of the connection's budget, for the memory behind bytes
	borrows  bool   // the memory is pooled: bytes are valid until free
	block    *block // where they are then; nil if they are too long
}

// grow makes room for n more bytes, for all that is expected if it is not much more
// than is there. It reports false when the budget does not allow it.
func (b *buffer) grow(c *Conn, n int) bool {
	need := len(b.bytes) + n
	if need <= cap(b.bytes) {
		return true
	}
	room := max(need, min(2*cap(b.bytes), c.cfg.MaxMessageBytes))
	if b.expected > 0 {
		room = max(need, int(min(b.expected, max(firstBufferBytes, 4*int64(need)))))
	}
	if !c.reserve(room - b.reserved) {
		return false
	}
	b.reserved = room
	var next *block
	var grown []byte
	if b.borrows && room <= maxBlockBytes {
		next = borrowBlock(room)
		grown = next.bytes[:len(b.bytes)]
	} else {
		grown = make([]byte, len(b.bytes), room)
	}
	copy(grown, b.bytes)
	b.block.giveBack()
	b.bytes, b.block = grown, next
	return true
}

// add appends p, or returns why it may not.
func (b *buffer) add(c *Conn, p []byte) *Error {
	if len(b.bytes)+len(p) > c.cfg.MaxMessageBytes {
		return Errorf(ResourceExhausted, "message of more than %d bytes, limit MaxMessageBytes", c.cfg.MaxMessageBytes)
	}
	if !b.grow(c, len(p)) {
		return Errorf(ResourceExhausted, "messages being received exceed %d bytes, limit MaxBufferedBytes", c.cfg.MaxBufferedBytes)
	}
	b.bytes = append(b.bytes, p...)
	return nil
}

// clear takes back what was added.
func (b *buffer) clear() { b.bytes = b.bytes[:0] }

// settle gives the budget back; the bytes stay.
func (b *buffer) settle(c *Conn) {
	c.buffered.Add(int64(-b.reserved))
	b.reserved = 0
}

// free gives the budget and the memory back.
func (b *buffer) free(c *Conn) {
	b.settle(c)
	b.block.giveBack()
	b.bytes, b.block = nil, nil
}

const (
	// minBlockBytes is the size of the smallest blocks: those that handlers
	// encode into, and that most requests lie in.
	minBlockBytes = 4 << 10
	// maxBlockBytes is the size of the largest blocks that are pooled.
	maxBlockBytes = minBlockBytes << (blockClasses - 1)
	blockClasses  = 9
)

// block is memory that is used for one call after the other. Its size is
// minBlockBytes times a power of two.
type block struct {
	bytes []byte // all of it
	class int
}

// blocks holds those that are not in use, by class.
var blocks [blockClasses]sync.Pool

// borrowBlock returns a block of at least n bytes, at most maxBlockBytes. They are
// not zero.
func borrowBlock(n int) *block {
	class := bits.Len(uint(max(n, 1)-1) / minBlockBytes)
	if b, ok := blocks[class].Get().(*block); ok {
		return b
	}
	return &block{bytes: make([]byte, minBlockBytes<<class), class: class}
}

// giveBack ends the use of the block; nothing may refer to its bytes anymore.
func (b *block) giveBack() {
	if b != nil {
		blocks[b.class].Put(b)
	}
}
