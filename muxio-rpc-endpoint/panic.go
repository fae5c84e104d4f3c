package endpoint

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// maxStackBytes bounds the stack that is logged for a panic, in bytes.
const maxStackBytes = 16 << 10

// guard is deferred around a handler: it turns a panic into the call's error
// and logs it with its stack. A handler that ends its goroutine with
// [runtime.Goexit] is not stopped here; the connection answers such a call.
func (e *Endpoint) guard(ctx context.Context, name string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	stack := make([]byte, maxStackBytes)
	stack = stack[:runtime.Stack(stack, false)]
	e.logger.LogAttrs(ctx, slog.LevelError, "handler panicked",
		slog.String("method", name), slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(stack)))
	*err = rpc.Errorf(rpc.Internal, "handler panicked")
}

// outcome returns the error that is sent to the caller: nil for success, else a
// [*rpc.Error] with a code.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	e := rpc.ErrorFrom(err)
	if e.Code == 0 {
		return &rpc.Error{Code: rpc.Unknown, Reason: e.Reason, Message: e.Message}
	}
	return e
}
