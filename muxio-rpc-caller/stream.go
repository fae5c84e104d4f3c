package caller

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// sender is the sending half of a stream.
type sender[T any] struct {
	call  rpc.ClientCall
	name  string
	codec rpc.Codec[T]
	buf   buffer
}

// Send sends one item. It borrows v until it returns and blocks while the peer
// grants no room. When the peer has finished the call already, Send returns
// [io.EOF], and the receiving side of the stream tells the outcome. After an
// encoding error nothing has been sent and the stream goes on. Send is for one
// goroutine at a time.
func (s *sender[T]) Send(v T) error {
	msg, err := encode(&s.buf, "item", s.name, s.codec, v)
	if err != nil {
		return err
	}
	return s.call.Send(msg)
}

// receiver is the receiving half of a stream.
type receiver[T any] struct {
	call  rpc.ClientCall
	name  string
	codec rpc.Codec[T]
}

// Receive returns the next item. It may alias memory that the next Receive
// overwrites, as streams of [rpc.Bytes] do. After the last item the error is
// [io.EOF] when the call succeeded, else how it failed; the call is over then.
// An item that does not parse cancels the call. Receive is for one goroutine at
// a time, which need not be the one that sends.
func (r *receiver[T]) Receive() (T, error) {
	var zero T
	b, err := r.call.Receive()
	if err != nil {
		return zero, err
	}
	v, err := r.codec.Parse(b)
	if err != nil {
		_ = r.call.Close()
		return zero, unparsed("item", r.name, err)
	}
	return v, nil
}

// All returns the remaining items under the rules of Receive: an item is valid
// during its round of the loop. A failure comes as the last pair, with a zero
// item; a call that succeeded ends the loop without one. Leaving the loop early
// cancels the call. Other calls may be made on the same connection inside the
// loop.
func (r *receiver[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer func() { _ = r.call.Close() }()
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

// Close cancels the call at the peer if it is still running and releases what
// it holds. It returns nil, may be called again, and at any time from any
// goroutine: a pending Send or Receive then fails with [rpc.Canceled].
func (r *receiver[T]) Close() error { return r.call.Close() }

// ClientStream is a call that sends items and is answered by one response.
type ClientStream[Item, Resp any] struct {
	sender[Item]
	response rpc.Codec[Resp]
}

// OpenClientStream starts a call that sends items. The request is borrowed
// until it returns. ctx governs the whole call, which must end in Finish or
// Close.
func OpenClientStream[Req, Item, Resp any](ctx context.Context, c rpc.Invoker, m rpc.ClientStreamMethod[Req, Item, Resp], req Req) (*ClientStream[Item, Resp], error) {
	call, err := open(ctx, c, m.Name(), m.ID(), m.Request(), req)
	if err != nil {
		return nil, err
	}
	return &ClientStream[Item, Resp]{
		sender:   sender[Item]{call: call, name: m.Name(), codec: m.Item()},
		response: m.Response(),
	}, nil
}

// Finish tells the peer that no item follows, waits for the response and ends
// the call. The response belongs to the caller.
func (s *ClientStream[Item, Resp]) Finish() (Resp, error) {
	defer func() { _ = s.call.Close() }()
	var zero Resp
	// When the end of the request cannot be sent the response may be there all
	// the same; if not, Receive tells what CloseSend would.
	_ = s.call.CloseSend()
	b, err := s.call.Receive()
	if errors.Is(err, io.EOF) {
		return zero, rpc.Errorf(rpc.Internal, "%s ended without a response", s.name)
	}
	if err != nil {
		return zero, err
	}
	b = bytes.Clone(b) // the next Receive takes it away
	if _, err = s.call.Receive(); err == nil {
		return zero, rpc.Errorf(rpc.Internal, "%s sent more than one response", s.name)
	}
	if !errors.Is(err, io.EOF) {
		return zero, err
	}
	resp, err := s.response.Parse(b)
	if err != nil {
		return zero, unparsed("response", s.name, err)
	}
	return resp, nil
}

// Close gives the call up: unless it was finished, the peer's handler sees it
// cancelled and never the end of the items. It returns nil, may be called
// again, and at any time from any goroutine.
func (s *ClientStream[Item, Resp]) Close() error { return s.call.Close() }

// ServerStream is a call that is answered by items.
type ServerStream[Item any] struct {
	receiver[Item]
}

// OpenServerStream starts a call that is answered by items. The request is
// borrowed until it returns. ctx governs the whole call, which must be received
// to its end or closed.
//
// A consumer that is slow holds back this call at the peer and no other.
func OpenServerStream[Req, Item any](ctx context.Context, c rpc.Invoker, m rpc.ServerStreamMethod[Req, Item], req Req) (*ServerStream[Item], error) {
	call, err := open(ctx, c, m.Name(), m.ID(), m.Request(), req)
	if err != nil {
		return nil, err
	}
	s := &ServerStream[Item]{receiver[Item]{call: call, name: m.Name(), codec: m.Item()}}
	if err := call.CloseSend(); err != nil {
		_ = call.Close()
		return nil, err
	}
	return s, nil
}

// BothWays is a call in which both ends send items independently of each
// other: In to the peer and Out from it.
type BothWays[In, Out any] struct {
	sender[In]
	receiver[Out]
}

// OpenBothWays starts a call with items in both directions. The request is
// borrowed until it returns. ctx governs the whole call, which must be received
// to its end or closed.
func OpenBothWays[Req, In, Out any](ctx context.Context, c rpc.Invoker, m rpc.BothWaysMethod[Req, In, Out], req Req) (*BothWays[In, Out], error) {
	call, err := open(ctx, c, m.Name(), m.ID(), m.Request(), req)
	if err != nil {
		return nil, err
	}
	return &BothWays[In, Out]{
		sender:   sender[In]{call: call, name: m.Name(), codec: m.In()},
		receiver: receiver[Out]{call: call, name: m.Name(), codec: m.Out()},
	}, nil
}

// CloseSend tells the peer that no item follows. Items may still be received.
func (s *BothWays[In, Out]) CloseSend() error { return s.sender.call.CloseSend() }
