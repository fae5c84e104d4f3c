package rpc

import (
	"context"
	"errors"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// unaryCall is an own unary call that awaits its response.
type unaryCall struct {
	conn     *Conn
	out      *muxio.SendStream
	stream   *muxio.RecvStream // of the response, once it has begun
	status   status
	response buffer
	prefix   [headerBytes]byte

	once sync.Once
	done chan struct{} // closed when the outcome stands
	err  error
}

// Invoke implements [Invoker].
func (c *Conn) Invoke(ctx context.Context, method MethodID, request Message) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, ErrorFrom(err)
	}
	if n := request.Len(); n > c.cfg.MaxMessageBytes {
		return nil, Errorf(ResourceExhausted, "request of %d bytes, limit MaxMessageBytes is %d", n, c.cfg.MaxMessageBytes)
	}
	u := &unaryCall{conn: c, out: c.session.OpenStream(), done: make(chan struct{})}
	id := u.out.ID()
	if err := c.addPending(id, u); err != nil {
		return nil, err
	}
	err := u.out.Send(ctx, muxio.Body{
		Prefix: appendHeader(u.prefix[:0], header{typ: callMessage, request: id, method: method}),
		Bytes:  request.Bytes, More: request.More, Owner: request.Owner, End: true,
	})
	if err != nil && !errors.Is(err, muxio.ErrStopped) {
		u.giveUp(c.callError(err))
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		u.giveUp(ErrorFrom(ctx.Err()))
	}
	if err != nil {
		u.out.Cancel() // the peer need not wait for the rest of the request
	}
	if u.err != nil {
		return nil, u.err
	}
	return u.response.bytes, nil
}

// giveUp ends the call with err, here and at the peer, unless its outcome
// stands already.
func (u *unaryCall) giveUp(err error) {
	u.conn.takePending(u.out.ID())
	u.finish(err)
	u.out.Cancel()
}

// finish settles the outcome; only the first call counts.
func (u *unaryCall) finish(err error) {
	u.once.Do(func() {
		u.err = err
		close(u.done)
	})
}

// respond implements responder.
func (u *unaryCall) respond(h header, stream *muxio.RecvStream) sink {
	u.stream = stream
	u.status = responseStatus(h)
	u.out.Stop() // a response before the end of the request: the rest is not wanted
	return u
}

// abort implements responder.
func (u *unaryCall) abort(err error) { u.finish(err) }

// Data implements sink.
func (u *unaryCall) Data(p []byte) {
	select {
	case <-u.done: // given up
		u.leave()
		return
	default:
	}
	if e := u.response.add(u.conn, p); e != nil {
		u.leave()
		u.finish(e)
		return
	}
	u.stream.Grant(len(p))
}

// End implements sink.
func (u *unaryCall) End() {
	u.leave()
	u.finish(failure(u.status, u.response.bytes))
}

// Cancel implements sink.
func (u *unaryCall) Cancel(cause error) {
	u.leave()
	u.finish(responseCut(cause))
}

// responseCut is the error of a call whose response will not be completed.
func responseCut(cause error) *Error {
	if errors.Is(cause, muxio.ErrCanceled) {
		return &Error{Code: Unavailable, Message: "the peer gave up answering"}
	}
	return unavailable(cause)
}

// leave gives back what the response held; what still arrives of it is
// dropped. The read loop calls it once, before the caller takes the bytes.
func (u *unaryCall) leave() {
	u.response.settle(u.conn)
	u.stream.Release()
}
