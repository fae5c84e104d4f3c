package endpointtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// HangGuard bounds each wait of the suite. It is reached only by a defect.
const HangGuard = 30 * time.Second

// Connect returns both ends of a new connection with the given configurations,
// whose Role it sets. It registers with t what closes them and waits for their
// goroutines. kill breaks the connection below both ends without a goodbye.
//
// It is an alias, so that one function serves the suites of several packages.
type Connect = func(t *testing.T, client, server rpc.Config) (clientEnd, serverEnd *rpc.Conn, kill func())

// Serve starts a connection whose answering end has the given configuration and
// returns the transport at its calling end, from which the suite sends frames
// of its own. It registers with t what closes the answering end and waits for
// its goroutines; the suite closes the transport.
type Serve = func(t *testing.T, server rpc.Config) muxio.Transport

// Run runs the whole suite, each check on connections of its own.
func Run(t *testing.T, connect Connect, serve Serve) {
	t.Helper()
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"Handlers", handlerChecks},
		{"Failures", failureChecks},
		{"Panics", panicChecks},
		{"Middleware", middlewareChecks},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) { c.run(t, connect) })
			}
		})
	}
	t.Run("Raw", func(t *testing.T) {
		for _, c := range rawChecks {
			t.Run(c.name, func(t *testing.T) { c.run(t, serve) })
		}
	})
}

// check is one property of an endpoint behind a connection.
type check struct {
	name string
	run  func(t *testing.T, connect Connect)
}

// The methods of the suite. Words are their messages: see wordCodec.
var (
	echoMethod     = rpc.NewMethod[word, word]("endpointtest.echo", wordCodec{}, wordCodec{})
	blockMethod    = rpc.NewMethod[word, word]("endpointtest.block", wordCodec{}, wordCodec{})
	uploadMethod   = rpc.NewClientStream[word, word, word]("endpointtest.upload", wordCodec{}, wordCodec{}, wordCodec{})
	downloadMethod = rpc.NewServerStream[word, word]("endpointtest.download", wordCodec{}, wordCodec{})
	chatMethod     = rpc.NewBothWays[word, word, word]("endpointtest.chat", wordCodec{}, wordCodec{}, wordCodec{})
	bytesUpMethod  = rpc.NewClientStream("endpointtest.bytes_up", rpc.Bytes, rpc.Bytes, rpc.Bytes)
	bytesDnMethod  = rpc.NewServerStream("endpointtest.bytes_down", rpc.Bytes, rpc.Bytes)
)

// word is the message of the suite.
type word []byte

// wordCodec takes the bytes as they are, so that a parsed word aliases what it
// was parsed from. It refuses two words: one each way.
type wordCodec struct{}

const (
	unparsable  = "unparsable"
	unencodable = "unencodable"
)

// errCodec is what wordCodec fails with.
var errCodec = errors.New("codec of the suite refuses")

func (wordCodec) Append(dst []byte, v word) ([]byte, error) {
	if string(v) == unencodable {
		return nil, errCodec
	}
	return append(dst, v...), nil
}

func (wordCodec) Parse(b []byte) (word, error) {
	if string(b) == unparsable {
		return nil, errCodec
	}
	return b, nil
}

// must fails the check when a registration fails.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// handleEcho registers the method by which checks see that a connection works.
func handleEcho(t *testing.T, ep *endpoint.Endpoint) {
	t.Helper()
	must(t, endpoint.Handle(ep, echoMethod, func(_ context.Context, req word) (word, error) { return req, nil }))
}

// guard returns a context that ends with the check, or at a hang.
func guard(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), HangGuard)
	t.Cleanup(cancel)
	return ctx
}

// await takes a value from ch.
func await[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(HangGuard):
		t.Fatalf("hang: no %s within %v", what, HangGuard)
		panic("unreachable")
	}
}

// invoke makes a unary call with an encoded request.
func invoke(t *testing.T, c rpc.Invoker, id rpc.MethodID, request string) (string, error) {
	t.Helper()
	b, err := c.Invoke(guard(t), id, rpc.Message{Bytes: []byte(request)})
	return string(b), err
}

// converse makes a streaming call with an encoded request and items, and
// returns what is answered and how it ends.
func converse(t *testing.T, c rpc.Invoker, id rpc.MethodID, request string, items ...string) (answers []string, err error) {
	t.Helper()
	call, err := c.OpenCall(guard(t), id, rpc.Message{Bytes: []byte(request)})
	if err != nil {
		return nil, err
	}
	defer call.Close()
	for _, item := range items {
		if call.Send(rpc.Message{Bytes: []byte(item)}) != nil {
			break // the outcome follows from Receive
		}
	}
	if err := call.CloseSend(); err != nil {
		return nil, err
	}
	for {
		b, err := call.Receive()
		if err != nil {
			return answers, err
		}
		answers = append(answers, string(b))
	}
}

// wantCode reports an error that is not a *rpc.Error with the code.
func wantCode(t *testing.T, what string, err error, code rpc.Code) {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s: error %v, want a *rpc.Error with code %q", what, err, code)
	}
}

// wantEcho reports a connection that does not carry calls.
func wantEcho(t *testing.T, c rpc.Invoker) {
	t.Helper()
	if got, err := invoke(t, c, echoMethod.ID(), "still there"); err != nil || got != "still there" {
		t.Errorf("the connection does not work anymore: answer %q, error %v", got, err)
	}
}
