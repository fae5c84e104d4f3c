package wsclient_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	"github.com/simd-drive/go/muxio/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBadURLs(t *testing.T) {
	for _, url := range []string{
		"", "localhost:80", "http://localhost/", "wss:", "ws:///path", "ws://user:secret@localhost/",
		"ws://localhost/#part", "ws://local host/", "ws://localhost:port/", "\x00",
	} {
		_, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
		if !errors.Is(err, wsclient.ErrBadURL) {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", url, err)
		}
	}
}

// serve runs a handler on a loopback address and returns its ws URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func TestRefusedHandshakes(t *testing.T) {
	upgrade := func(u websocket.Upgrader, header http.Header) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ws, err := u.Upgrade(w, r, header)
			if err != nil {
				t.Error(err)
				return
			}
			_ = ws.Close()
		}
	}
	tests := []struct {
		name   string
		serve  http.HandlerFunc
		status int
		reason string
		body   string
	}{
		{"unauthorized", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "token expired", http.StatusUnauthorized)
		}, 401, "did not open", "token expired"},
		{"long binary body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, strings.Repeat("x\xff", 1<<20)) // the client stops reading
		}, 502, "did not open", "x\uFFFDx"},
		{"ok, but no upgrade", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>")
		}, 200, "did not open", "<html>"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, 302, "did not open", ""},
		{"wrong accept key", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-Websocket-Accept", "wrong")
			w.WriteHeader(http.StatusSwitchingProtocols)
		}, 101, "not a valid WebSocket handshake", ""},
		{"no subprotocol", upgrade(websocket.Upgrader{}, nil), 101, "did not select the subprotocol muxio.v1", ""}, // wanted is Native
		{
			"other subprotocol", upgrade(websocket.Upgrader{}, http.Header{"Sec-Websocket-Protocol": {"chat"}}),
			101, `selected the subprotocol "chat"`, "",
		},
		{"compression", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Sec-Websocket-Extensions", "permessage-deflate")
			upgrade(websocket.Upgrader{EnableCompression: true, Subprotocols: []string{wsconn.Subprotocol}}, nil)(w, r)
		}, 101, "extension", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wsclient.Dial(t.Context(), serve(t, tt.serve), wsclient.Options{Protocol: wsclient.Native})
			var refused *wsclient.HandshakeError
			if !errors.As(err, &refused) {
				t.Fatalf("Dial: %v", err)
			}
			if refused.StatusCode != tt.status || !strings.Contains(refused.Reason, tt.reason) || !strings.Contains(refused.Body, tt.body) {
				t.Errorf("got %+v", refused)
			}
			if len(refused.Error()) > 4096 {
				t.Errorf("error text of %d bytes", len(refused.Error()))
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	_, err = wsclient.Dial(t.Context(), "ws://"+l.Addr().String(), wsclient.Options{})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial: %v", err)
	}
}

func TestHandshakeIsBounded(t *testing.T) {
	tests := []struct {
		name    string
		url     string
		context func(context.Context) (context.Context, context.CancelFunc)
		took    time.Duration
		want    error
	}{
		{"default", "ws://memory/", context.WithCancel, wsclient.DefaultHandshakeTimeout, context.DeadlineExceeded},
		{"default under TLS", "wss://memory/", context.WithCancel, wsclient.DefaultHandshakeTimeout, context.DeadlineExceeded},
		{"deadline", "ws://memory/", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}, 2 * time.Second, context.DeadlineExceeded},
		{"cancelled", "ws://memory/", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(3*time.Second, cancel)
			return ctx, cancel
		}, 3 * time.Second, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				go func() { _, _ = io.Copy(io.Discard, far) }() // reads, and never answers
				ctx, cancel := tt.context(t.Context())
				defer cancel()
				start := time.Now()
				_, err := wsclient.Dial(ctx, tt.url, wsclient.Options{
					DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
				})
				if !errors.Is(err, tt.want) {
					t.Errorf("Dial: %v", err)
				}
				if d := time.Since(start); d != tt.took {
					t.Errorf("Dial took %v, want %v", d, tt.took)
				}
			})
		})
	}
}

func TestHeaderReachesTheServer(t *testing.T) {
	got := make(chan http.Header, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		http.NotFound(w, r)
	})
	_, err := wsclient.Dial(t.Context(), url, wsclient.Options{Header: http.Header{"Authorization": {"Bearer x"}}})
	if err == nil {
		t.Fatal("Dial succeeded")
	}
	h := <-got
	if h.Get("Authorization") != "Bearer x" || h.Get("Sec-Websocket-Protocol") != wsconn.Subprotocol {
		t.Errorf("server got %v", h)
	}
	if h.Get("Sec-Websocket-Extensions") != "" {
		t.Error("the client offers an extension")
	}
}

func TestServerEndsTheConnection(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		u := websocket.Upgrader{Subprotocols: []string{wsconn.Subprotocol}}
		ws, err := u.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		if _, _, err := ws.ReadMessage(); err != nil { // the call
			t.Error(err)
		}
		reason := websocket.FormatCloseMessage(websocket.CloseServiceRestart, "restart at noon")
		_ = ws.WriteControl(websocket.CloseMessage, reason, time.Time{})
		_, _, _ = ws.ReadMessage() // the answer
	})
	c, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Conn().Invoke(t.Context(), 1, rpc.Message{}); !errors.Is(err, rpc.Unavailable) || !strings.Contains(err.Error(), "restart at noon") {
		t.Errorf("pending call: %v", err)
	}
	<-c.Done()
	var closed *muxio.CloseError
	if err := c.Err(); !errors.As(err, &closed) || closed.Code != websocket.CloseServiceRestart || !closed.Remote {
		t.Errorf("Err: %v", err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// What a server sends together with its handshake is not lost.
func TestFramesBehindTheHandshake(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Protocol: muxio.v1\r\nSec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+
				"\r\n\r\n\x88\x06\x03\xf4noon") // a close frame with the code 1012
			_, _ = io.Copy(io.Discard, c) // until the client closes
		}))
		start, scheme, options := s.Start, "ws", wsclient.Options{}
		if secure {
			start, scheme = s.StartTLS, "wss"
		}
		start()
		if secure {
			options.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
		}
		_, address, _ := strings.Cut(s.URL, "://")
		c, err := wsclient.Dial(t.Context(), scheme+"://"+address, options)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		var closed *muxio.CloseError
		if err := c.Err(); !errors.As(err, &closed) || closed.Text != "noon" {
			t.Errorf("%s: %v", scheme, err)
		}
		_ = c.Close()
		s.Close()
	}
}
