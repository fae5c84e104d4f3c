package wsclient_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// TestServerThatDoesNotAnswer holds that a server which takes what a client of the original
// protocol says and does not answer, because it understands something else, is noticed
// when the connection is opened, and not by the first call that hangs.
func TestServerThatDoesNotAnswer(t *testing.T) {
	for name, serveWS := range map[string]func(*websocket.Conn){
		"silent": func(ws *websocket.Conn) {
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		},
		"closes": func(ws *websocket.Conn) { _, _, _ = ws.ReadMessage() },
	} {
		for _, p := range []wsclient.Protocol{wsclient.Negotiated, wsclient.Original13, wsclient.Original21} {
			t.Run(name+"/"+p.String(), func(t *testing.T) {
				t.Parallel() // some wait for ProbeTimeout
				url := serve(t, func(w http.ResponseWriter, r *http.Request) {
					ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
					if err != nil {
						t.Error(err)
						return
					}
					defer ws.Close()
					serveWS(ws)
				})
				if _, err := wsclient.Dial(t.Context(), url, wsclient.Options{Protocol: p}); !errors.Is(err, wsclient.ErrNoAnswer) {
					t.Errorf("Dial: %v", err)
				}
			})
		}
	}
}

// TestUnaskedSubprotocol holds that a client which asks for none takes none.
func TestUnaskedSubprotocol(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, http.Header{"Sec-Websocket-Protocol": {"muxio.v1"}})
		if err == nil {
			_ = ws.Close()
		}
	})
	var refused *wsclient.HandshakeError
	if _, err := wsclient.Dial(t.Context(), url, wsclient.Options{Protocol: wsclient.Original13}); !errors.As(err, &refused) {
		t.Errorf("Dial: %v", err)
	}
}
