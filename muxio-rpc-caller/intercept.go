package caller

import (
	"context"
	"slices"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Interceptor runs around the calls that are made through an [rpc.Invoker]: it may
// change the context (metadata, priority, deadline), refuse, retry, measure. A nil
// function lets calls pass. Both must be safe for concurrent use.
type Interceptor struct {
	// Unary runs around unary calls. request is borrowed until it returns, so
	// that next may be called again with it, unless it has a Release.
	Unary func(ctx context.Context, method rpc.MethodID, request rpc.Message, next UnaryFunc) ([]byte, error)
	// Stream runs around the opening of streaming calls. It may return a wrapper
	// of the call that next returned, to see its messages and its end.
	Stream func(ctx context.Context, method rpc.MethodID, request rpc.Message, next StreamFunc) (rpc.ClientCall, error)
}

// UnaryFunc makes a unary call.
type UnaryFunc func(ctx context.Context, method rpc.MethodID, request rpc.Message) ([]byte, error)

// StreamFunc opens a streaming call.
type StreamFunc func(ctx context.Context, method rpc.MethodID, request rpc.Message) (rpc.ClientCall, error)

// Intercept returns an invoker that makes its calls through the interceptors, the
// first one outermost, and then through c.
func Intercept(c rpc.Invoker, interceptors ...Interceptor) rpc.Invoker {
	in := intercepted{unary: c.Invoke, stream: c.OpenCall}
	for _, outer := range slices.Backward(interceptors) {
		if fn := outer.Unary; fn != nil {
			next := in.unary
			in.unary = func(ctx context.Context, method rpc.MethodID, request rpc.Message) ([]byte, error) {
				return fn(ctx, method, request, next)
			}
		}
		if fn := outer.Stream; fn != nil {
			next := in.stream
			in.stream = func(ctx context.Context, method rpc.MethodID, request rpc.Message) (rpc.ClientCall, error) {
				return fn(ctx, method, request, next)
			}
		}
	}
	return in
}

// intercepted is an invoker made of functions.
type intercepted struct {
	unary  UnaryFunc
	stream StreamFunc
}

// Invoke implements [rpc.Invoker].
func (i intercepted) Invoke(ctx context.Context, method rpc.MethodID, request rpc.Message) ([]byte, error) {
	return i.unary(ctx, method, request)
}

// OpenCall implements [rpc.Invoker].
func (i intercepted) OpenCall(ctx context.Context, method rpc.MethodID, request rpc.Message) (rpc.ClientCall, error) {
	return i.stream(ctx, method, request)
}
