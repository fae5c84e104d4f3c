package rpc

import "github.com/simd-drive/go/muxio"

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

// answerInline runs a handler in the read loop. The answer never waits: what is too
// large to be copied is lent to the transport.
func (c *Conn) answerInline(h header, route Route, request []byte) {
	if e := c.refusal(); e != nil {
		c.refuseWith(h, nil, e)
		return
	}
	dst := borrowBlock(minBlockBytes)
	defer dst.giveBack()
	ctx, ended := c.observe(c.base, CallInfo{Method: h.method, Name: route.Name, Incoming: true, RequestBytes: len(request)})
	response, err := route.Unary(ctx, request, dst.bytes[:0])
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
	// The block goes back now; what lies in it is copied, what is lent is not.
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
