package rpc

import (
	"context"
	"time"
)

// CallInfo says which call an [Observer] is told of.
type CallInfo struct {
	Method MethodID
	// Name is the method's name where it is known: at the end that answers.
	Name string
	// Incoming tells that the peer made the call.
	Incoming bool
	// Streaming tells that it is no unary call.
	Streaming bool
	// RequestBytes is the size of the encoded request of a unary call.
	RequestBytes int
}

// CallOutcome says how a call ended.
type CallOutcome struct {
	// Err is nil for success.
	Err error
	// ResponseBytes is the size of the encoded response of a unary call.
	ResponseBytes int
	// Duration is the time from the start to the end of the call at this end.
	Duration time.Duration
}

// Observer is told of every call at one end, for metrics and traces. It is called
// when the call begins; the context that it returns goes on to the handler, or
// further into the call, and must descend from the one given. The function that it
// returns, unless nil, is called when the call has ended. Both must not block and
// must be safe for concurrent use.
type Observer func(ctx context.Context, info CallInfo) (context.Context, func(CallOutcome))

// observe tells the observer that a call begins. ended must be called once.
func (c *Conn) observe(ctx context.Context, info CallInfo) (_ context.Context, ended func(err error, responseBytes int)) {
	if c.cfg.Observer == nil {
		return ctx, notObserved
	}
	begin := time.Now()
	ctx, tell := c.cfg.Observer(ctx, info)
	if tell == nil {
		return ctx, notObserved
	}
	return ctx, func(err error, responseBytes int) {
		tell(CallOutcome{Err: err, ResponseBytes: responseBytes, Duration: time.Since(begin)})
	}
}

func notObserved(error, int) {}
