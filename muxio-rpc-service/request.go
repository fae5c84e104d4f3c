package rpc

import (
	"sync"

	"github.com/simd-drive/go/muxio"
)

// unaryRequest is a unary call of the peer: it collects the request, then waits in
// the queue of the connection for a worker, which runs the handler.
type unaryRequest struct {
	conn    *Conn
	id      uint32            // of the request's stream
	stream  *muxio.RecvStream // of a request that came in parts; else nil
	header  header
	ctx     *callContext
	route   Route
	request buffer
	params  bool          // request is what stood in the header, unless more follows
	started bool          // it is in the queue, or was; of the read loop
	next    *unaryRequest // in the queue
}

// unaryRequests holds those of calls that have ended, for further ones. A request that
// came in parts is not kept: the read loop may still know it.
var unaryRequests = sync.Pool{New: func() any { return new(unaryRequest) }}

// Data implements sink.
func (u *unaryRequest) Data(p []byte) {
	if u.params {
		u.params = false
		u.request.clear()
	}
	if e := u.request.add(u.conn, p); e != nil {
		u.refuse(e)
		return
	}
	u.stream.Grant(len(p))
}

// End implements sink.
func (u *unaryRequest) End() { u.start() }

// start puts the call into the queue.
func (u *unaryRequest) start() {
	u.started = true // before a worker may have it
	if e := u.conn.queueCall(u); e != nil {
		u.refuse(e)
	}
}

// refuse answers a call that does not get to its handler.
func (u *unaryRequest) refuse(e *Error) {
	u.ctx.end()
	u.conn.refuseWith(u.header, u.stream, e)
	u.free()
}

// Cancel implements sink.
func (u *unaryRequest) Cancel(cause error) {
	u.ctx.giveUp(cause)
	if !u.started {
		u.ctx.end()
		u.stream.Release()
		u.free()
	}
}

// free gives back what the request holds.
func (u *unaryRequest) free() {
	u.request.free(u.conn)
	if u.stream == nil {
		*u = unaryRequest{}
		unaryRequests.Put(u)
	}
}

// errNoReturn is the outcome of a handler that ended its goroutine by
// [runtime.Goexit], as a failing test inside a handler does. Answers are sent by
// deferred calls, so that the caller of such a handler does not wait for ever.
var errNoReturn = &Error{Code: Internal, Message: "the handler did not return"}

// run calls the handler and sends its answer. The handler encodes into dst, the
// header of the answer lies in head.
func (u *unaryRequest) run(dst, head []byte) {
	var response Message
	var err error = errNoReturn
	ctx, ended := u.conn.observe(u.ctx, CallInfo{
		Method: u.header.method, Name: u.route.Name, Incoming: true, RequestBytes: len(u.request.bytes),
	})
	defer func() {
		u.reply(head, response, err)
		ended(err, response.Len())
		u.stream.Release()
		u.ctx.end()
		u.conn.endCall(u.id)
		u.free()
	}()
	if late := u.ctx.Err(); late != nil { // given up, or out of time, while it waited
		err = late
		return
	}
	response, err = u.route.Unary(ctx, u.request.bytes, dst)
}

// reply sends the outcome of the handler.
func (u *unaryRequest) reply(head []byte, response Message, err error) {
	defer response.release()
	if u.ctx.abandoned() {
		return // the caller has gone: it gets no answer
	}
	n := response.Len()
	if err == nil && n > u.conn.cfg.MaxMessageBytes {
		err = Errorf(ResourceExhausted, "response of %d bytes, limit MaxMessageBytes is %d", n, u.conn.cfg.MaxMessageBytes)
	}
	body := muxio.Body{End: true}
	f := fields{metadata: u.ctx.responseMetadata()}
	if err != nil {
		failure := u.conn.appendFailure(nil, answered(err))
		body.Prefix = u.conn.appendResponseHeader(head, u.header, status(failure[0]), f)
		body.Bytes = failure[1:]
	} else {
		f.size = announced(n)
		body.Prefix = u.conn.appendResponseHeader(head, u.header, statusOK, f)
		body.Bytes, body.More, body.Owner = response.Bytes, response.More, response.Owner
	}
	if n > muxio.MaxImmediateBytes { // less is copied
		u.conn.sending(n)
		defer u.conn.sent(n)
	}
	id := u.conn.session.NextID()
	if err := u.conn.session.SendMessage(sendContext{u.ctx}, id, u.ctx.priority(), body); err != nil {
		u.conn.session.CancelMessage(id, 0)
	}
}
