package wsserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

func TestRefusedRequests(t *testing.T) {
	upgrade := http.Header{
		"Connection":             {"Upgrade"},
		"Upgrade":                {"websocket"},
		"Sec-Websocket-Version":  {"13"},
		"Sec-Websocket-Key":      {"AAAAAAAAAAAAAAAAAAAAAA=="},
		"Sec-Websocket-Protocol": {"muxio.v1"},
	}
	with := func(name string, values ...string) http.Header {
		h := upgrade.Clone()
		h[name] = values
		return h
	}
	tests := []struct {
		name   string
		method string
		header http.Header
		status int
		text   string // part of the answer
		answer http.Header
	}{
		{"plain request", "GET", http.Header{}, 426, "WebSocket", http.Header{"Upgrade": {"websocket"}}},
		{"wrong method", "POST", upgrade, 405, "GET", http.Header{"Allow": {"GET"}}},
		{"old version", "GET", with("Sec-Websocket-Version", "8"), 426, "version 13", http.Header{"Sec-Websocket-Version": {"13"}}},
		{"no subprotocol", "GET", with("Sec-Websocket-Protocol"), 400, "muxio.v1", nil},
		{"other subprotocol", "GET", with("Sec-Websocket-Protocol", "chat"), 400, "muxio.v1", nil},
		{"bad key", "GET", with("Sec-Websocket-Key", "short"), 400, "Sec-WebSocket-Key", nil},
		{"foreign origin", "GET", with("Origin", "https://elsewhere.example"), 403, "elsewhere.example", nil},
		{"unreadable origin", "GET", with("Origin", "::"), 403, "origin", nil},
	}
	_, url := serve(t, wsserver.Options{Handler: echo{}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http"+strings.TrimPrefix(url, "ws"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = tt.header.Clone()
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.text) {
				t.Fatalf("status %d, %q, %v; want %d and a text with %q", resp.StatusCode, body, err, tt.status, tt.text)
			}
			for name, want := range tt.answer {
				if got := resp.Header.Get(name); got != want[0] {
					t.Errorf("header %s: %q, want %q", name, got, want[0])
				}
			}
		})
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	mustEcho(t, dial(t, url, wsclient.Options{}).Conn(), "still here")
}

func TestOrigin(t *testing.T) {
	_, url := serve(t, wsserver.Options{Handler: echo{}})
	own := "http" + strings.TrimPrefix(url, "ws")
	mustEcho(t, dial(t, url, wsclient.Options{Header: http.Header{"Origin": {own}}}).Conn(), "from a page of this server")

	_, url = serve(t, wsserver.Options{Handler: echo{}, CheckOrigin: func(r *http.Request) bool {
		return r.Header.Get("Origin") == "https://friend.example"
	}})
	mustEcho(t, dial(t, url, wsclient.Options{Header: http.Header{"Origin": {"https://friend.example"}}}).Conn(), "from a friend")
	_, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
	var refused *wsclient.HandshakeError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden {
		t.Errorf("no origin: %v", err)
	}
}

func TestWrongPath(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/rpc", wsserver.New(wsserver.Options{}))
	h := httptest.NewServer(mux)
	defer h.Close()
	_, err := wsclient.Dial(t.Context(), "ws"+strings.TrimPrefix(h.URL, "http")+"/other", wsclient.Options{})
	var refused *wsclient.HandshakeError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound || !strings.Contains(refused.Body, "not found") {
		t.Errorf("Dial: %v", err)
	}
}

func TestTLS(t *testing.T) {
	s := wsserver.New(wsserver.Options{Handler: echo{}})
	h := httptest.NewUnstartedServer(s)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // bad handshakes are the point
	h.StartTLS()
	t.Cleanup(h.Close)
	t.Cleanup(func() { _ = s.Close() })
	url := "wss" + strings.TrimPrefix(h.URL, "https")
	trusted := x509.NewCertPool()
	trusted.AddCert(h.Certificate())

	t.Run("trusted", func(t *testing.T) {
		c := dial(t, url, wsclient.Options{TLS: &tls.Config{RootCAs: trusted}})
		mustEcho(t, c.Conn(), strings.Repeat("secret", 50_000))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		_, err := wsclient.Dial(t.Context(), url, wsclient.Options{})
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("Dial: %v", err)
		}
	})
	t.Run("other name", func(t *testing.T) {
		_, err := wsclient.Dial(t.Context(), url, wsclient.Options{TLS: &tls.Config{RootCAs: trusted, ServerName: "elsewhere.test"}})
		var mismatch x509.HostnameError
		if !errors.As(err, &mismatch) {
			t.Errorf("Dial: %v", err)
		}
	})
	t.Run("plain to TLS", func(t *testing.T) {
		_, err := wsclient.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "wss"), wsclient.Options{})
		var refused *wsclient.HandshakeError
		if !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest || !strings.Contains(refused.Body, "HTTPS") {
			t.Errorf("Dial: %v", err)
		}
	})
	t.Run("TLS to plain", func(t *testing.T) {
		_, plain := serve(t, wsserver.Options{})
		_, err := wsclient.Dial(t.Context(), "wss"+strings.TrimPrefix(plain, "ws"), wsclient.Options{})
		var header tls.RecordHeaderError
		if !errors.As(err, &header) {
			t.Errorf("Dial: %v", err)
		}
	})
}

// The reading of a request is bounded by the HTTP server, as the package
// documentation asks.
func TestUpgradeThatNeverFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := servePipe(t, wsserver.New(wsserver.Options{}))
		c, err := l.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: memory\r\nConnection: Upgr"); err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, c)
		if d := time.Since(start); err != nil || d != time.Minute {
			t.Errorf("connection ended after %v with %v", d, err)
		}
	})
}

// A client that never reads the upgrade response must not hold its place.
func TestUpgradeResponseThatIsNeverRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := wsserver.New(wsserver.Options{MaxConnections: 1, HandshakeTimeout: 3 * time.Second})
		l := servePipe(t, s)
		c, err := l.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: memory\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: muxio.v1\r\n\r\n")
		}()
		<-time.After(4 * time.Second)
		client := wsclient.Options{DialContext: l.DialContext}
		next, err := wsclient.Dial(t.Context(), "ws://memory/", client)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	})
}
