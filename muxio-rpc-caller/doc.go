// Package caller makes typed calls over an [rpc.Invoker], such as an
// [rpc.Conn].
//
// A method is a value that both ends share, so the compiler checks what a call
// sends and what comes back:
//
//	greeting, err := caller.Call(ctx, conn, Greet, "world")
//
// [Call] makes a unary call. [OpenClientStream], [OpenServerStream] and
// [OpenBothWays] start calls with any number of items in one or both
// directions; [NewWriter] and [NewReader] turn streams of bytes into
// [io.Writer] and [io.Reader].
//
// # Cancellation
//
// The context given when a call is made governs all of it: when it ends, the
// call fails with [rpc.Canceled] or [rpc.DeadlineExceeded] and is cancelled at
// the peer, where the handler's context ends. A stream must be finished or
// closed, else it holds memory at both ends until its context ends: receive
// until an error (io.EOF included), call Finish, or call Close, which may be
// deferred because it does nothing to a call that is over.
//
// # Errors
//
// The failure of a call is, or wraps, an [*rpc.Error]; errors.Is(err,
// rpc.NotFound) asks for its code. A value that cannot be encoded fails with
// [rpc.InvalidArgument] and what does not parse with [rpc.Internal], both
// wrapping the codec's error. A lost connection fails with [rpc.Unavailable]:
// whether the peer carried the call out is unknown then.
//
// # Lifetime
//
// A codec may let a parsed value alias the bytes it was parsed from. The
// response of [Call], and that of Finish, belongs to the caller of either. An
// item from Receive or All is valid until the next item is asked for. Values
// that are sent are borrowed until the function returns.
package caller
