package endpoint

import (
	"context"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Kind is one of the four shapes of a method.
type Kind uint8

// The kinds of methods.
const (
	// Unary is one request and one response.
	Unary Kind = iota + 1
	// ClientStream is one request, then items from the caller, then one
	// response.
	ClientStream
	// ServerStream is one request, then items to the caller.
	ServerStream
	// BothWays is one request, then items in both directions.
	BothWays
)

// String returns the kind's name in lower-case words.
func (k Kind) String() string {
	switch k {
	case Unary:
		return "unary"
	case ClientStream:
		return "client stream"
	case ServerStream:
		return "server stream"
	case BothWays:
		return "both ways"
	}
	return "unknown kind"
}

// Info tells a [Middleware] which call it runs around.
type Info struct {
	// Name is the method's name.
	Name string
	// ID is the method's id on the wire.
	ID rpc.MethodID
	// Kind is the method's shape.
	Kind Kind
	// RequestBytes is the size of the encoded request; the items of a stream
	// are not counted.
	RequestBytes int
}

// Middleware runs around calls: it may refuse a call by returning an error
// without calling next, give the handler another context by passing it to next,
// and see how the call ended from next's result. What it returns is the outcome
// of the call; it may replace an error by another.
//
// next answers the call and must be called at most once; a second call is
// refused with [rpc.Internal], as is a Middleware that returns nil without
// having called it. The context must descend from the one given. The request
// has not been parsed when Middleware runs; a handler's panic arrives as an
// error. For a streaming call next returns when the handler has. Middleware
// runs in the goroutine of the call and must be safe for concurrent use.
type Middleware func(ctx context.Context, info Info, next func(ctx context.Context) error) error

// through runs final inside the middleware from index i on.
func (e *Endpoint) through(ctx context.Context, info Info, i int, final func(context.Context) error) error {
	if i == len(e.middleware) {
		return final(ctx)
	}
	return e.middleware[i](ctx, info, func(ctx context.Context) error {
		return e.through(ctx, info, i+1, final)
	})
}

// around runs answer inside all middleware and holds it to its contract.
func (e *Endpoint) around(ctx context.Context, info Info, answer func(context.Context) error) error {
	calls := 0
	err := e.through(ctx, info, 0, func(ctx context.Context) error {
		if calls++; calls > 1 {
			return rpc.Errorf(rpc.Internal, "middleware ran the handler more than once")
		}
		return answer(ctx)
	})
	if err == nil && calls == 0 {
		return rpc.Errorf(rpc.Internal, "middleware dropped the call")
	}
	return err
}
