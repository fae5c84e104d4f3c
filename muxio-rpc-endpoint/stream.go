package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// HandleClientStream registers fn as the handler of a method with items from
// the caller. The call ends when fn returns, also before the last item: what
// the caller still sends is dropped then. The request stays valid until fn has
// returned, the response is encoded after that.
//
// It fails with [ErrNoHandler], [ErrNoMethod] or a [*ConflictError].
func HandleClientStream[Req, Item, Resp any](e *Endpoint, m rpc.ClientStreamMethod[Req, Item, Resp], fn func(ctx context.Context, req Req, items *Receiver[Item]) (Resp, error)) error {
	if fn == nil {
		return ErrNoHandler
	}
	info := Info{Name: m.Name(), ID: m.ID(), Kind: ClientStream}
	item, response := m.Item(), m.Response()
	return handleStream(e, info, m.Request(), func(ctx context.Context, req Req, call rpc.ServerCall) error {
		resp, err := fn(ctx, req, &Receiver[Item]{call: call, name: info.Name, codec: item})
		if err != nil {
			return err
		}
		msg, err := rpc.AppendMessage(response, nil, resp)
		if err != nil {
			return rpc.Errorf(rpc.Internal, "encode the response of %s: %v", info.Name, err)
		}
		return call.Send(msg)
	})
}

// HandleServerStream registers fn as the handler of a method that is answered
// by items. The call ends when fn returns. The request stays valid until then.
//
// It fails with [ErrNoHandler], [ErrNoMethod] or a [*ConflictError].
func HandleServerStream[Req, Item any](e *Endpoint, m rpc.ServerStreamMethod[Req, Item], fn func(ctx context.Context, req Req, items *Sender[Item]) error) error {
	if fn == nil {
		return ErrNoHandler
	}
	info := Info{Name: m.Name(), ID: m.ID(), Kind: ServerStream}
	item := m.Item()
	return handleStream(e, info, m.Request(), func(ctx context.Context, req Req, call rpc.ServerCall) error {
		return fn(ctx, req, &Sender[Item]{call: call, name: info.Name, codec: item})
	})
}

// HandleBothWays registers fn as the handler of a method with items in both
// directions. Receiving and sending may happen in two goroutines, both of which
// must have ended when fn returns, for then the call ends. The request stays
// valid until then.
//
// It fails with [ErrNoHandler], [ErrNoMethod] or a [*ConflictError].
func HandleBothWays[Req, In, Out any](e *Endpoint, m rpc.BothWaysMethod[Req, In, Out], fn func(ctx context.Context, req Req, in *Receiver[In], out *Sender[Out]) error) error {
	if fn == nil {
		return ErrNoHandler
	}
	info := Info{Name: m.Name(), ID: m.ID(), Kind: BothWays}
	in, out := m.In(), m.Out()
	return handleStream(e, info, m.Request(), func(ctx context.Context, req Req, call rpc.ServerCall) error {
		return fn(ctx, req,
			&Receiver[In]{call: call, name: info.Name, codec: in},
			&Sender[Out]{call: call, name: info.Name, codec: out})
	})
}

// handleStream registers a streaming method whose request is parsed and passed
// to run.
func handleStream[Req any](e *Endpoint, info Info, codec rpc.Codec[Req], run func(context.Context, Req, rpc.ServerCall) error) error {
	answer := func(ctx context.Context, request []byte, call rpc.ServerCall) (err error) {
		defer e.guard(ctx, info.Name, &err)
		req, err := parseRequest(codec, info.Name, request)
		if err != nil {
			return err
		}
		return run(ctx, req, call)
	}
	wrapped := func(ctx context.Context, request []byte, call rpc.ServerCall) (err error) {
		defer e.guard(ctx, info.Name, &err)
		info := info
		info.RequestBytes = len(request)
		return e.around(ctx, info, func(ctx context.Context) error { return answer(ctx, request, call) })
	}
	return e.register(info.ID, rpc.Route{
		Name: info.Name,
		Stream: func(ctx context.Context, request []byte, call rpc.ServerCall) error {
			// The parsed request may alias these bytes, which the connection
			// overwrites at the first Receive.
			request = bytes.Clone(request)
			if len(e.middleware) == 0 {
				return outcome(answer(ctx, request, call))
			}
			return outcome(wrapped(ctx, request, call))
		},
	})
}

// Receiver gives out the items of a caller. It is for one goroutine at a time
// and ends with the handler that it was given to.
type Receiver[T any] struct {
	call  rpc.ServerCall
	name  string
	codec rpc.Codec[T]
}

// Receive returns the next item. It may alias memory that the next Receive
// overwrites, as streams of [rpc.Bytes] do. After the last item the error is
// [io.EOF]. A call that was cancelled, or whose connection failed, never ends
// in io.EOF but in an [*rpc.Error], so a stream that was cut short is not taken
// for a whole one. For an item that does not parse the code is
// [rpc.InvalidArgument].
func (r *Receiver[T]) Receive() (T, error) {
	var zero T
	b, err := r.call.Receive()
	if err != nil {
		return zero, err
	}
	v, err := r.codec.Parse(b)
	if err != nil {
		return zero, rpc.Errorf(rpc.InvalidArgument, "parse an item of %s: %v", r.name, err)
	}
	return v, nil
}

// All returns the remaining items under the rules of Receive: an item is valid
// during its round of the loop. A failure comes as the last pair, with a zero
// item; the end of the items ends the loop without one.
func (r *Receiver[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := r.Receive()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// maxKeptBytes is the capacity up to which a [Sender] keeps its buffer for the
// next item. Large values travel by reference and need none.
const maxKeptBytes = 64 << 10

// Sender sends items to a caller. It is for one goroutine at a time and ends
// with the handler that it was given to.
type Sender[T any] struct {
	call  rpc.ServerCall
	name  string
	codec rpc.Codec[T]
	buf   []byte
}

// Send sends one item. It borrows v until it returns and blocks while the
// caller grants no room, until the context of the handler ends. An item that
// cannot be encoded fails with [rpc.Internal] and sends nothing.
func (s *Sender[T]) Send(v T) error {
	msg, err := rpc.AppendMessage(s.codec, s.buf[:0], v)
	if err != nil {
		return rpc.Errorf(rpc.Internal, "encode an item of %s: %v", s.name, err)
	}
	// A message in pieces has clipped capacities and may span two arrays.
	if n := cap(msg.Bytes); len(msg.More) == 0 && !msg.Lent && n > cap(s.buf) && n <= maxKeptBytes {
		s.buf = msg.Bytes
	}
	return s.call.Send(msg)
}
