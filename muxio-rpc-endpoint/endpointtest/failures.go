package endpointtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var failureChecks = []check{
	{"Errors", checkErrors},
	{"RequestDoesNotParse", checkMalformedRequests},
	{"ItemDoesNotParse", checkMalformedItems},
	{"ResponseCannotBeEncoded", checkUnencodable},
	{"UnknownMethod", checkUnknownMethods},
}

var panicChecks = []check{
	{"InAnyHandler", func(t *testing.T, connect Connect) { checkPanics(t, connect, nil) }},
	{"InsideMiddleware", func(t *testing.T, connect Connect) {
		checkPanics(t, connect, []endpoint.Middleware{
			func(ctx context.Context, _ endpoint.Info, next func(context.Context) error) error { return next(ctx) },
		})
	}},
	{"InMiddleware", checkPanicInMiddleware},
	{"Goexit", checkGoexit},
}

func checkErrors(t *testing.T, connect Connect) {
	detailed := rpc.Error{Code: rpc.FailedPrecondition, Reason: "suite.reason", Message: "not now"}
	var none *rpc.Error
	failures := map[string]struct {
		err  error
		want rpc.Error
	}{
		"error":     {&detailed, detailed},
		"wrapped":   {fmt.Errorf("in between: %w", &detailed), detailed},
		"code":      {rpc.NotFound, rpc.Error{Code: rpc.NotFound, Message: "not found"}},
		"canceled":  {context.Canceled, rpc.Error{Code: rpc.Canceled, Message: "context canceled"}},
		"deadline":  {context.DeadlineExceeded, rpc.Error{Code: rpc.DeadlineExceeded, Message: "context deadline exceeded"}},
		"plain":     {io.ErrNoProgress, rpc.Error{Code: rpc.Unknown, Message: io.ErrNoProgress.Error()}},
		"eof":       {io.EOF, rpc.Error{Code: rpc.Unknown, Message: "EOF"}},
		"no code":   {&rpc.Error{Message: "nothing"}, rpc.Error{Code: rpc.Unknown, Message: "nothing"}},
		"typed nil": {none, rpc.Error{Code: rpc.Unknown, Message: "error without content"}},
	}
	ep := endpoint.New(endpoint.Options{})
	must(t,
		endpoint.Handle(ep, echoMethod, func(_ context.Context, req word) (word, error) {
			return word("ignored"), failures[string(req)].err
		}),
		endpoint.HandleClientStream(ep, uploadMethod, func(_ context.Context, req word, _ *endpoint.Receiver[word]) (word, error) {
			return word("ignored"), failures[string(req)].err
		}),
		endpoint.HandleServerStream(ep, downloadMethod, func(_ context.Context, req word, items *endpoint.Sender[word]) error {
			return errors.Join(items.Send(word("first")), failures[string(req)].err)
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for name, f := range failures {
		_, err := invoke(t, c, echoMethod.ID(), name)
		wantError(t, name+", unary", err, f.want)
		_, err = converse(t, c, uploadMethod.ID(), name, "a", "b")
		wantError(t, name+", client stream", err, f.want)
		got, err := converse(t, c, downloadMethod.ID(), name)
		wantError(t, name+", server stream", err, f.want)
		if len(got) != 1 {
			t.Errorf("%s: %d items came before the error, want 1", name, len(got))
		}
	}
}

func wantError(t *testing.T, what string, err error, want rpc.Error) {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || !reflect.DeepEqual(*e, want) {
		t.Errorf("%s: error %+v, want %+v", what, err, want)
	}
}

// wantText reports an error whose message does not name what a person needs.
func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("error %v does not say %q", err, p)
		}
	}
}

func checkMalformedRequests(t *testing.T, connect Connect) {
	var calls atomic.Int32
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	must(t,
		endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) {
			calls.Add(1)
			return nil, nil
		}),
		endpoint.HandleClientStream(ep, uploadMethod, func(context.Context, word, *endpoint.Receiver[word]) (word, error) {
			calls.Add(1)
			return nil, nil
		}),
		endpoint.HandleServerStream(ep, downloadMethod, func(context.Context, word, *endpoint.Sender[word]) error {
			calls.Add(1)
			return nil
		}),
		endpoint.HandleBothWays(ep, chatMethod, func(context.Context, word, *endpoint.Receiver[word], *endpoint.Sender[word]) error {
			calls.Add(1)
			return nil
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	_, err := invoke(t, c, blockMethod.ID(), unparsable)
	wantCode(t, "unary", err, rpc.InvalidArgument)
	wantText(t, err, "request", blockMethod.Name(), errCodec.Error())
	for name, id := range map[string]rpc.MethodID{
		uploadMethod.Name(): uploadMethod.ID(), downloadMethod.Name(): downloadMethod.ID(), chatMethod.Name(): chatMethod.ID(),
	} {
		_, err := converse(t, c, id, unparsable, "item")
		wantCode(t, name, err, rpc.InvalidArgument)
		wantText(t, err, "request", name, errCodec.Error())
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("handlers ran %d times", n)
	}
	wantEcho(t, c)
}

func checkMalformedItems(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleAll(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for name, id := range map[string]rpc.MethodID{uploadMethod.Name(): uploadMethod.ID(), chatMethod.Name(): chatMethod.ID()} {
		_, err := converse(t, c, id, "request", "good", unparsable, "good")
		wantCode(t, name, err, rpc.InvalidArgument)
		wantText(t, err, "item", name, errCodec.Error())
	}
	wantEcho(t, c)
}

func checkUnencodable(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleAll(t, ep)
	must(t, endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) { return word(unencodable), nil }))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	_, err := invoke(t, c, blockMethod.ID(), "")
	wantCode(t, "unary", err, rpc.Internal)
	wantText(t, err, "response", blockMethod.Name())
	_, err = converse(t, c, uploadMethod.ID(), unencodable)
	wantCode(t, "client stream", err, rpc.Internal)
	got, err := converse(t, c, downloadMethod.ID(), "a "+unencodable+" b")
	wantCode(t, "server stream", err, rpc.Internal)
	if len(got) != 1 {
		t.Errorf("%d items came before the error, want 1", len(got))
	}
	wantEcho(t, c)
}

func checkUnknownMethods(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for _, id := range []rpc.MethodID{0, 1, ^rpc.MethodID(0), blockMethod.ID()} {
		_, err := invoke(t, c, id, "request")
		wantCode(t, "unary", err, rpc.Unimplemented)
		_, err = converse(t, c, id, "request", "item")
		wantCode(t, "stream", err, rpc.Unimplemented)
	}
	wantEcho(t, c)
}

// journal collects what a logger writes.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// take returns what was written since the last call.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.buf.Reset()
	return j.buf.String()
}

// panickingCodec panics in the codec's place.
type panickingCodec struct{ wordCodec }

func (panickingCodec) Parse([]byte) (word, error) { panic(secret) }

// secret is what panics carry: for the log, not for the caller.
const secret = "not for the peer"

// panicking is an endpoint whose log is kept.
type panicking struct {
	*endpoint.Endpoint
	log journal
}

func newPanicking(t *testing.T, middleware []endpoint.Middleware) *panicking {
	t.Helper()
	p := new(panicking)
	p.Endpoint = endpoint.New(endpoint.Options{Logger: slog.New(slog.NewTextHandler(&p.log, nil)), Middleware: middleware})
	handleEcho(t, p.Endpoint)
	return p
}

// wantOnce reports a call that did not fail for a panic, or a panic that was
// not logged once.
func (p *panicking) wantOnce(t *testing.T, c rpc.Invoker, name string, err error) {
	t.Helper()
	wantError(t, name, err, rpc.Error{Code: rpc.Internal, Message: "handler panicked"})
	got := p.log.take()
	if n := strings.Count(got, "handler panicked"); n != 1 || !strings.Contains(got, name) || !strings.Contains(got, "endpointtest/failures.go") {
		t.Errorf("%s: logged %d times, want once with name and stack: %s", name, n, got)
	}
	wantEcho(t, c)
}

func checkPanics(t *testing.T, connect Connect, middleware []endpoint.Middleware) {
	t.Helper()
	p := newPanicking(t, middleware)
	codec := rpc.NewMethod[word, word]("endpointtest.codec", panickingCodec{}, wordCodec{})
	must(t,
		endpoint.Handle(p.Endpoint, blockMethod, func(context.Context, word) (word, error) { panic(secret) }),
		endpoint.Handle(p.Endpoint, codec, func(_ context.Context, req word) (word, error) { return req, nil }),
		endpoint.HandleClientStream(p.Endpoint, uploadMethod, func(_ context.Context, _ word, items *endpoint.Receiver[word]) (word, error) {
			_, _ = items.Receive()
			panic(errors.New(secret))
		}),
		endpoint.HandleServerStream(p.Endpoint, downloadMethod, func(_ context.Context, _ word, items *endpoint.Sender[word]) error {
			_ = items.Send(word("first"))
			few := strings.Fields(secret)
			return items.Send(word(few[len(secret)]))
		}),
		endpoint.HandleBothWays(p.Endpoint, chatMethod, func(context.Context, word, *endpoint.Receiver[word], *endpoint.Sender[word]) error {
			panic(fmt.Sprintf("%s %d", secret, 1))
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: p})
	for name, id := range map[string]rpc.MethodID{blockMethod.Name(): blockMethod.ID(), codec.Name(): codec.ID()} {
		_, err := invoke(t, c, id, "request")
		p.wantOnce(t, c, name, err)
	}
	for name, id := range map[string]rpc.MethodID{
		uploadMethod.Name(): uploadMethod.ID(), downloadMethod.Name(): downloadMethod.ID(), chatMethod.Name(): chatMethod.ID(),
	} {
		_, err := converse(t, c, id, "request", "item")
		p.wantOnce(t, c, name, err)
	}
}

func checkPanicInMiddleware(t *testing.T, connect Connect) {
	p := newPanicking(t, []endpoint.Middleware{
		func(ctx context.Context, info endpoint.Info, next func(context.Context) error) error {
			if info.Name == echoMethod.Name() {
				return next(ctx)
			}
			panic(secret)
		},
	})
	must(t,
		endpoint.Handle(p.Endpoint, blockMethod, func(_ context.Context, req word) (word, error) { return req, nil }),
		endpoint.HandleServerStream(p.Endpoint, downloadMethod, sendWords))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: p})
	_, err := invoke(t, c, blockMethod.ID(), "request")
	p.wantOnce(t, c, blockMethod.Name(), err)
	_, err = converse(t, c, downloadMethod.ID(), "request")
	p.wantOnce(t, c, downloadMethod.Name(), err)
}

// checkGoexit ends the goroutine of a handler, as a failing test inside one
// does: the call must not hang.
func checkGoexit(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	must(t,
		endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) {
			runtime.Goexit()
			return nil, nil
		}),
		endpoint.HandleServerStream(ep, downloadMethod, func(_ context.Context, _ word, items *endpoint.Sender[word]) error {
			_ = items.Send(word("first"))
			runtime.Goexit()
			return nil
		}),
		endpoint.HandleBothWays(ep, chatMethod, func(context.Context, word, *endpoint.Receiver[word], *endpoint.Sender[word]) error {
			runtime.Goexit()
			return nil
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	_, err := invoke(t, c, blockMethod.ID(), "")
	wantCode(t, "unary", err, rpc.Internal)
	got, err := converse(t, c, downloadMethod.ID(), "")
	wantCode(t, "server stream", err, rpc.Internal)
	if len(got) != 1 {
		t.Errorf("%d items came before the end, want 1", len(got))
	}
	_, err = converse(t, c, chatMethod.ID(), "", "item")
	wantCode(t, "both ways", err, rpc.Internal)
	wantEcho(t, c)
}
