package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a new drive, which is closed with the test.
func open(t testing.TB) *drive.Store {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "test.drive"), drive.Options{})
}

func reopen(t testing.TB, path string, opts drive.Options) *drive.Store {
	t.Helper()
	s, err := drive.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// serve serves store on a loopback address, which it returns without a path.
// The server is shut down with the test.
func serve(t testing.TB, store server.Store, opts server.Options) (*server.Server, string) {
	t.Helper()
	s, err := server.NewFor(store, opts)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return s, "ws" + strings.TrimPrefix(h.URL, "http")
}

func dial(t testing.TB, url string) *driveclient.Client {
	t.Helper()
	c, err := driveclient.Dial(t.Context(), url, driveclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close() // the test may have ended the connection in another way
	})
	return c
}

// connect serves a new drive and dials it.
func connect(t testing.TB) (*drive.Store, *driveclient.Client) {
	t.Helper()
	store := open(t)
	_, url := serve(t, store, server.Options{})
	return store, dial(t, url)
}

func mustWrite(t testing.TB, c *driveclient.Client, key, value string) {
	t.Helper()
	if _, err := c.Write(t.Context(), []byte(key), []byte(value)); err != nil {
		t.Fatalf("write %q: %v", key, err)
	}
}

func wantValue(t testing.TB, c *driveclient.Client, key, want string) {
	t.Helper()
	got, err := c.Get(t.Context(), []byte(key))
	if err != nil || string(got) != want {
		t.Errorf("%q is %q, %v; want %q", key, got, err, want)
	}
}

func TestOtherPathsAndPlainRequests(t *testing.T) {
	_, url := serve(t, open(t), server.Options{})
	url = "http" + strings.TrimPrefix(url, "ws")
	for path, want := range map[string]int{
		"/": http.StatusNotFound, "/other": http.StatusNotFound, "/ws/x": http.StatusNotFound,
		server.Path: http.StatusUpgradeRequired,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: status %d, %s", path, response.StatusCode, response.Header.Get("Content-Type"))
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	_, err := driveclient.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/other", driveclient.Options{})
	var refused *wsclient.HandshakeError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound {
		t.Errorf("dial another path: %v", err)
	}
}

func TestMaxConnections(t *testing.T) {
	_, url := serve(t, open(t), server.Options{MaxConnections: 2})
	dial(t, url)
	dial(t, url)
	_, err := driveclient.Dial(t.Context(), url, driveclient.Options{})
	var refused *wsclient.HandshakeError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("third connection: %v", err)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	store := open(t)
	for _, opts := range []server.Options{
		{MaxConnections: -1},
		{MaxCalls: -1},
		{MaxMessageBytes: -1},
		{MaxMessageBytes: 512<<10 - 1},
		{MaxPendingBytes: -1},
		{PendingWait: -1},
		{MaxMessageBytes: 1 << 20, MaxPendingBytes: 1<<20 - 1},
	} {
		if s, err := server.New(store, opts); err == nil || s != nil {
			t.Errorf("%+v: %v, %v", opts, s, err)
		}
	}
	for _, opts := range []server.Options{
		{MaxMessageBytes: 512 << 10},
		{MaxMessageBytes: 1 << 30},
		{MaxMessageBytes: 1 << 20, MaxPendingBytes: 1 << 20},
	} {
		if _, err := server.New(store, opts); err != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

// blocking is a store whose Sync does not return before release is closed.
type blocking struct {
	*drive.Store
	entered chan struct{}
	release chan struct{}
}

func (b blocking) Sync() error {
	b.entered <- struct{}{}
	<-b.release
	return nil
}

func TestShutdownAnswersWhatIsInFlight(t *testing.T) {
	store := blocking{open(t), make(chan struct{}), make(chan struct{})}
	s, url := serve(t, store, server.Options{})
	c := dial(t, url)
	synced := make(chan error, 1)
	go func() { synced <- c.Sync(t.Context()) }()
	<-store.entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(t.Context()) }()
	// From some moment on, new calls and connections are refused.
	for {
		if _, err := c.Len(t.Context()); err != nil {
			if !errors.Is(err, driveclient.ErrUnavailable) {
				t.Errorf("call while shutting down: %v", err)
			}
			break
		}
	}
	if _, err := driveclient.Dial(t.Context(), url, driveclient.Options{}); err == nil {
		t.Error("a connection was accepted while shutting down")
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned with a call in flight: %v", err)
	case err := <-synced:
		t.Fatalf("the call in flight ended early: %v", err)
	default:
	}
	close(store.release)
	if err := <-synced; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	<-c.Done()
}

func TestShutdownCutsOffAtTheEndOfItsContext(t *testing.T) {
	store := blocking{open(t), make(chan struct{}), make(chan struct{})}
	s, url := serve(t, store, server.Options{})
	c := dial(t, url)
	synced := make(chan error, 1)
	go func() { synced <- c.Sync(t.Context()) }()
	<-store.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-synced; !errors.Is(err, driveclient.ErrUnavailable) {
		t.Errorf("the call that was cut off: %v", err)
	}
	close(store.release)
}

// A file that somebody cuts while it is served costs answers, not the server.
func TestFileCutFromOutside(t *testing.T) {
	store, c := connect(t)
	mustWrite(t, c, "k", strings.Repeat("x", 1<<20))
	mustWrite(t, c, "small", "x")
	if err := os.Truncate(store.Path(), 0); err != nil {
		t.Fatal(err)
	}
	_, get := c.Get(t.Context(), []byte("k"))
	_, small := c.GetBatch(t.Context(), [][]byte{[]byte("small")})
	_, stream := c.ReadTo(t.Context(), []byte("k"), discard{})
	_, metadata := c.Metadata(t.Context(), []byte("k"))
	_, copied := c.Copy(t.Context(), []byte("k"), []byte("l"))
	for name, err := range map[string]error{"Get": get, "GetBatch": small, "ReadTo": stream, "Metadata": metadata, "Copy": copied} {
		if !errors.Is(err, driveclient.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), filepath.Dir(store.Path())) {
			t.Errorf("%s tells the client the server's path: %v", name, err)
		}
	}
	if n, err := c.Len(t.Context()); err != nil || n != 2 {
		t.Errorf("Len: %d, %v", n, err)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
