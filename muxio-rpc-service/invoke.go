package rpc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simd-drive/go/muxio"
)

// unaryCall is an own unary call that awaits its response.
type unaryCall struct {
	conn *Conn
	id   uint32
	head []byte // of the request, reused

	// Of the read loop until done holds its token.
	stream   *muxio.RecvStream // of a response that came in parts
	status   status
	response buffer
	metadata *Metadata // where to store that of the response

	sent   atomic.Bool // all of the request was handed over
	shared bool        // the read loop may know the call after its outcome stands

	mu      sync.Mutex
	settled bool
	err     error
	done    chan struct{} // holds a token when the outcome stands
}

// newUnaryCall returns a call that was kept, or a new one. One whose response came in
// parts is not kept: the read loop may still know it. Each connection keeps its own,
// because a channel must not leave the bubble of a test with testing/synctest.
func (c *Conn) newUnaryCall() *unaryCall {
	if u, ok := c.unaryCalls.Get().(*unaryCall); ok {
		return u
	}
	return &unaryCall{done: make(chan struct{}, 1)}
}

// callFields returns what the header of a call with ctx says.
func callFields(ctx context.Context) (fields, *Metadata, error) {
	o := optionsOf(ctx)
	f := fields{priority: o.priority, metadata: o.metadata}
	if deadline, ok := ctx.Deadline(); ok {
		f.timeout = max(time.Until(deadline), time.Microsecond)
	}
	return f, o.response, f.metadata.check()
}

// Invoke implements [Invoker].
func (c *Conn) Invoke(ctx context.Context, method MethodID, request Message) (_ []byte, err error) {
	defer request.release()
	if err := ctx.Err(); err != nil {
		return nil, ErrorFrom(err)
	}
	n := request.Len()
	if n > c.cfg.MaxMessageBytes {
		return nil, Errorf(ResourceExhausted, "request of %d bytes, limit MaxMessageBytes is %d", n, c.cfg.MaxMessageBytes)
	}
	if c.cfg.Observer == nil {
		return c.invoke(ctx, method, request)
	}
	ctx, ended := c.observe(ctx, CallInfo{Method: method, RequestBytes: n})
	response, err := c.invoke(ctx, method, request)
	ended(err, len(response))
	return response, err
}

func (c *Conn) invoke(ctx context.Context, method MethodID, request Message) ([]byte, error) {
	f, metadata, err := callFields(ctx)
	if err != nil {
		return nil, err
	}
	u := c.newUnaryCall()
	u.conn, u.id, u.metadata = c, c.session.NextID(), metadata
	if err := c.addPending(u.id, u); err != nil {
		u.reuse()
		return nil, err
	}
	f.size = announced(request.Len())
	u.head = c.appendCallHeader(u.head[:0], u.id, method, f, request.Len())
	err = c.session.SendMessage(ctx, u.id, f.priority, muxio.Body{
		Prefix: u.head, Bytes: request.Bytes, More: request.More, Owner: request.Owner, End: true,
	})
	u.sent.Store(err == nil)
	told := false // the peer, that the call is given up
	if err != nil && !errors.Is(err, muxio.ErrStopped) {
		told = u.giveUp(c.callError(err))
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		told = u.giveUp(ErrorFrom(ctx.Err())) || told
		<-u.done
	}
	if err != nil && !told {
		c.session.CancelMessage(u.id, uint32(Canceled)) // the peer need not wait for the rest of the request
	}
	if u.err != nil {
		err := u.err
		u.reuse()
		return nil, err
	}
	response := u.response.bytes
	u.reuse()
	return response, nil
}

// reuse gives the call back.
func (u *unaryCall) reuse() {
	if u.shared || u.stream != nil {
		return
	}
	c := u.conn
	u.conn, u.id, u.metadata, u.response, u.settled, u.err = nil, 0, nil, buffer{}, false, nil
	u.sent.Store(false)
	c.unaryCalls.Put(u)
}

// giveUp ends the call with err, here and at the peer, unless its outcome
// stands already. It reports whether it told the peer.
func (u *unaryCall) giveUp(err error) bool {
	u.shared = u.conn.takePending(u.id) == nil // the read loop has it, or had it
	first := u.finish(err)
	if first {
		u.conn.session.CancelMessage(u.id, uint32(ErrorFrom(err).Code))
	}
	return first
}

// finish settles the outcome; only the first call counts.
func (u *unaryCall) finish(err error) bool {
	u.mu.Lock()
	first := !u.settled
	if first {
		u.settled, u.err = true, err
	}
	u.mu.Unlock()
	if first {
		u.done <- struct{}{} // last: whoever takes it may use the call for another
	}
	return first
}

// isSettled tells whether the outcome stands.
func (u *unaryCall) isSettled() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.settled
}

// open reads the header of the response.
func (u *unaryCall) open(h header) error {
	s, f, err := u.conn.responseStatus(h)
	if err != nil {
		return err
	}
	u.status, u.response.expected = s, f.size
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.metadata != nil && !u.settled {
		*u.metadata = f.metadata
	}
	return nil
}

// stopSending gives up sending what is left of the request when the response comes
// before its end: the peer does not want it.
func (u *unaryCall) stopSending() {
	if !u.sent.Load() {
		u.conn.session.StopMessage(u.id)
	}
}

// respondWhole implements responder.
func (u *unaryCall) respondWhole(h header, payload []byte) {
	u.stopSending()
	err := u.open(h)
	switch {
	case err != nil:
	case len(payload) > u.conn.cfg.MaxMessageBytes:
		err = Errorf(ResourceExhausted, "message of more than %d bytes, limit MaxMessageBytes", u.conn.cfg.MaxMessageBytes)
	case u.status == statusOK:
		u.response.bytes = append(make([]byte, 0, len(payload)), payload...)
	default:
		err = u.conn.failure(u.status, payload)
	}
	u.finish(err)
}

// respond implements responder.
func (u *unaryCall) respond(h header, stream *muxio.RecvStream) sink {
	u.stream = stream
	u.stopSending()
	if err := u.open(h); err != nil {
		u.finish(err)
		return nil
	}
	return u
}

// abort implements responder.
func (u *unaryCall) abort(err error) { u.finish(err) }

// Data implements sink.
func (u *unaryCall) Data(p []byte) {
	if u.isSettled() { // given up
		u.leave()
		return
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
	u.finish(u.conn.failure(u.status, u.response.bytes))
}

// Cancel implements sink.
func (u *unaryCall) Cancel(cause error) {
	u.leave()
	u.finish(responseCut(cause))
}

// responseCut is the error of a call whose response will not be completed.
func responseCut(cause error) *Error {
	var canceled *muxio.CanceledError
	if !errors.As(cause, &canceled) {
		return unavailable(cause)
	}
	e := &Error{Code: Unavailable, Message: "the peer gave up answering"}
	if canceled.Code > 0 && canceled.Code <= uint32(Unauthenticated) {
		e.Code = Code(canceled.Code)
	}
	return e
}

// leave gives back what the response held; what still arrives of it is
// dropped. The read loop calls it once, before the caller takes the bytes.
func (u *unaryCall) leave() {
	u.response.settle(u.conn)
	u.stream.Release()
}
