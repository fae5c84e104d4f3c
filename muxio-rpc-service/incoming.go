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
	switch h.typ {
	case callMessage:
		in.routeCall(h)
	case responseMessage:
		if p := in.conn.takePending(h.request); p != nil {
			in.sink = p.respond(h, in.stream)
		}
	}
}

func (in *incoming) routeCall(h header) {
	c := in.conn
	h.metadata = nil // aliases the read buffer, and nothing is in it
	call := answer{conn: c, stream: in.stream, header: h}
	var route Route
	known := false
	if c.cfg.Handler != nil {
		route, known = c.cfg.Handler.Route(h.method)
	}
	switch {
	case !known:
		call.refuse([]byte{byte(statusNoMethod)})
	case route.Unary != nil:
		in.sink = &unaryRequest{answer: call, route: route}
	default:
		in.sink = startServerCall(call, route)
	}
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

// buffer collects the bytes of a unary message within the limits.
type buffer struct {
	bytes []byte
}

// add appends p, or returns why it may not.
func (b *buffer) add(c *Conn, p []byte) *Error {
	if len(b.bytes)+len(p) > c.cfg.MaxMessageBytes {
		return Errorf(ResourceExhausted, "message of more than %d bytes, limit MaxMessageBytes", c.cfg.MaxMessageBytes)
	}
	if !c.reserve(len(p)) {
		return Errorf(ResourceExhausted, "messages being received exceed %d bytes, limit MaxBufferedBytes", c.cfg.MaxBufferedBytes)
	}
	b.bytes = append(b.bytes, p...)
	return nil
}

// settle gives the budget back; the bytes stay.
func (b *buffer) settle(c *Conn) { c.buffered.Add(int64(-len(b.bytes))) }
