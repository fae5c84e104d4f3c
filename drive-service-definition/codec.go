package driveservice

import (
	"errors"
	"fmt"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// ErrBatchTooLarge reports a message with more elements than its limit.
var ErrBatchTooLarge = errors.New("driveservice: too many elements in one message")

// codec makes an [rpc.PieceCodec] of one function in each direction. They take
// and return the builder and the cursor by value, which keeps both off the heap.
type codec[T any] struct {
	build func(rpc.Builder, T) rpc.Builder
	parse func(rpc.Cursor) (T, rpc.Cursor)
	// count returns the number of elements, which limit bounds; nil for
	// messages with a fixed number of fields.
	count func(T) int
	limit int
	// refusal is what the peer is told of a message that does not parse, by its
	// [rpc.Error]; nil for nothing in particular.
	refusal error
}

func (c codec[T]) check(v T) error {
	if c.count != nil && c.count(v) > c.limit {
		return ErrBatchTooLarge
	}
	return nil
}

// Append implements [rpc.Codec].
func (c codec[T]) Append(dst []byte, v T) ([]byte, error) {
	if err := c.check(v); err != nil {
		return nil, err
	}
	w := c.build(rpc.BuildBytes(dst), v)
	return w.Appended(), nil
}

// AppendMessage implements [rpc.PieceCodec].
func (c codec[T]) AppendMessage(dst []byte, v T) (rpc.Message, error) {
	if err := c.check(v); err != nil {
		return rpc.Message{}, err
	}
	w := c.build(rpc.BuildMessage(dst), v)
	return w.Message(nil), nil
}

// Parse implements [rpc.Codec]. The result aliases b.
func (c codec[T]) Parse(b []byte) (T, error) {
	v, cur := c.parse(rpc.NewCursor(b))
	err := cur.End()
	if err == nil {
		return v, nil
	}
	if c.refusal != nil && !errors.Is(err, ErrBatchTooLarge) {
		err = fmt.Errorf("%w: %w", c.refusal, err)
	}
	var zero T
	return zero, err
}

// count takes the number of elements of a list, bounded by limit and by the
// bytes left, of which each element needs minBytes.
func count(c *rpc.Cursor, minBytes, limit int) int {
	n := c.Count(minBytes)
	if n > limit {
		c.Fail(ErrBatchTooLarge)
		return 0
	}
	return n
}

// list takes elements from the cursor into a slice, nil for none.
func list[T any](c rpc.Cursor, minBytes, limit int, element func(*rpc.Cursor) T) ([]T, rpc.Cursor) {
	n := count(&c, minBytes, limit)
	if n == 0 {
		return nil, c
	}
	out := make([]T, n)
	for i := range out {
		out[i] = element(&c)
	}
	return out, c
}
