package rpc

import (
	"sync"

	"github.com/simd-drive/go/muxio"
)

// call is what is needed to answer one call of the peer.
type call struct {
	conn   *Conn
	id     uint32            // of the request's stream
	stream *muxio.RecvStream // of a request that came in parts; else nil
	header header
	ctx    callContext
}

// refuse answers a call from the read loop, without blocking, and drops the rest of
// its request. answer begins with the status byte.
func (c *Conn) refuse(h header, stream *muxio.RecvStream, answer []byte) {
	stream.Release()
	var head [headerBytes + 1]byte
	_ = c.session.SendMessageNow(c.session.NextID(), muxio.Body{ // fails only when the session has ended
		Prefix: appendResponseHeader(head[:0], h, status(answer[0]), fields{}), Bytes: answer[1:], End: true,
	})
}

// refuseWith is refuse with an error.
func (c *Conn) refuseWith(h header, stream *muxio.RecvStream, e *Error) {
	c.refuse(h, stream, appendFailure(nil, e))
}

// giveUp implements running.
func (c *call) giveUp(error) { c.ctx.giveUp() }

// unaryRequest is a unary call of the peer: it collects the request, then runs
// the handler in a goroutine of its own, which ends with the handler and is
// waited for by [Conn.Wait].
type unaryRequest struct {
	call
	route   Route
	request buffer
	pooled  *[scratchBytes]byte // holds a small request
	started bool                // the handler has the request; of the read loop
}

// Data implements sink.
func (u *unaryRequest) Data(p []byte) {
	if e := u.request.add(u.conn, p); e != nil {
		u.ctx.end()
		u.drop()
		u.conn.refuseWith(u.header, u.stream, e)
		return
	}
	u.stream.Grant(len(p))
}

// End implements sink.
func (u *unaryRequest) End() { u.start() }

// start runs the handler.
func (u *unaryRequest) start() {
	if e := u.conn.beginCall(u.id, u); e != nil {
		u.ctx.end()
		u.drop()
		u.conn.refuseWith(u.header, u.stream, e)
		return
	}
	u.started = true
	go u.run()
}

// Cancel implements sink.
func (u *unaryRequest) Cancel(cause error) {
	u.giveUp(cause)
	if !u.started {
		u.ctx.end()
		u.drop()
		u.stream.Release()
	}
}

func (u *unaryRequest) drop() {
	u.request.settle(u.conn)
	u.request.bytes = nil
	if u.pooled != nil {
		scratch.Put(u.pooled)
		u.pooled = nil
	}
}

// scratchBytes is the capacity of the buffers that small requests are kept in and
// that handlers encode into; a larger response moves to a buffer of its own.
const scratchBytes = 4 << 10

// scratch holds those buffers between calls.
var scratch = sync.Pool{New: func() any { return new([scratchBytes]byte) }}

// errNoReturn is the outcome of a handler that ended its goroutine by
// [runtime.Goexit], as a failing test inside a handler does. Answers are sent by
// deferred calls, so that the caller of such a handler does not wait for ever.
var errNoReturn = &Error{Code: Internal, Message: "the handler did not return"}

// answered returns the error that a handler's error becomes. A handler that made a call
// of its own may return what that failed with: that it was not begun holds for that
// call and not for this one.
func answered(err error) *Error {
	e := ErrorFrom(err)
	if e == nil || !e.Retriable() {
		return e
	}
	begun := *e
	begun.Reason = ""
	return &begun
}

// run calls the handler and sends its answer.
func (u *unaryRequest) run() {
	defer u.conn.endCall(u.id)
	defer u.ctx.end()
	defer u.stream.Release()
	defer u.drop()
	dst, _ := scratch.Get().(*[scratchBytes]byte)
	defer scratch.Put(dst)
	var response Message
	var err error = errNoReturn
	ctx, ended := u.conn.observe(&u.ctx, CallInfo{
		Method: u.header.method, Name: u.route.Name, Incoming: true, RequestBytes: len(u.request.bytes),
	})
	defer func() {
		u.reply(response, err)
		ended(err, response.Len())
	}()
	response, err = u.route.Unary(ctx, u.request.bytes, dst[:0])
}

// reply sends the outcome of the handler.
func (u *unaryRequest) reply(response Message, err error) {
	defer response.release()
	if u.ctx.abandoned() {
		return // the caller has gone: it gets no answer
	}
	body, head := muxio.Body{End: true}, scratch.Get().(*[scratchBytes]byte) //nolint:forcetypeassert // nothing else is in the pool
	defer scratch.Put(head)
	if err == nil && response.Len() > u.conn.cfg.MaxMessageBytes {
		err = Errorf(ResourceExhausted, "response of %d bytes, limit MaxMessageBytes is %d", response.Len(), u.conn.cfg.MaxMessageBytes)
	}
	f := fields{metadata: u.ctx.responseMetadata()}
	if err != nil {
		body.Prefix = appendResponseHeader(head[:0], u.header, statusFail, f)
		body.Bytes = AppendError(nil, answered(err))
	} else {
		f.size = announced(response.Len())
		body.Prefix = appendResponseHeader(head[:0], u.header, statusOK, f)
		body.Bytes, body.More, body.Owner = response.Bytes, response.More, response.Owner
	}
	id := u.conn.session.NextID()
	if err := u.conn.session.SendMessage(sendContext{&u.ctx}, id, u.ctx.fields.priority, body); err != nil {
		u.conn.session.CancelMessage(id, 0)
	}
}

// answerInline runs a handler in the read loop. The answer never waits: what is too
// large to be copied is lent to the transport.
func (c *Conn) answerInline(h header, route Route, request []byte) {
	if e := c.refusal(); e != nil {
		c.refuseWith(h, nil, e)
		return
	}
	dst, _ := scratch.Get().(*[scratchBytes]byte)
	defer scratch.Put(dst)
	ctx, ended := c.observe(c.base, CallInfo{Method: h.method, Name: route.Name, Incoming: true, RequestBytes: len(request)})
	response, err := route.Unary(ctx, request, dst[:0])
	n := response.Len()
	defer ended(err, n)
	if err == nil && n > c.cfg.MaxMessageBytes {
		err = Errorf(ResourceExhausted, "response of %d bytes, limit MaxMessageBytes is %d", n, c.cfg.MaxMessageBytes)
	}
	if err != nil {
		response.release()
		c.refuseWith(h, nil, answered(err))
		return
	}
	var head [headerBytes + 1 + 12]byte
	body := muxio.Body{
		Prefix: appendResponseHeader(head[:0], h, statusOK, fields{size: announced(n)}),
		Bytes:  response.Bytes, More: response.More, Owner: response.Owner, End: true,
	}
	id := c.session.NextID()
	if n+len(head) <= muxio.MaxImmediateBytes {
		_ = c.session.SendMessageNow(id, body) // fails only when the session has ended
		response.release()
		return
	}
	// The scratch goes back now; what lies in it is copied, what is lent is not.
	body.Prefix = append(append([]byte(nil), body.Prefix...), body.Bytes...)
	body.Bytes = nil
	release := response.Release
	c.holdAnswer()
	c.session.SendMessageLater(id, muxio.Normal, body, func(error) {
		if release != nil {
			release()
		}
		c.letAnswerGo()
	})
}
