package rpc

import (
	"context"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// answer is what is needed to answer one call of the peer.
type answer struct {
	conn   *Conn
	stream *muxio.RecvStream // of the request
	header header
	prefix [headerBytes + 1]byte
}

// responseHeader returns the header of the response. It is overwritten by the
// next call.
func (a *answer) responseHeader(s status) []byte {
	return appendHeader(a.prefix[:0], header{
		typ: responseMessage, request: a.header.request, method: a.header.method, metadata: []byte{byte(s)},
	})
}

// refuse answers the call from the read loop, without blocking, and drops the
// rest of the request. answer begins with the status byte.
func (a *answer) refuse(answer []byte) {
	a.stream.Release()
	out := a.conn.session.OpenStream()
	_ = out.SendImmediate(muxio.Body{ // fails only when the session has ended
		Prefix: a.responseHeader(status(answer[0])), Bytes: answer[1:], End: true,
	})
}

// fail sends e as the whole response.
func (a *answer) fail(ctx context.Context, out *muxio.SendStream, e *Error) error {
	payload := AppendError(nil, e)
	return out.Send(ctx, muxio.Body{Prefix: a.responseHeader(statusFail), Bytes: payload, End: true})
}

// unaryRequest is a unary call of the peer: it collects the request, then runs
// the handler in a goroutine of its own, which ends with the handler and is
// waited for by [Conn.Wait].
type unaryRequest struct {
	answer
	route   Route
	request buffer

	mu        sync.Mutex
	cancel    context.CancelFunc // of the running handler
	cancelled bool
}

// Data implements sink.
func (u *unaryRequest) Data(p []byte) {
	if e := u.request.add(u.conn, p); e != nil {
		u.drop()
		u.refuse(appendFailure(nil, e))
		return
	}
	u.stream.Grant(len(p))
}

// End implements sink.
func (u *unaryRequest) End() {
	if e := u.conn.beginCall(); e != nil {
		u.drop()
		u.refuse(appendFailure(nil, e))
		return
	}
	ctx, cancel := context.WithCancel(u.conn.base)
	u.mu.Lock()
	u.cancel = cancel
	u.mu.Unlock()
	go u.run(ctx, cancel)
}

// Cancel implements sink.
func (u *unaryRequest) Cancel(error) {
	u.mu.Lock()
	cancel := u.cancel
	u.cancelled = true
	u.mu.Unlock()
	if cancel != nil {
		cancel()
		return
	}
	u.drop()
	u.stream.Release()
}

func (u *unaryRequest) drop() {
	u.request.settle(u.conn)
	u.request.bytes = nil
}

// scratchBytes is the capacity of the buffers that handlers encode into; a
// larger response moves to a buffer of its own.
const scratchBytes = 4 << 10

// scratch holds those buffers between calls.
var scratch = sync.Pool{New: func() any { return new([scratchBytes]byte) }}

// errNoReturn is the outcome of a handler that ended its goroutine by
// [runtime.Goexit], as a failing test inside a handler does. Answers are sent by
// deferred calls, so that the caller of such a handler does not wait for ever.
var errNoReturn = &Error{Code: Internal, Message: "the handler did not return"}

// run calls the handler and sends its answer.
func (u *unaryRequest) run(ctx context.Context, cancel context.CancelFunc) {
	defer u.conn.endCall()
	defer cancel()
	defer u.stream.Release()
	defer u.drop()
	dst, _ := scratch.Get().(*[scratchBytes]byte)
	defer scratch.Put(dst)
	var response Message
	var err error = errNoReturn
	defer func() { u.reply(ctx, response, err) }()
	response, err = u.route.Unary(ctx, u.request.bytes, dst[:0])
}

// reply sends the outcome of the handler.
func (u *unaryRequest) reply(ctx context.Context, response Message, err error) {
	if err == nil && response.Len() > u.conn.cfg.MaxMessageBytes {
		err = Errorf(ResourceExhausted, "response of %d bytes, limit MaxMessageBytes is %d", response.Len(), u.conn.cfg.MaxMessageBytes)
	}
	if u.wasCancelled() {
		return // the caller has gone: it gets no answer
	}
	out := u.conn.session.OpenStream()
	if err != nil {
		err = u.fail(ctx, out, ErrorFrom(err))
	} else {
		err = out.Send(ctx, muxio.Body{
			Prefix: u.responseHeader(statusOK), Bytes: response.Bytes, More: response.More, Owner: response.Owner, End: true,
		})
	}
	if err != nil {
		out.Cancel()
	}
}

func (u *unaryRequest) wasCancelled() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cancelled
}
