package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// reasons says how each error of the engine travels.
var reasons = []struct {
	err    error
	reason string
}{
	{drive.ErrNotFound, driveservice.ReasonNotFound},
	{drive.ErrEmptyValue, driveservice.ReasonEmptyValue},
	{drive.ErrNullValue, driveservice.ReasonNullValue},
	{drive.ErrSameKey, driveservice.ReasonSameKey},
	{drive.ErrSameStore, driveservice.ReasonSameStore},
	{drive.ErrTooLarge, driveservice.ReasonTooLarge},
	{drive.ErrReadOnly, driveservice.ReasonReadOnly},
	{drive.ErrClosed, driveservice.ReasonClosed},
	{drive.ErrFailed, driveservice.ReasonFailed},
	{drive.ErrCorrupt, driveservice.ReasonCorrupt},
	{drive.ErrLocked, driveservice.ReasonLocked},
	{drive.ErrNotDrive, driveservice.ReasonNotDrive},
	{drive.ErrNotRegular, driveservice.ReasonNotRegular},
	{drive.ErrCompacting, driveservice.ReasonCompacting},
	{drive.ErrPositionUnknown, driveservice.ReasonPositionUnknown},
}

// failure returns the error that a client receives for err. What carries a code
// already stays as it is. It reports whether err is of the expected kinds;
// others are failures of this end.
func (s *service) failure(err error) (_ *rpc.Error, expected bool) {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return driveservice.NewError(r.reason, s.message(err)), true
		}
	}
	if e := rpc.ErrorFrom(err); e.Code != rpc.Unknown {
		return e, e.Code != rpc.Internal
	}
	return &rpc.Error{Code: rpc.Internal, Message: s.message(err)}, false
}

// message returns the text of err without the path of the store, which is not
// the client's business.
func (s *service) message(err error) string {
	var failed *drive.FailedError
	var corrupt *drive.CorruptError
	var path *fs.PathError
	var link *os.LinkError // of a renaming
	switch {
	case errors.As(err, &failed):
		cause := strings.TrimPrefix(s.message(failed.Err), "drive: ")
		return "drive: " + failed.Op + " failed: " + strings.TrimPrefix(cause, failed.Op+": ")
	case errors.As(err, &corrupt):
		return (&drive.CorruptError{Path: "store", Offset: corrupt.Offset, Reason: corrupt.Reason}).Error()
	case errors.As(err, &path):
		return "drive: " + path.Op + ": " + path.Err.Error()
	case errors.As(err, &link):
		return "drive: " + link.Op + ": " + link.Err.Error()
	}
	text := err.Error()
	if strings.Contains(text, s.store.Path()) {
		return "drive: the log of the server tells more"
	}
	return text
}

// finish is deferred around every handler. It turns an error of the engine into
// one of the service, as which it travels, and a fault of the mapping (the file
// was cut, the disk failed) into one too; it goes on with any other panic. The
// goroutine, which may be the reader of a connection, treats faults as it did before.
func (s *service) finish(method string, old bool, err *error) {
	debug.SetPanicOnFault(old)
	if v := recover(); v != nil {
		if _, fault := v.(interface{ Addr() uintptr }); !fault {
			panic(v)
		}
		*err = &drive.CorruptError{Reason: "the file cannot be read"}
	}
	if *err == nil {
		return
	}
	failed, expected := s.failure(*err)
	// That the store has failed is in its own log, once.
	if !expected || failed.Reason == driveservice.ReasonCorrupt {
		s.log.Error("call failed", "method", method, "error", *err)
	}
	*err = failed
}

// unary registers the handler of a unary method.
func unary[Req, Resp any](s *service, calls *endpoint.Endpoint, m rpc.Method[Req, Resp], fn func(context.Context, Req) (Resp, error), opts ...endpoint.HandleOption) error {
	return endpoint.Handle(calls, m, func(ctx context.Context, r Req) (resp Resp, err error) {
		defer s.finish(m.Name(), debug.SetPanicOnFault(true), &err)
		return fn(ctx, r)
	}, opts...)
}

// encoded registers the handler of a unary method that encodes its response.
func encoded[Req, Resp any](s *service, calls *endpoint.Endpoint, m rpc.Method[Req, Resp], fn func(context.Context, Req, []byte) (rpc.Message, error), opts ...endpoint.HandleOption) error {
	return endpoint.HandleEncoded(calls, m, func(ctx context.Context, r Req, dst []byte) (msg rpc.Message, err error) {
		defer s.finish(m.Name(), debug.SetPanicOnFault(true), &err)
		return fn(ctx, r, dst)
	}, opts...)
}

// serverStream registers the handler of a method that is answered by items.
func serverStream[Req, Item any](s *service, calls *endpoint.Endpoint, m rpc.ServerStreamMethod[Req, Item], fn func(context.Context, Req, *endpoint.Sender[Item]) error) error {
	return endpoint.HandleServerStream(calls, m, func(ctx context.Context, r Req, out *endpoint.Sender[Item]) (err error) {
		defer s.finish(m.Name(), debug.SetPanicOnFault(true), &err)
		return fn(ctx, r, out)
	})
}

// clientStream registers the handler of a method that takes items.
func clientStream[Req, Item, Resp any](s *service, calls *endpoint.Endpoint, m rpc.ClientStreamMethod[Req, Item, Resp], fn func(context.Context, Req, *endpoint.Receiver[Item]) (Resp, error)) error {
	return endpoint.HandleClientStream(calls, m, func(ctx context.Context, r Req, in *endpoint.Receiver[Item]) (resp Resp, err error) {
		defer s.finish(m.Name(), debug.SetPanicOnFault(true), &err)
		return fn(ctx, r, in)
	})
}
