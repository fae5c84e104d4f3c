package caller

import (
	"context"
	"fmt"
	"sync"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Call makes a unary call and waits for its response. The request is borrowed
// until Call returns; the response and what it aliases belong to the caller.
// When ctx ends first, the call is cancelled at the peer and the error has the
// code [rpc.Canceled] or [rpc.DeadlineExceeded].
func Call[Req, Resp any](ctx context.Context, c rpc.Invoker, m rpc.Method[Req, Resp], req Req) (Resp, error) {
	var zero Resp
	answer, err := invoke(ctx, c, m, req)
	if err != nil {
		return zero, err
	}
	resp, err := m.Response().Parse(answer)
	if err != nil {
		return zero, unparsed("response", m.Name(), err)
	}
	return resp, nil
}

// invoke returns the encoded response.
func invoke[Req, Resp any](ctx context.Context, c rpc.Invoker, m rpc.Method[Req, Resp], req Req) ([]byte, error) {
	b := borrowBuffer()
	defer b.giveBack()
	msg, err := encode(b, "request", m.Name(), m.Request(), req)
	if err != nil {
		return nil, err
	}
	return c.Invoke(ctx, m.ID(), msg)
}

// open starts a streaming call.
func open[Req any](ctx context.Context, c rpc.Invoker, name string, id rpc.MethodID, codec rpc.Codec[Req], req Req) (rpc.ClientCall, error) {
	b := borrowBuffer()
	defer b.giveBack()
	msg, err := encode(b, "request", name, codec, req)
	if err != nil {
		return nil, err
	}
	return c.OpenCall(ctx, id, msg)
}

// maxKeptBytes is the capacity up to which a buffer for encoding is kept for
// later messages. Large values travel by reference and need none.
const maxKeptBytes = 64 << 10

// buffer is memory that messages are encoded into, one at a time.
type buffer struct{ bytes []byte }

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func borrowBuffer() *buffer {
	b, _ := buffers.Get().(*buffer)
	return b
}

// giveBack returns the buffer to the pool. No message may refer to it anymore.
func (b *buffer) giveBack() { buffers.Put(b) }

// encode encodes v into b, which must not be used again before the message has
// been sent. what and name are for the error.
func encode[T any](b *buffer, what, name string, codec rpc.Codec[T], v T) (rpc.Message, error) {
	msg, err := rpc.AppendMessage(codec, b.bytes[:0], v)
	if err != nil {
		e := rpc.Errorf(rpc.InvalidArgument, "encode the %s of %s", what, name)
		return rpc.Message{}, fmt.Errorf("%w: %w", e, err)
	}
	// A message in pieces has clipped capacities and may span two arrays.
	if n := cap(msg.Bytes); len(msg.More) == 0 && !msg.Lent && n > cap(b.bytes) && n <= maxKeptBytes {
		b.bytes = msg.Bytes
	}
	return msg, nil
}

// unparsed is the error for bytes of the peer that the codec refuses.
func unparsed(what, name string, err error) error {
	return fmt.Errorf("%w: %w", rpc.Errorf(rpc.Internal, "parse the %s of %s", what, name), err)
}
