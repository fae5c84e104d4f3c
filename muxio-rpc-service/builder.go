package rpc

import (
	"encoding/binary"
	"slices"
)

// MinPieceBytes is the smallest part of a message that travels by reference.
// Below it a copy costs less than one more piece for the transport to gather.
const MinPieceBytes = 1 << 10

// Builder encodes one message with the primitives of the kelindar/binary
// format. It is the counterpart of [Cursor] and serves hand-written codecs. A
// Builder is a value of one goroutine; copies of it must not both be used.
type Builder struct {
	buf  []byte
	done int // buf[:done] is part of more already
	more [][]byte
	refs bool
}

// BuildBytes returns a Builder that appends everything to dst.
func BuildBytes(dst []byte) Builder { return Builder{buf: dst} }

// BuildMessage returns a Builder that appends to dst, but refers to parts of
// [MinPieceBytes] and more instead of copying them.
func BuildMessage(dst []byte) Builder { return Builder{buf: dst, refs: true} }

// Uvarint appends v in 1 to 10 bytes, seven bits in each, low bits first.
func (w *Builder) Uvarint(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }

// Bool appends one byte, 1 for true and 0 for false.
func (w *Builder) Bool(v bool) {
	var b byte
	if v {
		b = 1
	}
	w.buf = append(w.buf, b)
}

// Bytes appends the length of b and then b, by reference when it is large and
// the Builder came from [BuildMessage].
func (w *Builder) Bytes(b []byte) {
	w.Uvarint(uint64(len(b)))
	w.Raw(b)
}

// Raw appends b without its length, by reference under the same condition as
// [Builder.Bytes].
func (w *Builder) Raw(b []byte) {
	if !w.refs || len(b) < MinPieceBytes {
		w.buf = append(w.buf, b...)
		return
	}
	w.more = append(w.more, w.take(), b)
}

// Extend appends n bytes and returns them for the caller to fill before the next
// use of w. Until then it is not said what is in them.
func (w *Builder) Extend(n int) []byte {
	end := len(w.buf) + n
	w.buf = slices.Grow(w.buf, n)[:end]
	return w.buf[end-n : end : end]
}

// take returns what was appended to buf since the last call. Its capacity is
// clipped: what follows in the array belongs to a later piece.
func (w *Builder) take() []byte {
	n := len(w.buf)
	p := w.buf[w.done:n:n]
	w.done = n
	return p
}

// Appended returns the bytes of a Builder from [BuildBytes]: dst and all that
// was appended to it.
func (w *Builder) Appended() []byte { return w.buf }

// Message returns what was appended; owner becomes [Message.Owner].
func (w *Builder) Message(owner any) Message {
	if len(w.more) == 0 {
		return Message{Bytes: w.buf, Owner: owner}
	}
	if w.done < len(w.buf) {
		w.more = append(w.more, w.take())
	}
	return Message{Bytes: w.more[0], More: w.more[1:], Owner: owner}
}
