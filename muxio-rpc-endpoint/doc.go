// Package endpoint answers calls: it keeps a registry of typed handlers and
// serves it as an [rpc.Handler] on any number of connections.
//
// A handler is registered with the method it answers, and the compiler checks
// that the two fit:
//
//	ep := endpoint.New(endpoint.Options{Logger: logger})
//	err := endpoint.Handle(ep, Greet, func(ctx context.Context, name string) (string, error) {
//		return "hello " + name, nil
//	})
//
// There is one function per kind of method: [Handle] (one request, one
// response), [HandleClientStream], [HandleServerStream] and [HandleBothWays].
//
// # Errors
//
// What a handler returns travels to the caller as an [rpc.Error]: an error that
// is or wraps one keeps its code, reason and message; context errors become
// [rpc.Canceled] and [rpc.DeadlineExceeded]; any other error becomes
// [rpc.Unknown] with its text. A request that does not parse is answered with
// [rpc.InvalidArgument], unless the codec fails with an [rpc.Error] of its own; a
// response that cannot be encoded with [rpc.Internal]. A handler that panics fails
// its own call with [rpc.Internal]; the panic value and the stack go to the log of
// this end only.
//
// # Lifetime
//
// A codec may let a parsed value alias the bytes it was parsed from. The
// request of a call stays valid until the handler has returned and its response
// has been sent; an item from a [Receiver] until the next Receive. A response
// or an item that is sent is borrowed until it has been handed to the
// connection: for items until Send returns, for a response until it is sent,
// which is after the handler returned.
//
// # Concurrency
//
// Each call runs its handler in a goroutine of its own, so handlers of one
// connection run at the same time. Their context ends when the caller cancels,
// when its deadline passes and when the connection fails. [Peer] gives the
// connection a call came in on, so that a handler can call its caller back.
package endpoint
