package rpc

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"

	kelindar "github.com/kelindar/binary"
)

// ErrBinaryType is wrapped by every error of [Binary] for a type that it
// cannot carry.
var ErrBinaryType = errors.New("rpc: type cannot be encoded by Binary")

// errEncode is wrapped by errors of a codec that met a value it cannot encode.
var errEncode = errors.New("rpc: value cannot be encoded")

// Binary returns a codec that encodes T as kelindar/binary does: the fields of
// a struct in their order, without names or types. Both ends need the same T.
//
// T is built of booleans, numbers, strings, slices, arrays, maps, pointers,
// [time.Time] and structs of these. Fields with the tag `binary:"-"` are left
// out. Empty slices arrive as nil, nil maps as empty ones.
//
// What cannot be decoded safely is refused: by the first use of the codec, with
// an error that wraps [ErrBinaryType] and says which part of T it is.
//   - interfaces, channels, functions and uintptr;
//   - types that contain themselves;
//   - types with an encoding of their own (MarshalBinary and UnmarshalBinary,
//     GetBinaryCodec, and so everything in kelindar/binary/nocopy);
//   - unexported fields without the tag, a pointer as T itself, arrays of
//     pointers, arrays inside of map values;
//   - slices and arrays of elements that take no bytes, such as []struct{};
//   - map keys other than booleans, numbers and strings; named types with 16,
//     32 or 64 bits or of strings as keys; slices of named bytes or booleans;
//   - types of which a few bytes on the wire become more than
//     [MaxBinaryExpansion] times as many in memory.
//
// Parse walks the bytes against T before it decodes them, so it allocates
// nothing for lengths and counts that lie. Its results do not alias the input.
// A string that is the key of a map must not exceed 65,535 bytes.
func Binary[T any]() Codec[T] {
	s, err := describeRoot(reflect.TypeFor[T]())
	return binaryCodec[T]{shape: s, err: err}
}

type binaryCodec[T any] struct {
	shape *shape
	err   error // why T is refused
}

// Append implements [Codec].
func (c binaryCodec[T]) Append(dst []byte, v T) (out []byte, err error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.shape.stringKeys {
		if err := c.shape.checkKeys(reflect.ValueOf(&v).Elem()); err != nil {
			return nil, err
		}
	}
	defer recoverTo(&err, errEncode)
	e := encoders.Get().(*encoder)
	e.dst = dst
	e.enc.Reset(e)
	err = e.enc.Encode(&v)
	out = e.dst
	e.release()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEncode, err)
	}
	return out, nil
}

// Parse implements [Codec].
func (c binaryCodec[T]) Parse(b []byte) (v T, err error) {
	if c.err != nil {
		return v, c.err
	}
	var zero T
	cur := NewCursor(b)
	c.shape.walk(&cur)
	if err := cur.End(); err != nil {
		return zero, err
	}
	defer recoverTo(&err, ErrMalformed)
	if err := kelindar.Unmarshal(b, &v); err != nil {
		return zero, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return v, nil
}

// recoverTo turns a panic of kelindar/binary into an error that wraps kind. No
// value and no input is known to get past the checks and cause one; this is the
// last resort.
func recoverTo(err *error, kind error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: codec panicked: %v", kind, p)
	}
}

// encoder is a kelindar encoder that appends to dst. It is reused because each
// one caches the layout of types.
type encoder struct {
	enc *kelindar.Encoder
	dst []byte
}

var encoders = sync.Pool{New: func() any {
	return &encoder{enc: kelindar.NewEncoder(io.Discard)}
}}

// Write appends p; kelindar's encoder calls it.
func (e *encoder) Write(p []byte) (int, error) {
	e.dst = append(e.dst, p...)
	return len(p), nil
}

// release gives e back to the pool without the caller's buffer.
func (e *encoder) release() {
	e.dst = nil
	encoders.Put(e)
}
