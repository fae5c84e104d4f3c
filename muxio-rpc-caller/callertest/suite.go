package callertest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// HangGuard bounds each wait of the suite. It is reached only by a defect.
const HangGuard = 30 * time.Second

// Connect returns both ends of a new connection with the given configurations,
// whose Role it sets. It registers with t what closes them and waits for their
// goroutines. kill breaks the connection below both ends without a goodbye, as
// the death of a process does, and returns when reads and writes fail.
//
// It is an alias, so that one function serves the suites of several packages.
type Connect = func(t *testing.T, client, server rpc.Config) (clientEnd, serverEnd *rpc.Conn, kill func())

// Run runs the whole suite, each check on connections of its own.
func Run(t *testing.T, connect Connect) {
	t.Helper()
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"Unary", unaryChecks},
		{"Cancel", cancelChecks},
		{"ClientStream", clientStreamChecks},
		{"ServerStream", serverStreamChecks},
		{"BothWays", bothWaysChecks},
		{"Bytes", byteChecks},
		{"Peer", peerChecks},
		{"Failure", failureChecks},
		{"Limits", limitChecks},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) { c.run(t, connect) })
			}
		})
	}
}

// check is one property of a connection.
type check struct {
	name string
	run  func(t *testing.T, connect Connect)
}

// routes is a handler made of what one check needs.
type routes map[rpc.MethodID]rpc.Route

// Route implements [rpc.Handler].
func (r routes) Route(id rpc.MethodID) (rpc.Route, bool) {
	route, ok := r[id]
	return route, ok
}

// unary adds a unary method.
func (r routes) unary(name string, fn func(ctx context.Context, request []byte) ([]byte, error)) routes {
	r[rpc.MethodIDOf(name)] = rpc.Route{Name: name, Unary: func(ctx context.Context, request, _ []byte) (rpc.Message, error) {
		response, err := fn(ctx, request)
		return rpc.Message{Bytes: response}, err
	}}
	return r
}

// stream adds a streaming method.
func (r routes) stream(name string, fn func(ctx context.Context, request []byte, call rpc.ServerCall) error) routes {
	r[rpc.MethodIDOf(name)] = rpc.Route{Name: name, Stream: fn}
	return r
}

// The methods of the suite. What answers them is up to each check.
var (
	echoMethod     = rpc.NewMethod("callertest.echo", rpc.Bytes, rpc.Bytes)
	blockMethod    = rpc.NewMethod("callertest.block", rpc.Empty, rpc.Empty)
	uploadMethod   = rpc.NewClientStream("callertest.upload", rpc.Bytes, rpc.Bytes, rpc.Bytes)
	downloadMethod = rpc.NewServerStream("callertest.download", rpc.Bytes, rpc.Bytes)
	chatMethod     = rpc.NewBothWays("callertest.chat", rpc.Bytes, rpc.Bytes, rpc.Bytes)
)

// withEcho adds a method that answers with its request.
func (r routes) withEcho() routes {
	return r.unary(echoMethod.Name(), func(_ context.Context, request []byte) ([]byte, error) {
		return request, nil
	})
}

// withBlock adds a method that tells started, waits for the end of its context
// and tells that to ended.
func (r routes) withBlock(started chan<- struct{}, ended chan<- error) routes {
	return r.unary(blockMethod.Name(), func(ctx context.Context, _ []byte) ([]byte, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
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

// wantCode reports an error that is not a *rpc.Error with the code.
func wantCode(t *testing.T, what string, err error, code rpc.Code) {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || !errors.Is(err, code) {
		t.Errorf("%s: error %v, want a *rpc.Error with code %q", what, err, code)
	}
}

// wantEcho reports a connection that does not carry calls.
func wantEcho(t *testing.T, c rpc.Invoker) {
	t.Helper()
	request := []byte("still there")
	got, err := c.Invoke(guard(t), echoMethod.ID(), rpc.Message{Bytes: request})
	if err != nil || !bytes.Equal(got, request) {
		t.Errorf("the connection does not work anymore: answer %q, error %v", got, err)
	}
}

// pattern returns n bytes that differ for each seed and repeat with a period
// that is no power of two, so that a misplaced piece shows.
func pattern(n int, seed byte) []byte {
	const period = 251
	line := make([]byte, period)
	for i := range line {
		line[i] = byte(i) ^ seed
	}
	return bytes.Repeat(line, n/period+1)[:n]
}

// text returns n bytes of text.
func text(n int) string { return strings.Repeat("x", n) }
