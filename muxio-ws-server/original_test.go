package wsserver_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// TestProtocols tries each protocol of a client against a server that speaks all, and
// against one that does not know of muxio.v1.
func TestProtocols(t *testing.T) {
	s := wsserver.New(wsserver.Options{Handler: echo{}, Originals: &rpc.Config{}})
	all := serveHTTP(t, s, func(net.Conn) {})
	originals := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Sec-Websocket-Protocol") // as one that does not look at it
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(originals.Close)
	for _, tt := range []struct{ asked, native, original wsclient.Protocol }{
		{wsclient.Negotiated, wsclient.Native, wsclient.Original13},
		{wsclient.Native, wsclient.Native, 0},
		{wsclient.Original13, wsclient.Original13, wsclient.Original13},
		{wsclient.Original21, wsclient.Original21, wsclient.Original21},
	} {
		for url, want := range map[string]wsclient.Protocol{all: tt.native, strings.Replace(originals.URL, "http", "ws", 1): tt.original} {
			c, err := wsclient.Dial(t.Context(), url, wsclient.Options{Protocol: tt.asked})
			if want == 0 {
				var refused *wsclient.HandshakeError
				if !errors.As(err, &refused) {
					t.Errorf("%v, with a server of the original protocol: %v", tt.asked, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%v: %v", tt.asked, err)
				continue
			}
			if c.Protocol() != want || c.Conn().IsOriginal() != (want != wsclient.Native) {
				t.Errorf("asked for %v, got %v, want %v", tt.asked, c.Protocol(), want)
			}
			var calls sync.WaitGroup
			for range 50 {
				calls.Go(func() { mustEcho(t, c.Conn(), strings.Repeat("hello", 20_000)) })
			}
			calls.Wait()
			_ = c.Close()
			c.Conn().Wait()
		}
	}
}

// TestOriginalsAreRefusedUnlessWanted holds the default.
func TestOriginalsAreRefusedUnlessWanted(t *testing.T) {
	_, url := serve(t, wsserver.Options{Handler: echo{}})
	var refused *wsclient.HandshakeError
	if _, err := wsclient.Dial(t.Context(), url, wsclient.Options{Protocol: wsclient.Original13}); !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest {
		t.Errorf("Dial: %v", err)
	}
}
