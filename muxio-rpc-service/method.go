package rpc

// identity is what all kinds of methods have in common.
type identity struct {
	name string
	id   MethodID
}

// newIdentity panics for an empty name and for codecs that are nil: methods are
// package variables, and such a mistake should show at the start.
func newIdentity(name string, codecs ...any) identity {
	if name == "" {
		panic("rpc: method without a name")
	}
	for _, c := range codecs {
		if c == nil {
			panic("rpc: method " + name + " without a codec")
		}
	}
	return identity{name: name, id: MethodIDOf(name)}
}

// Name returns the method's name; it is empty for a zero method.
func (i identity) Name() string { return i.name }

// ID returns the id under which the method travels.
func (i identity) ID() MethodID { return i.id }

// Method describes calls with one request and one response. A method is an
// immutable value that both ends share, usually as a package variable.
type Method[Req, Resp any] struct {
	identity
	request  Codec[Req]
	response Codec[Resp]
}

// NewMethod returns a method. It panics for an empty name or a nil codec.
func NewMethod[Req, Resp any](name string, request Codec[Req], response Codec[Resp]) Method[Req, Resp] {
	return Method[Req, Resp]{newIdentity(name, request, response), request, response}
}

// Request returns the codec of the request.
func (m Method[Req, Resp]) Request() Codec[Req] { return m.request }

// Response returns the codec of the response.
func (m Method[Req, Resp]) Response() Codec[Resp] { return m.response }

// ClientStreamMethod describes calls with a request, then any number of items
// from the caller, and one response.
type ClientStreamMethod[Req, Item, Resp any] struct {
	identity
	request  Codec[Req]
	item     Codec[Item]
	response Codec[Resp]
}

// NewClientStream returns a method. It panics for an empty name or a nil codec.
func NewClientStream[Req, Item, Resp any](name string, request Codec[Req], item Codec[Item], response Codec[Resp]) ClientStreamMethod[Req, Item, Resp] {
	return ClientStreamMethod[Req, Item, Resp]{newIdentity(name, request, item, response), request, item, response}
}

// Request returns the codec of the request.
func (m ClientStreamMethod[Req, Item, Resp]) Request() Codec[Req] { return m.request }

// Item returns the codec of the items that the caller sends.
func (m ClientStreamMethod[Req, Item, Resp]) Item() Codec[Item] { return m.item }

// Response returns the codec of the response.
func (m ClientStreamMethod[Req, Item, Resp]) Response() Codec[Resp] { return m.response }

// ServerStreamMethod describes calls with a request that is answered by any
// number of items.
type ServerStreamMethod[Req, Item any] struct {
	identity
	request Codec[Req]
	item    Codec[Item]
}

// NewServerStream returns a method. It panics for an empty name or a nil codec.
func NewServerStream[Req, Item any](name string, request Codec[Req], item Codec[Item]) ServerStreamMethod[Req, Item] {
	return ServerStreamMethod[Req, Item]{newIdentity(name, request, item), request, item}
}

// Request returns the codec of the request.
func (m ServerStreamMethod[Req, Item]) Request() Codec[Req] { return m.request }

// Item returns the codec of the items that the answering end sends.
func (m ServerStreamMethod[Req, Item]) Item() Codec[Item] { return m.item }

// BothWaysMethod describes calls in which, after the request, both ends send
// items independently of each other.
type BothWaysMethod[Req, In, Out any] struct {
	identity
	request Codec[Req]
	in      Codec[In]
	out     Codec[Out]
}

// NewBothWays returns a method. It panics for an empty name or a nil codec.
func NewBothWays[Req, In, Out any](name string, request Codec[Req], in Codec[In], out Codec[Out]) BothWaysMethod[Req, In, Out] {
	return BothWaysMethod[Req, In, Out]{newIdentity(name, request, in, out), request, in, out}
}

// Request returns the codec of the request.
func (m BothWaysMethod[Req, In, Out]) Request() Codec[Req] { return m.request }

// In returns the codec of the items that the caller sends.
func (m BothWaysMethod[Req, In, Out]) In() Codec[In] { return m.in }

// Out returns the codec of the items that the answering end sends.
func (m BothWaysMethod[Req, In, Out]) Out() Codec[Out] { return m.out }
