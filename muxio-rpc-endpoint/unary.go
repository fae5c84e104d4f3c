package endpoint

import (
	"context"
	"errors"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Handle registers fn as the handler of a unary method. The request and what
// it aliases stay valid until the response has been sent, so the response may
// refer to the request; neither may be kept longer.
//
// Options say how it is run. It fails with [ErrNoHandler], [ErrNoMethod] or a
// [*ConflictError].
func Handle[Req, Resp any](e *Endpoint, m rpc.Method[Req, Resp], fn func(ctx context.Context, req Req) (Resp, error), opts ...HandleOption) error {
	if fn == nil {
		return ErrNoHandler
	}
	response, name := m.Response(), m.Name()
	return HandleEncoded(e, m, func(ctx context.Context, req Req, dst []byte) (rpc.Message, error) {
		resp, err := fn(ctx, req)
		if err != nil {
			return rpc.Message{}, err
		}
		msg, err := rpc.AppendMessage(response, dst, resp)
		if err != nil {
			err = rpc.Errorf(rpc.Internal, "encode the response of %s: %v", name, err)
		}
		return msg, err
	}, opts...)
}

// HandleEncoded is Handle for handlers that encode the response themselves, as the
// method's codec does. dst is an empty buffer with some capacity, which they may append
// to; with [rpc.Message.Release] they learn when other memory that the message refers
// to is no longer needed. What they return with an error is ignored.
func HandleEncoded[Req, Resp any](e *Endpoint, m rpc.Method[Req, Resp], fn func(ctx context.Context, req Req, dst []byte) (rpc.Message, error), opts ...HandleOption) error {
	if fn == nil {
		return ErrNoHandler
	}
	u := &unary[Req]{endpoint: e, info: Info{Name: m.Name(), ID: m.ID(), Kind: Unary}, request: m.Request(), fn: fn}
	route := rpc.Route{Name: m.Name(), Unary: u.route}
	for _, opt := range opts {
		opt(&route)
	}
	return e.register(m.ID(), route)
}

// HandleOption says how the handler of a unary method is run.
type HandleOption func(*rpc.Route)

// Inline lets a handler run in the connection's read loop, which saves handing the
// call over to a goroutine. It is for handlers that are quick and certain to return:
// one must not block, not wait for other calls, and not call the peer; while it runs,
// nothing else is received on its connection. Its context carries neither metadata
// nor a deadline: calls that have them are handed over all the same.
func Inline() HandleOption { return func(r *rpc.Route) { r.Inline = true } }

// Ordered lets the calls of a method run one after the other, in the order in which they
// came in on their connection, together with those of other ordered methods.
func Ordered() HandleOption { return func(r *rpc.Route) { r.Ordered = true } }

// unary answers the calls of one method.
type unary[Req any] struct {
	endpoint *Endpoint
	info     Info
	request  rpc.Codec[Req]
	fn       func(context.Context, Req, []byte) (rpc.Message, error)
}

// route is the [rpc.Route.Unary] of the method.
func (u *unary[Req]) route(ctx context.Context, request, dst []byte) (rpc.Message, error) {
	var msg rpc.Message
	var err error
	if len(u.endpoint.middleware) == 0 {
		msg, err = u.answer(ctx, request, dst)
	} else {
		msg, err = u.wrapped(ctx, request, dst)
	}
	if err != nil {
		return rpc.Message{}, outcome(err)
	}
	return msg, nil
}

// wrapped answers the call inside the middleware.
func (u *unary[Req]) wrapped(ctx context.Context, request, dst []byte) (msg rpc.Message, err error) {
	defer u.endpoint.guard(ctx, u.info.Name, &err)
	info := u.info
	info.RequestBytes = len(request)
	err = u.endpoint.around(ctx, info, func(ctx context.Context) error {
		var err error
		msg, err = u.answer(ctx, request, dst)
		return err
	})
	return msg, err
}

// answer parses the request and runs the handler.
func (u *unary[Req]) answer(ctx context.Context, request, dst []byte) (msg rpc.Message, err error) {
	defer u.endpoint.guard(ctx, u.info.Name, &err)
	req, err := parseRequest(u.request, u.info.Name, request)
	if err != nil {
		return msg, err
	}
	return u.fn(ctx, req, dst)
}

// parseRequest decodes the request of a call.
func parseRequest[T any](codec rpc.Codec[T], name string, b []byte) (T, error) {
	v, err := codec.Parse(b)
	if err != nil {
		err = unparsed(name, err)
	}
	return v, err
}

// unparsed returns what the caller is told of a request that its codec refused; a codec may
// say it by an [rpc.Error].
func unparsed(name string, err error) error {
	var told *rpc.Error
	if errors.As(err, &told) {
		return told
	}
	return rpc.Errorf(rpc.InvalidArgument, "parse the request of %s: %v", name, err)
}
