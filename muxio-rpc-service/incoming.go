package rpc

import (
	"github.com/simd-drive/go/muxio"
)

// sink takes the payload of an RPC message, behind its header. Its methods are
// those of [muxio.Receiver] and under the same rules.
type sink interface {
	Data(p []byte)
	End()
	Cancel(cause error)
}

// incoming is an incoming stream until its header is complete, and passes what
// follows to the sink that the header calls for.
type incoming struct {
	conn   *Conn
	stream *muxio.RecvStream
	head   []byte // the beginning of the header, when it came in parts
	sink   sink
}

// Data implements [muxio.Receiver].
func (in *incoming) Data(p []byte) {
	if in.sink != nil {
		in.sink.Data(p)
		return
	}
	if len(in.head) > 0 {
		in.head = append(in.head, p...)
		p = in.head
	}
	h, rest, ok := parseHeader(p)
	if !ok {
		if len(in.head) == 0 {
			in.head = append(in.head, p...)
		}
		return
	}
	in.stream.Grant(len(p) - len(rest))
	in.route(h)
	in.head = nil
	if in.sink == nil {
		in.stream.Release() // nobody wants this message
		return
	}
	if len(rest) > 0 {
		in.sink.Data(rest)
	}
}

// End implements [muxio.Receiver]. A stream that ends within its header says
// nothing and is dropped.
func (in *incoming) End() {
	if in.sink == nil {
		in.stream.Release()
		return
	}
	in.sink.End()
}

// Cancel implements [muxio.Receiver].
func (in *incoming) Cancel(cause error) {
	if in.sink == nil {
		in.stream.Release()
		return
	}
	in.sink.Cancel(cause)
}

// route finds the sink for a message. Only calls are ever answered: a response
// that nobody asked for, or a message of an unknown type, is dropped, or two
// peers could answer each other for ever.
func (in *incoming) route(h header) {
	c := in.conn
	switch h.typ {
	case callMessage:
		route, f, ok := c.routeCall(h, in.stream)
		if !ok {
			return
		}
		h.metadata = nil // aliases the read buffer
		if route.Unary == nil {
			in.sink = c.startServerCall(h, in.stream, in.stream.ID(), route, f)
			return
		}
		u := &unaryRequest{call: call{conn: c, id: in.stream.ID(), stream: in.stream, header: h}, route: route}
		u.ctx.start(c, f)
		u.request.expected = f.size
		in.sink = u
	case responseMessage:
		if p := c.takePending(h.request); p != nil {
			in.sink = p.respond(h, in.stream)
		}
	}
}

// routeCall finds what answers a call. It reports false when the call has been
// refused.
func (c *Conn) routeCall(h header, stream *muxio.RecvStream) (route Route, f fields, ok bool) {
	if c.cfg.Handler != nil {
		route, ok = c.cfg.Handler.Route(h.method)
	}
	if !ok {
		c.refuse(h, stream, []byte{byte(statusNoMethod)})
		return route, f, false
	}
	f, err := parseFields(h.metadata)
	if err != nil {
		c.refuseWith(h, stream, ErrorFrom(err))
		return route, f, false
	}
	return route, f, true
}

// message takes a stream that arrived as a whole. payload is valid during the call.
func (c *Conn) message(id uint32, payload []byte) {
	h, rest, ok := parseHeader(payload)
	if !ok {
		return // it ends within its header, and says nothing
	}
	switch h.typ {
	case callMessage:
		c.wholeCall(id, h, rest)
	case responseMessage:
		if p := c.takePending(h.request); p != nil {
			p.respondWhole(h, rest)
		}
	}
}

// wholeCall answers a call whose request stream arrived as a whole.
func (c *Conn) wholeCall(id uint32, h header, request []byte) {
	route, f, ok := c.routeCall(h, nil)
	if !ok {
		return
	}
	if route.Unary == nil {
		h.metadata = nil
		if s := c.startServerCall(h, nil, id, route, f); s != nil {
			s.Data(request)
			s.End()
		}
		return
	}
	if route.Inline && len(h.metadata) == 0 {
		c.answerInline(h, route, request)
		return
	}
	h.metadata = nil
	u := &unaryRequest{call: call{conn: c, id: id, header: h}, route: route}
	u.ctx.start(c, f)
	if len(request) <= scratchBytes {
		u.pooled, _ = scratch.Get().(*[scratchBytes]byte)
		u.request.bytes = u.pooled[:0]
	}
	if e := u.request.add(c, request); e != nil {
		u.ctx.end()
		u.drop()
		c.refuseWith(h, nil, e)
		return
	}
	u.start()
}

// reserve takes n bytes of the connection's budget for messages that are being
// received, and reports whether it had them.
func (c *Conn) reserve(n int) bool {
	if c.buffered.Add(int64(n)) <= int64(c.cfg.MaxBufferedBytes) {
		return true
	}
	c.buffered.Add(int64(-n))
	return false
}

// firstBufferBytes is how much is allocated at once for a message because its peer
// announced it; the rest is allocated as it comes.
const firstBufferBytes = 1 << 20

// buffer collects the bytes of a unary message within the limits.
type buffer struct {
	bytes    []byte
	expected int64 // as the peer announced, 0 if it did not
}

// grow makes room for n more bytes, for all that is expected if it is not much more
// than is there.
func (b *buffer) grow(n int) {
	need := len(b.bytes) + n
	if need <= cap(b.bytes) {
		return
	}
	room := max(need, 2*cap(b.bytes))
	if b.expected > 0 {
		room = max(need, int(min(b.expected, max(firstBufferBytes, 4*int64(need)))))
	}
	grown := make([]byte, len(b.bytes), room)
	copy(grown, b.bytes)
	b.bytes = grown
}

// add appends p, or returns why it may not.
func (b *buffer) add(c *Conn, p []byte) *Error {
	if len(b.bytes)+len(p) > c.cfg.MaxMessageBytes {
		return Errorf(ResourceExhausted, "message of more than %d bytes, limit MaxMessageBytes", c.cfg.MaxMessageBytes)
	}
	if !c.reserve(len(p)) {
		return Errorf(ResourceExhausted, "messages being received exceed %d bytes, limit MaxBufferedBytes", c.cfg.MaxBufferedBytes)
	}
	b.grow(len(p))
	b.bytes = append(b.bytes, p...)
	return nil
}

// settle gives the budget back; the bytes stay.
func (b *buffer) settle(c *Conn) { c.buffered.Add(int64(-len(b.bytes))) }
