package endpointtest

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var middlewareChecks = []check{
	{"OrderAndInfo", checkMiddlewareOrder},
	{"Refuses", checkMiddlewareRefuses},
	{"ReplacesTheError", checkMiddlewareReplaces},
	{"PassesAContext", checkMiddlewareContext},
	{"BreaksItsContract", checkMiddlewareContract},
}

func checkMiddlewareOrder(t *testing.T, connect Connect) {
	type event struct {
		layer string
		info  endpoint.Info
		err   error
	}
	var mu sync.Mutex
	var events []event
	layer := func(name string) endpoint.Middleware {
		return func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
			mu.Lock()
			events = append(events, event{layer: name, info: info})
			mu.Unlock()
			err := next(ctx)
			mu.Lock()
			events = append(events, event{layer: name + " done", info: info, err: err})
			mu.Unlock()
			return err
		}
	}
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{layer("outer"), nil, layer("inner")}})
	handleAll(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for _, want := range []endpoint.Info{
		{Name: echoMethod.Name(), ID: echoMethod.ID(), Kind: endpoint.Unary, RequestBytes: 5},
		{Name: uploadMethod.Name(), ID: uploadMethod.ID(), Kind: endpoint.ClientStream, RequestBytes: 5},
		{Name: downloadMethod.Name(), ID: downloadMethod.ID(), Kind: endpoint.ServerStream, RequestBytes: 5},
		{Name: chatMethod.Name(), ID: chatMethod.ID(), Kind: endpoint.BothWays, RequestBytes: 5},
	} {
		var err error
		if want.Kind == endpoint.Unary {
			_, err = invoke(t, c, want.ID, "hello")
		} else if _, err = converse(t, c, want.ID, "hello", "item"); errors.Is(err, io.EOF) {
			err = nil
		}
		mu.Lock()
		got := events
		events = nil
		mu.Unlock()
		wantEvents := []event{{"outer", want, nil}, {"inner", want, nil}, {"inner done", want, nil}, {"outer done", want, nil}}
		if err != nil || !slices.Equal(got, wantEvents) {
			t.Errorf("%s: events %v, want %v; error %v", want.Kind, got, wantEvents, err)
		}
	}
}

func checkMiddlewareRefuses(t *testing.T, connect Connect) {
	want := rpc.Error{Code: rpc.Unauthenticated, Reason: "suite.token", Message: "who are you"}
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{
		func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
			if info.Name == echoMethod.Name() {
				return next(ctx)
			}
			return &want
		},
	}})
	handleEcho(t, ep)
	must(t,
		endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) {
			t.Error("the handler of a refused call ran")
			return nil, nil
		}),
		endpoint.HandleServerStream(ep, downloadMethod, func(context.Context, word, *endpoint.Sender[word]) error {
			t.Error("the handler of a refused call ran")
			return nil
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	_, err := invoke(t, c, blockMethod.ID(), unparsable)
	wantError(t, "unary", err, want)
	_, err = converse(t, c, downloadMethod.ID(), unparsable)
	wantError(t, "stream", err, want)
	wantEcho(t, c)
}

func checkMiddlewareReplaces(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{
		func(ctx context.Context, _ endpoint.Info, next func(context.Context) error) error {
			if err := next(ctx); errors.Is(err, rpc.Internal) { // as a panic arrives
				return rpc.Errorf(rpc.Aborted, "replaced")
			}
			return nil
		},
	}})
	must(t, endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) { panic(secret) }))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	_, err := invoke(t, c, blockMethod.ID(), "")
	wantError(t, "call", err, rpc.Error{Code: rpc.Aborted, Message: "replaced"})
}

type userMark struct{}

func checkMiddlewareContext(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{
		func(ctx context.Context, _ endpoint.Info, next func(context.Context) error) error {
			return next(context.WithValue(ctx, userMark{}, "ada"))
		},
	}})
	must(t, endpoint.Handle(ep, echoMethod, func(ctx context.Context, _ word) (word, error) {
		user, _ := ctx.Value(userMark{}).(string)
		return word(user), nil
	}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	if got, err := invoke(t, c, echoMethod.ID(), ""); err != nil || got != "ada" {
		t.Errorf("answer %q, error %v", got, err)
	}
}

func checkMiddlewareContract(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{Middleware: []endpoint.Middleware{
		func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
			switch info.RequestBytes {
			case 0:
				return nil
			case 2:
				return errors.Join(next(ctx), next(ctx))
			}
			return next(ctx)
		},
	}})
	handleAll(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for _, request := range []string{"", "22"} {
		_, err := invoke(t, c, echoMethod.ID(), request)
		wantCode(t, "unary, request "+request, err, rpc.Internal)
		_, err = converse(t, c, downloadMethod.ID(), request)
		wantCode(t, "stream, request "+request, err, rpc.Internal)
	}
	wantEcho(t, c)
}
