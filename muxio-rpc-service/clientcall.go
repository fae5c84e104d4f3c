package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// clientCall is the calling end of a streaming call.
type clientCall struct {
	conn *Conn
	ctx  context.Context
	out  *muxio.SendStream
	in   inbox
	// unwatch ends the watch over ctx.
	unwatch func() bool

	head     []byte // of the message being sent
	metadata *Metadata
	ended    func(error, int) // tells the observer, once

	mu       sync.Mutex
	stream   *muxio.RecvStream // of the response, once it has begun
	released bool
	over     error // what Receive returns once the call is over
}

// OpenCall implements [Invoker].
func (c *Conn) OpenCall(ctx context.Context, method MethodID, request Message) (ClientCall, error) {
	if err := ctx.Err(); err != nil {
		return nil, ErrorFrom(err)
	}
	if c.original {
		return nil, errNoStreams
	}
	f, metadata, err := callFields(ctx)
	if err != nil {
		return nil, err
	}
	call := &clientCall{conn: c, metadata: metadata, out: c.session.OpenStream(f.priority)}
	call.ctx, call.ended = c.observe(ctx, CallInfo{Method: method, Streaming: true})
	call.in.init(c.cfg.MaxMessageBytes)
	id := call.out.ID()
	if err := c.addPending(id, call); err != nil {
		call.ended(err, 0)
		return nil, err
	}
	c.session.HoldID(id) // until finish: the peer works on the call beyond the end of the request
	call.unwatch = context.AfterFunc(ctx, func() { call.giveUp(ErrorFrom(ctx.Err())) })
	call.head = appendCallHeader(call.head[:0], id, method, f)
	if err := call.send(request); err != nil && !errors.Is(err, io.EOF) {
		_ = call.Close()
		return nil, err
	}
	return call, nil
}

// Send implements [ClientCall].
func (call *clientCall) Send(m Message) error {
	call.head = call.head[:0]
	return call.send(m)
}

// send sends one message behind what is in call.head.
func (call *clientCall) send(m Message) error {
	defer m.release()
	n := m.Len()
	if n > call.conn.cfg.MaxMessageBytes {
		return Errorf(ResourceExhausted, "message of %d bytes, limit MaxMessageBytes is %d", n, call.conn.cfg.MaxMessageBytes)
	}
	return call.sendError(call.out.Send(call.ctx, muxio.Body{
		Prefix: appendSize(call.head, n), Bytes: m.Bytes, More: m.More, Owner: m.Owner,
	}))
}

// CloseSend implements [ClientCall].
func (call *clientCall) CloseSend() error {
	err := call.sendError(call.out.Send(call.ctx, muxio.Body{End: true}))
	if errors.Is(err, io.EOF) {
		return nil // the peer has finished the call: Receive tells how
	}
	return err
}

// sendError returns io.EOF for a send that failed because the peer has finished
// the call, also when the connection has ended since: Receive tells the outcome.
func (call *clientCall) sendError(err error) error {
	if err == nil {
		return nil
	}
	stopped := errors.Is(err, muxio.ErrStopped) || errors.Is(err, muxio.ErrStreamEnded)
	finished, failed := call.in.state()
	switch {
	case stopped && failed != nil && !finished:
		return failed
	case stopped, finished:
		return io.EOF
	}
	return call.conn.callError(err)
}

// Receive implements [ClientCall].
func (call *clientCall) Receive() ([]byte, error) {
	call.mu.Lock()
	over := call.over
	call.mu.Unlock()
	if over != nil {
		return nil, over
	}
	message, closing, err := call.in.next()
	switch {
	case errors.Is(err, io.EOF):
		err = &Error{Code: Unavailable, Message: "the response ended without a status"}
	case err == nil && closing:
		err = closingError(message)
	case err == nil:
		return message, nil
	}
	call.finish(err)
	return nil, err
}

// closingError reads what follows the closing mark: io.EOF for success.
func closingError(b []byte) error {
	if len(b) == 0 {
		return Errorf(Internal, "the response ended without a status")
	}
	if err := failure(status(b[0]), b[1:]); err != nil {
		return err
	}
	return io.EOF
}

// finish releases everything after the outcome is known.
func (call *clientCall) finish(outcome error) {
	call.unwatch()
	call.conn.takePending(call.out.ID())
	call.conn.session.ReleaseID(call.out.ID())
	call.mu.Lock()
	first := call.over == nil
	if first {
		call.over = outcome
	}
	stream := call.stream
	call.released = true
	call.mu.Unlock()
	if stream != nil {
		stream.Release()
	}
	if first {
		if errors.Is(outcome, io.EOF) {
			outcome = nil
		}
		call.ended(outcome, 0)
	}
	call.out.CancelUnlessEnded(uint32(Canceled))
}

// giveUp ends a running call with err, here and at the peer.
func (call *clientCall) giveUp(err error) {
	call.conn.takePending(call.out.ID())
	call.in.fail(err)
	call.out.Cancel(uint32(ErrorFrom(err).Code))
}

// Close implements [ClientCall].
func (call *clientCall) Close() error {
	call.mu.Lock()
	over := call.over
	call.mu.Unlock()
	if over == nil {
		closed := &Error{Code: Canceled, Message: "the call was closed"}
		call.giveUp(closed)
		call.finish(closed)
	}
	return nil
}

// respond implements responder.
func (call *clientCall) respond(h header, stream *muxio.RecvStream) sink {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.released {
		return nil
	}
	call.stream = stream
	call.in.attach(stream)
	s, f, err := responseStatus(h)
	if err != nil {
		call.out.Stop()
		call.in.fail(err)
		return nil
	}
	if call.metadata != nil {
		*call.metadata = f.metadata
	}
	if s != statusOK {
		call.out.Stop()
		return &failedResponse{call: call, status: s}
	}
	return (*callResponse)(call)
}

// respondWhole implements responder.
func (call *clientCall) respondWhole(h header, payload []byte) {
	if s := call.respond(h, nil); s != nil {
		if len(payload) > 0 {
			s.Data(payload)
		}
		s.End()
	}
}

// abort implements responder.
func (call *clientCall) abort(err error) {
	call.in.fail(err)
	call.out.Stop()
}

// callResponse takes the response of a streaming call.
type callResponse clientCall

// Data implements sink.
func (r *callResponse) Data(p []byte) { r.in.push(p) }

// End implements sink. The peer has finished the call, so nothing more is
// wanted of the request.
func (r *callResponse) End() {
	r.in.end()
	r.out.Stop()
}

// Cancel implements sink. A response that is complete stays what it is, even if
// the connection ends before it is received.
func (r *callResponse) Cancel(cause error) {
	if finished, _ := r.in.state(); !finished {
		r.in.fail(responseCut(cause))
	}
	r.out.Stop()
}

// failedResponse takes the response of a streaming call that failed before its
// first message.
type failedResponse struct {
	call    *clientCall
	status  status
	payload []byte
}

// Data implements sink.
func (r *failedResponse) Data(p []byte) {
	r.payload = append(r.payload, p[:min(len(p), maxErrorBytes+1-len(r.payload))]...)
}

// End implements sink.
func (r *failedResponse) End() { r.call.in.refuse(failure(r.status, r.payload)) }

// Cancel implements sink.
func (r *failedResponse) Cancel(cause error) { r.call.in.fail(responseCut(cause)) }
