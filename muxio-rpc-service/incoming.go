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
		params := c.params(h)
		h.metadata = nil // aliases the read buffer
		if route.Unary == nil {
			in.sink = c.startServerCall(h, in.stream, in.stream.ID(), route, f)
			return
		}
		u := &unaryRequest{conn: c, id: c.answerID(in.stream.ID()), stream: in.stream, header: h, route: route, ctx: newCallContext(c, f)}
		u.request.borrows, u.request.expected, u.params = true, f.size, len(params) > 0
		if e := u.request.add(c, params); e != nil {
			u.refuse(e)
			return
		}
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
	if c.original {
		c.awaitRoom()
	}
	if c.cfg.Handler != nil {
		route, ok = c.cfg.Handler.Route(h.method)
	}
	if !ok {
		c.refuse(h, stream, []byte{byte(statusNoMethod)})
		return route, f, false
	}
	if c.original {
		return route, f, c.routeOriginal(h, stream, route)
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
	if len(request) == 0 {
		request = c.params(h)
	}
	h.metadata = nil
	if route.Inline && f.timeout == 0 && f.priority == muxio.Normal && f.metadata.Len() == 0 && !c.isBehind() &&
		c.answerInline(h, route, request) {
		return
	}
	u, _ := unaryRequests.Get().(*unaryRequest)
	u.conn, u.id, u.header, u.route, u.ctx = c, c.answerID(id), h, route, newCallContext(c, f)
	u.request.borrows = true
	if e := u.request.add(c, request); e != nil {
		u.refuse(e)
		return
	}
	u.start()
}
