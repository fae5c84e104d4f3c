package rpc

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Calls of the original protocol have the same header and are otherwise poorer: the
// metadata of a call are its request, unless a payload follows, and that of a response is
// the status byte. A failure is status 2 and a text. There are no streaming calls.

// maxParamsBytes is the largest request that stands in the metadata of a call; what is
// larger is its payload.
const maxParamsBytes = 1<<16 - 1

var errNoStreams = &Error{Code: Unimplemented, Reason: ReasonNotStarted, Message: "the peer speaks the original protocol, which has no streaming calls"}

// OriginalCallWait is how long calls of a peer of the original protocol wait, and all that
// comes behind them, while [Config.MaxCalls] are running; then they are refused, until
// there is room again. Programs written for that protocol do not expect a refusal; but
// a connection on which nothing is received for ever could not even end.
const OriginalCallWait = 5 * time.Second

// awaitRoom keeps the read loop from taking further calls while as many are running as
// may.
func (c *Conn) awaitRoom() {
	if c.isFull() && !c.crowded {
		late := time.NewTimer(OriginalCallWait)
		defer late.Stop()
		for c.isFull() && !c.crowded {
			select {
			case <-c.room:
			case <-late.C:
				c.crowded = true
			case <-c.session.Done():
				return
			}
		}
	}
	c.crowded = c.crowded && c.isFull()
}

// isFull tells whether as many calls are running as may.
func (c *Conn) isFull() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls >= c.cfg.MaxCalls
}

// routeOriginal refuses calls that cannot be answered to a peer of the original protocol.
func (c *Conn) routeOriginal(h header, stream *muxio.RecvStream, route Route) bool {
	if route.Unary == nil {
		c.refuseWith(h, stream, errNoStreams)
		return false
	}
	return true
}

// params returns the request, as far as it stands in the header of a call.
func (c *Conn) params(h header) []byte {
	if !c.original {
		return nil
	}
	return h.metadata
}

// answerID returns the id for a call of the peer that came on a stream. In the original
// protocol stream ids are free before the call is answered.
func (c *Conn) answerID(stream uint32) uint32 {
	if !c.original {
		return stream
	}
	c.numbered++
	return c.numbered
}

// appendCallHeader appends the header of a call whose request has n bytes.
func (c *Conn) appendCallHeader(dst []byte, id uint32, method MethodID, f fields, n int) []byte {
	if !c.original {
		return appendCallHeader(dst, id, method, f)
	}
	begin := len(dst)
	dst = appendHeader(dst, header{typ: callMessage, request: id, method: method})
	if n <= maxParamsBytes { // the request, which follows, is the metadata
		binary.LittleEndian.PutUint16(dst[begin+headerBytes-2:], uint16(n))
	}
	return dst
}

// appendResponseHeader appends the header of the response to a call.
func (c *Conn) appendResponseHeader(dst []byte, to header, s status, f fields) []byte {
	if c.original {
		f = fields{}
	}
	return appendResponseHeader(dst, to, s, f)
}

// appendFailure appends the status byte and payload that stand for e.
func (c *Conn) appendFailure(dst []byte, e *Error) []byte {
	if !c.original {
		return appendFailure(dst, e)
	}
	text := e.Message
	if text == "" {
		text = e.Code.String()
	}
	return append(append(dst, byte(statusSystem)), cut(text, MaxErrorMessage)...)
}

// responseStatus reads the status of a response header and its fields. In the original
// protocol a status that is not known is success.
func (c *Conn) responseStatus(h header) (status, fields, error) {
	if !c.original {
		return responseStatus(h)
	}
	if len(h.metadata) == 0 || status(h.metadata[0]) > statusNoMethod {
		return statusOK, fields{}, nil
	}
	return status(h.metadata[0]), fields{}, nil
}

// failure returns the error that a response stands for, nil for success.
func (c *Conn) failure(s status, payload []byte) error {
	if !c.original || s == statusOK || s == statusNoMethod && len(payload) == 0 {
		return failure(s, payload)
	}
	text, code := payload, Unknown
	switch {
	case s == statusSystem:
		code = Internal
	case s == statusNoMethod:
		code = Unimplemented
	case len(payload) >= 2 && int(payload[1]) == len(payload)-2:
		// A byte of a code, the length of the text in another, if it is less than
		// 255, and the text.
		text = payload[2:]
	}
	return &Error{Code: code, Message: cut(strings.ToValidUTF8(string(text), "\uFFFD"), MaxErrorMessage)}
}
