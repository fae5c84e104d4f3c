package rpc

import "context"

// Message is one encoded message, as a codec hands it over for sending: Bytes
// first, then each slice of More. Large values travel in More by reference, so
// that they reach the transport without being copied.
type Message struct {
	Bytes []byte
	More  [][]byte
	// Lent says that Bytes, too, are of the value and not of the buffer that it
	// was encoded into: whoever owns that buffer must not take them for it.
	Lent bool
	// Owner is kept reachable until the last byte has been handed to the
	// transport. It pins memory that the garbage collector does not know,
	// such as a file mapping behind a slice in More.
	Owner any
	// Release, unless nil, is called once when the bytes are no longer needed:
	// they were handed to the transport, or will not be. It must not block.
	Release func()
}

// release calls Release.
func (m Message) release() {
	if m.Release != nil {
		m.Release()
	}
}

// Len returns the size of the encoded message in bytes.
func (m Message) Len() int {
	n := len(m.Bytes)
	for _, p := range m.More {
		n += len(p)
	}
	return n
}

// Invoker makes calls to the peer. [*Conn] implements it; so may a wrapper that
// adds retries, tracing or a choice among several connections.
// All methods are safe for concurrent use.
type Invoker interface {
	// Invoke makes a unary call and returns the encoded response, which
	// belongs to the caller. The request is borrowed until Invoke returns.
	// When ctx ends first, the call is cancelled at the peer and the error is
	// a [*Error] with [Canceled] or [DeadlineExceeded].
	Invoke(ctx context.Context, method MethodID, request Message) ([]byte, error)

	// OpenCall starts a streaming call and sends the request as its first
	// message. The call lives until it has been received to its end, or until
	// Close; ctx ending cancels it at the peer.
	OpenCall(ctx context.Context, method MethodID, request Message) (ClientCall, error)
}

// ClientCall is the calling end of a streaming call. Send and CloseSend are for
// one goroutine at a time, Receive for one (possibly other) goroutine; Close
// may be called at any time from any goroutine.
type ClientCall interface {
	// Send sends one message to the peer. It borrows m until it returns and
	// blocks while the peer has not granted room. When the peer has finished
	// the call, Send returns [io.EOF] and Receive tells the outcome.
	Send(m Message) error

	// CloseSend tells the peer that no message follows.
	CloseSend() error

	// Receive returns the next message from the peer; it is valid until the
	// next call of Receive. After the last message it returns [io.EOF] when
	// the call succeeded, else the call's [*Error].
	Receive() ([]byte, error)

	// Close ends the call: one that is still running is cancelled at the peer.
	// Close releases what the call holds and is idempotent.
	Close() error
}

// ServerCall is the answering end of a streaming call. Send is for one
// goroutine at a time, Receive for one (possibly other) goroutine. Both end
// with the handler that the call was given to.
type ServerCall interface {
	// Receive returns the next message of the peer, valid until the next call
	// of Receive, [io.EOF] after the last one, and a [*Error] when the call
	// was cancelled or the connection failed.
	Receive() ([]byte, error)

	// Send sends one message to the peer. It borrows m until it returns and
	// blocks while the peer has not granted room.
	Send(m Message) error
}

// Route says how calls of one method are answered. Exactly one of Unary and
// Stream is set.
type Route struct {
	// Name is the method's name, for logs.
	Name string

	// Unary answers a call whose request arrived whole. The request is
	// borrowed: it and whatever aliases it stay valid until the response has
	// been sent. The response is encoded into dst, an empty buffer with some
	// capacity that belongs to the connection.
	Unary func(ctx context.Context, request, dst []byte) (Message, error)

	// Inline says that Unary is so quick and certain to return that the
	// connection may run it in its read loop, which saves handing it over. It
	// must not block, and not call the peer. Calls with a timeout or metadata
	// are handed over all the same.
	Inline bool

	// Ordered lets calls of such methods on one connection run one after the other,
	// in the order in which their requests were complete. It has no meaning for
	// calls that run inline, and for streaming ones.
	Ordered bool

	// Stream answers a streaming call. request is its first message, valid
	// until the first Receive. The call ends when Stream returns.
	Stream func(ctx context.Context, request []byte, call ServerCall) error
}

// Handler finds the route of an incoming call. Route is called from the
// connection's read loop, so it must not block; it must be safe for concurrent
// use because one handler may serve many connections.
type Handler interface {
	Route(id MethodID) (Route, bool)
}

// ErrNotInline is returned by a handler that runs inline, and finds that it would block
// or take long: the call is handed over to a goroutine, where the handler runs once
// more, so it must have done nothing yet. [IsInline] tells it where it is. Observers and
// interceptors see such a call twice, the first time with this error.
var ErrNotInline = &Error{Code: Internal, Message: "the handler cannot run inline"}

type inlineKey struct{}

// IsInline tells whether the handler of ctx runs in the read loop of its connection,
// where it must not wait for anything.
func IsInline(ctx context.Context) bool { return ctx.Value(inlineKey{}) != nil }

type peerKey struct{}

// PeerFrom returns the connection on which the call of ctx came in. Handlers
// call back to their client through it.
func PeerFrom(ctx context.Context) (Invoker, bool) {
	p, ok := ctx.Value(peerKey{}).(Invoker)
	return p, ok
}

// WithPeer returns a context in which [PeerFrom] finds peer.
func WithPeer(ctx context.Context, peer Invoker) context.Context {
	return context.WithValue(ctx, peerKey{}, peer)
}
