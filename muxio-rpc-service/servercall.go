package rpc

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/simd-drive/go/muxio"
)

// serverCall is the answering end of a streaming call. Its handler runs in a
// goroutine of its own, started when the header has arrived and waited for by
// [Conn.Wait].
type serverCall struct {
	conn   *Conn
	id     uint32            // of the request's stream
	stream *muxio.RecvStream // of a request that came in parts; else nil
	header header
	ctx    *callContext

	route Route
	in    inbox
	out   *muxio.SendStream

	begun bool   // the response header has been sent
	head  []byte // of the message being sent
}

// startServerCall starts the handler and returns what takes the request's
// bytes; nil when the call is refused. stream is nil when they are all there.
func (c *Conn) startServerCall(h header, stream *muxio.RecvStream, id uint32, route Route, f fields) sink {
	s := &serverCall{conn: c, id: id, stream: stream, header: h, ctx: newCallContext(c, f), route: route}
	s.in.init(c.cfg.MaxMessageBytes)
	s.in.attach(stream)
	s.out = c.session.OpenStream(f.priority)
	if e := c.beginCall(id, s); e != nil { // last, because the end of the connection gives up what has begun
		s.ctx.end()
		c.refuseWith(h, stream, e)
		return nil
	}
	go s.run()
	return s
}

// Data implements sink.
func (call *serverCall) Data(p []byte) { call.in.push(p) }

// End implements sink.
func (call *serverCall) End() { call.in.end() }

// Cancel implements sink.
func (call *serverCall) Cancel(cause error) { call.giveUp(cause) }

// giveUp implements running.
func (call *serverCall) giveUp(cause error) {
	call.ctx.giveUp(cause) // first, so that run knows when the handler returns what Receive fails with
	if errors.Is(cause, muxio.ErrCanceled) {
		call.in.fail(errGivenUp)
	} else {
		call.in.fail(unavailable(cause))
	}
}

var errGivenUp = &Error{Code: Canceled, Message: "the caller gave the call up"}

// run calls the handler and sends the outcome.
func (call *serverCall) run() {
	defer call.conn.running.Done()
	defer call.conn.endCall(call.id)
	defer call.stream.Release()
	defer call.ctx.end()
	var err error = errNoReturn
	ctx, ended := call.conn.observe(call.ctx, CallInfo{Method: call.header.method, Name: call.route.Name, Incoming: true, Streaming: true})
	defer func() {
		if call.ctx.abandoned() {
			call.out.Cancel(uint32(codeOf(err)))
		} else if unsent := call.finish(err); unsent != nil {
			call.out.Cancel(uint32(codeOf(cmp.Or(err, unsent))))
		}
		ended(err, 0)
	}()
	request, err2 := call.Receive()
	err = call.handle(ctx, request, err2)
}

// codeOf returns the code for a response that is cancelled: that of the error.
func codeOf(err error) Code {
	if e := ErrorFrom(err); e != nil {
		return e.Code
	}
	return Canceled
}

// handle passes the request to the handler.
func (call *serverCall) handle(ctx context.Context, request []byte, err error) error {
	if errors.Is(err, io.EOF) {
		return Errorf(InvalidArgument, "the call has no request")
	}
	if err != nil {
		return err
	}
	return call.route.Stream(ctx, request, call)
}

// finish sends what closes the response.
func (call *serverCall) finish(err error) error {
	e := answered(err)
	if e != nil && !call.begun {
		call.head = appendResponseHeader(call.head[:0], call.header, statusFail, fields{metadata: call.ctx.responseMetadata()})
		return call.out.Send(sendContext{call.ctx}, muxio.Body{Prefix: call.head, Bytes: AppendError(nil, e), End: true})
	}
	closing := []byte{closingMark, byte(statusOK)}
	if e != nil {
		closing = appendFailure(closing[:1], e)
	}
	return call.send(sendContext{call.ctx}, closing, Message{}, true)
}

// send sends m behind prefix, and the response header in front when it is the
// first to be sent.
func (call *serverCall) send(ctx context.Context, prefix []byte, m Message, end bool) error {
	defer m.release()
	call.head = call.head[:0]
	if !call.begun {
		call.head = appendResponseHeader(call.head, call.header, statusOK, fields{metadata: call.ctx.responseMetadata()})
		call.begun = true
	}
	call.head = append(call.head, prefix...)
	return call.out.Send(ctx, muxio.Body{
		Prefix: call.head, Bytes: m.Bytes, More: m.More, Owner: m.Owner, End: end,
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
	case call.ctx.abandoned():
		return nil, errGivenUp
	case call.ctx.Err() != nil:
		return nil, ErrorFrom(call.ctx.Err())
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
	var size [10]byte
	return call.conn.callError(call.send(call.ctx, appendSize(size[:0], n), m, false))
}
