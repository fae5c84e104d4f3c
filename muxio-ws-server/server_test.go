package wsserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

func TestMain(m *testing.M) {
	beVictim()
	goleak.VerifyTestMain(m)
}

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
	return s, serveHTTP(t, s, func(net.Conn) {})
}

// serveHTTP does the same for a given server, and shows each connection that
// the network delivers.
func serveHTTP(t *testing.T, s *wsserver.Server, onConn func(net.Conn)) string {
	t.Helper()
	h := httptest.NewUnstartedServer(s)
	h.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		onConn(c)
		return ctx
	}
	h.Start()
	t.Cleanup(h.Close)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return "ws" + strings.TrimPrefix(h.URL, "http")
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

func TestMaxConnections(t *testing.T) {
	s, url := serve(t, wsserver.Options{Handler: echo{}, MaxConnections: 2})
	first := dial(t, url, wsclient.Options{})
	dial(t, url, wsclient.Options{})
	_, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
	var refused *wsclient.HandshakeError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("third connection: %v", err)
	}
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for s.Connections() == 2 { // the server's side of the close is still under way
		runtime.Gosched()
	}
	var third *wsclient.Client
	for third == nil {
		if third, err = wsclient.Dial(t.Context(), url, wsclient.Options{}); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	mustEcho(t, third.Conn(), "there is room again")
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	const clients, room = 300, 100
	_, url := serve(t, wsserver.Options{Handler: echo{}, MaxConnections: room})
	results := make(chan error, clients)
	for range clients {
		go func() {
			results <- func() error {
				c, err := wsclient.Dial(t.Context(), url, wsclient.Options{HandshakeTimeout: time.Minute})
				if err != nil {
					return err
				}
				_, err = c.Conn().Invoke(t.Context(), echoID, rpc.Message{Bytes: []byte("x")})
				return errors.Join(err, c.Close())
			}()
		}()
	}
	served := 0
	for range clients {
		err := <-results
		var refused *wsclient.HandshakeError
		switch {
		case err == nil:
			served++
		case !errors.As(err, &refused) || refused.StatusCode != http.StatusServiceUnavailable:
			t.Error(err)
		}
	}
	if served < room {
		t.Errorf("%d of %d clients were served, room is for %d at a time", served, clients, room)
	}
	mustEcho(t, dial(t, url, wsclient.Options{}).Conn(), "still here")
}

// gate is a handler whose calls of echoID wait until they are let through.
type gate struct{ entered, leave chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 16), make(chan struct{})} }

func (g gate) Route(id rpc.MethodID) (rpc.Route, bool) {
	return rpc.Route{Name: "gate", Unary: func(ctx context.Context, _, dst []byte) (rpc.Message, error) {
		g.entered <- struct{}{}
		select {
		case <-g.leave:
			return rpc.Message{Bytes: append(dst, "done"...)}, nil
		case <-ctx.Done():
			return rpc.Message{}, ctx.Err()
		}
	}}, id == echoID
}

func (g gate) call(t *testing.T, c rpc.Invoker) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		got, err := c.Invoke(t.Context(), echoID, rpc.Message{})
		if err == nil && string(got) != "done" {
			err = errors.New("wrong response " + string(got))
		}
		result <- err
	}()
	<-g.entered
	return result
}

// TestShutdownDrains holds that calls in flight are answered before connections are closed:
// a client of the original protocol could wait for ever.
func TestShutdownDrains(t *testing.T) {
	for _, p := range []wsclient.Protocol{wsclient.Native, wsclient.Original13} {
		t.Run(p.String(), func(t *testing.T) { shutdownDrains(t, p) })
	}
}

func shutdownDrains(t *testing.T, p wsclient.Protocol) {
	t.Helper()
	g := newGate()
	s, url := serve(t, wsserver.Options{Handler: g, Originals: &rpc.Config{}})
	c := dial(t, url, wsclient.Options{Protocol: p})
	result := g.call(t, c.Conn())
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(t.Context()) }()
	for { // until the server has begun to shut down
		_, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
		var refused *wsclient.HandshakeError
		if errors.As(err, &refused) && refused.StatusCode == http.StatusServiceUnavailable {
			break
		}
	}
	close(g.leave)
	if err := <-result; err != nil {
		t.Errorf("call in flight: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections after Shutdown", n)
	}
	<-c.Done()
	var closed *muxio.CloseError
	if err := c.Err(); !errors.As(err, &closed) || closed.Code != muxio.CloseGoingAway {
		t.Errorf("client's connection ended with %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
}

func TestShutdownCutsOff(t *testing.T) {
	g := newGate()
	s, url := serve(t, wsserver.Options{Handler: g})
	c := dial(t, url, wsclient.Options{})
	result := g.call(t, c.Conn())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-result; !errors.Is(err, rpc.Unavailable) && !errors.Is(err, rpc.Canceled) {
		t.Errorf("call in flight: %v", err)
	}
}

func TestServerClosesDuringCall(t *testing.T) {
	g := newGate()
	s, url := serve(t, wsserver.Options{Handler: g})
	c := dial(t, url, wsclient.Options{})
	result := g.call(t, c.Conn())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, rpc.Unavailable) && !errors.Is(err, rpc.Canceled) {
		t.Errorf("call in flight: %v", err)
	}
	<-c.Done()
}

func TestPanicInOnConnectClosesTheConnection(t *testing.T) {
	s := wsserver.New(wsserver.Options{OnConnect: func(*rpc.Conn, *http.Request) { panic(http.ErrAbortHandler) }})
	c := dial(t, serveHTTP(t, s, func(net.Conn) {}), wsclient.Options{})
	<-c.Done()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestLimitsThatCannotWork(t *testing.T) {
	bad := rpc.Config{MaxCalls: -1}
	_, url := serve(t, wsserver.Options{})
	if _, err := wsclient.Dial(t.Context(), url, wsclient.Options{Conn: bad}); err == nil {
		t.Error("Dial accepted a negative limit")
	}
	s, url := serve(t, wsserver.Options{Conn: bad})
	<-dial(t, url, wsclient.Options{}).Done()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
