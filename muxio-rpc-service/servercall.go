package rpc

import (
	"context"
	"errors"
	"io"

	"github.com/simd-drive/go/muxio"
)

// serverCall is the answering end of a streaming call. Its handler runs in a
// goroutine of its own, started when the header has arrived and waited for by
// [Conn.Wait].
type serverCall struct {
	answer
	route  Route
	ctx    context.Context
	cancel context.CancelFunc
	in     inbox
	out    *muxio.SendStream

	begun bool     // the response header has been sent
	size  [10]byte // of the message being sent
}

// startServerCall starts the handler and returns what takes the request's
// bytes; nil when the call is refused.
func startServerCall(a answer, route Route) sink {
	if e := a.conn.beginCall(); e != nil {
		a.refuse(appendFailure(nil, e))
		return nil
	}
	call := &serverCall{answer: a, route: route, out: a.conn.session.OpenStream()}
	call.in.init(a.conn.cfg.MaxMessageBytes)
	call.in.attach(a.stream)
	call.ctx, call.cancel = context.WithCancel(a.conn.base)
	go call.run()
	return call
}

// Data implements sink.
func (call *serverCall) Data(p []byte) { call.in.push(p) }

// End implements sink.
func (call *serverCall) End() { call.in.end() }

// Cancel implements sink.
func (call *serverCall) Cancel(cause error) {
	call.cancel() // first, so that run knows when the handler returns what Receive fails with
	if errors.Is(cause, muxio.ErrCanceled) {
		call.in.fail(errGivenUp)
	} else {
		call.in.fail(unavailable(cause))
	}
}

var errGivenUp = &Error{Code: Canceled, Message: "the caller gave the call up"}

// run calls the handler and sends the outcome.
func (call *serverCall) run() {
	defer call.conn.endCall()
	defer call.stream.Release()
	defer call.cancel()
	var err error = errNoReturn
	defer func() {
		if call.ctx.Err() != nil || call.finish(err) != nil {
			call.out.Cancel()
		}
	}()
	err = call.handle(call.Receive())
}

// handle passes the request to the handler.
func (call *serverCall) handle(request []byte, err error) error {
	if errors.Is(err, io.EOF) {
		return Errorf(InvalidArgument, "the call has no request")
	}
	if err != nil {
		return err
	}
	return call.route.Stream(call.ctx, request, call)
}

// finish sends what closes the response.
func (call *serverCall) finish(err error) error {
	e := ErrorFrom(err)
	if e != nil && !call.begun {
		return call.fail(call.ctx, call.out, e)
	}
	closing := []byte{closingMark, byte(statusOK)}
	if e != nil {
		closing = appendFailure(closing[:1], e)
	}
	return call.send(closing, Message{}, true)
}

// send sends m behind prefix, and the response header in front when it is the
// first to be sent.
func (call *serverCall) send(prefix []byte, m Message, end bool) error {
	if !call.begun {
		prefix = append(call.responseHeader(statusOK), prefix...)
		call.begun = true
	}
	return call.out.Send(call.ctx, muxio.Body{
		Prefix: prefix, Bytes: m.Bytes, More: m.More, Owner: m.Owner, End: end,
	})
}

// Receive implements [ServerCall]. Once the context of the call has ended it
// fails, whatever has arrived.
func (call *serverCall) Receive() ([]byte, error) {
	message, closing, err := call.in.next()
	switch {
	case err != nil:
		return nil, err
	case call.conn.base.Err() != nil:
		return nil, unavailable(call.conn.session.Err())
	case call.ctx.Err() != nil:
		return nil, errGivenUp
	case closing:
		return nil, Errorf(InvalidArgument, "closing mark in a request")
	}
	return message, nil
}

// Send implements [ServerCall].
func (call *serverCall) Send(m Message) error {
	n := m.Len()
	if n > call.conn.cfg.MaxMessageBytes {
		return Errorf(ResourceExhausted, "message of %d bytes, limit MaxMessageBytes is %d", n, call.conn.cfg.MaxMessageBytes)
	}
	return call.conn.callError(call.send(appendSize(call.size[:0], n), m, false))
}
