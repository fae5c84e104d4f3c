package rpc

import (
	"slices"

	"github.com/simd-drive/go/muxio"
)

// refuse answers a call from the read loop, without blocking, and drops the rest of
// its request. answer begins with the status byte.
func (c *Conn) refuse(h header, stream *muxio.RecvStream, answer []byte) {
	stream.Release()
	head := borrowBlock(minBlockBytes)
	defer head.giveBack()
	_ = c.session.SendMessageNow(c.session.NextID(), muxio.Body{ // fails only when the session has ended
		Prefix: c.appendResponseHeader(head.bytes[:0], h, status(answer[0]), fields{}), Bytes: answer[1:], End: true,
	})
}

// refuseWith is refuse with an error.
func (c *Conn) refuseWith(h header, stream *muxio.RecvStream, e *Error) {
	c.refuse(h, stream, c.appendFailure(nil, e))
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
// large to be copied, or finds too much waiting, is lent to the transport. It reports false, and nothing has been
// answered, when the handler wants a goroutine after all.
func (c *Conn) answerInline(h header, route Route, request []byte) bool {
	if e := c.refusal(); e != nil {
		c.refuseWith(h, nil, e)
		return true
	}
	// The response may refer to the request, so both live until it has been sent.
	kept := borrowBlock(len(request))
	request = append(kept.bytes[:0], request...)
	dst := borrowBlock(minBlockBytes)
	ctx, ended := c.observe(c.base, CallInfo{Method: h.method, Name: route.Name, Incoming: true, RequestBytes: len(request)})
	response, err := route.Unary(ctx, request, dst.bytes[:0])
	n := response.Len()
	defer ended(err, n)
	if err == ErrNotInline { //nolint:errorlint // it stands for itself only
		response.release()
		kept.giveBack()
		dst.giveBack()
		return false
	}
	if err == nil && n > c.cfg.MaxMessageBytes {
		err = Errorf(ResourceExhausted, "response of %d bytes, limit MaxMessageBytes is %d", n, c.cfg.MaxMessageBytes)
	}
	if err != nil {
		response.release()
		kept.giveBack()
		dst.giveBack()
		c.refuseWith(h, nil, answered(err))
		return true
	}
	head := borrowBlock(minBlockBytes)
	defer head.giveBack()
	prefix := c.appendResponseHeader(head.bytes[:0], h, statusOK, fields{size: announced(n)})
	if !c.session.CanSendNow(len(prefix) + n) {
		c.lend(prefix, response, kept, dst)
		return true
	}
	_ = c.session.SendMessageNow(c.session.NextID(), muxio.Body{ // fails only when the session has ended
		Prefix: prefix, Bytes: response.Bytes, More: response.More,
	})
	response.release()
	kept.giveBack()
	dst.giveBack()
	return true
}

// lend sends a large response from where it is. When that is done it gives back the
// request and the memory that the response was encoded into, for both may be part of it.
func (c *Conn) lend(prefix []byte, response Message, request, encoded *block) {
	body := muxio.Body{Prefix: slices.Clone(prefix), Bytes: response.Bytes, More: response.More, Owner: response.Owner}
	n := response.Len()
	c.holdAnswer(n)
	c.session.SendMessageLater(c.session.NextID(), muxio.Normal, body, func(error) {
		response.release()
		request.giveBack()
		encoded.giveBack()
		c.letAnswerGo(n)
	})
}
