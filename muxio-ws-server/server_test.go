package wsserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echoID is the method of [echo].
const echoID rpc.MethodID = 1

// echo answers echoID with the request.
type echo struct{}

func (echo) Route(id rpc.MethodID) (rpc.Route, bool) {
	return rpc.Route{Name: "echo", Unary: func(_ context.Context, request, dst []byte) (rpc.Message, error) {
		return rpc.Message{Bytes: append(dst, request...)}, nil
	}}, id == echoID
}

// serve starts a server on a loopback address and returns its address. Both
// are closed with the test.
func serve(t *testing.T, opts wsserver.Options) (*wsserver.Server, string) {
	t.Helper()
	s := wsserver.New(opts)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, "ws" + strings.TrimPrefix(h.URL, "http")
}

// dial connects to url and closes the client with the test.
func dial(t *testing.T, url string, opts wsclient.Options) *wsclient.Client {
	t.Helper()
	c, err := wsclient.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close() // the test may have ended the connection in some other way
	})
	return c
}

func mustEcho(t *testing.T, c rpc.Invoker, request string) {
	t.Helper()
	got, err := c.Invoke(t.Context(), echoID, rpc.Message{Bytes: []byte(request)})
	if err != nil || string(got) != request {
		t.Fatalf("echo of %d bytes: got %d bytes, %v", len(request), len(got), err)
	}
}

func TestBothEndsCall(t *testing.T) {
	fromServer := make(chan error, 1)
	_, url := serve(t, wsserver.Options{Handler: echo{}, OnConnect: func(c *rpc.Conn, r *http.Request) {
		got, err := c.Invoke(r.Context(), echoID, rpc.Message{Bytes: []byte("hello")})
		if err == nil && string(got) != "hello" {
			err = errors.New("wrong echo " + string(got))
		}
		fromServer <- err
	}})
	c := dial(t, url, wsclient.Options{Handler: echo{}})
	for _, size := range []int{0, 1, 125, 126, 16 << 10, 65535, 65536, 100_000, 5 << 20} {
		mustEcho(t, c.Conn(), strings.Repeat("x", size))
	}
	if err := <-fromServer; err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Err(); !errors.Is(err, muxio.ErrClosed) {
		t.Fatalf("Err after Close: %v", err)
	}
}
