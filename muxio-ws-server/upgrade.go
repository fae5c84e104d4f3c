package wsserver

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio/wsconn"
)

// checkUpgrade answers requests that do not ask for what this server offers,
// and reports whether r does. originals tells whether one may ask for no subprotocol.
func checkUpgrade(w http.ResponseWriter, r *http.Request, originals bool) bool {
	asked := websocket.Subprotocols(r)
	fits := slices.Contains(asked, wsconn.Subprotocol) || originals && len(asked) == 0
	switch {
	case r.ProtoMajor != 1:
		http.Error(w, "this address is a WebSocket, which opens over HTTP/1.1", http.StatusHTTPVersionNotSupported)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "this address is a WebSocket, which opens with GET, not "+r.Method, http.StatusMethodNotAllowed)
	case !websocket.IsWebSocketUpgrade(r):
		upgradeRequired(w, "this address is a WebSocket: the request needs the headers Connection: Upgrade and Upgrade: websocket")
	case r.Header.Get("Sec-Websocket-Version") != "13":
		upgradeRequired(w, "this server speaks version 13 of WebSocket: the request needs Sec-WebSocket-Version: 13")
	case !fits:
		http.Error(w, "this server speaks the subprotocol "+wsconn.Subprotocol+
			": the request needs Sec-WebSocket-Protocol: "+wsconn.Subprotocol, http.StatusBadRequest)
	default:
		return true
	}
	return false
}

func upgradeRequired(w http.ResponseWriter, text string) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-Websocket-Version", "13")
	http.Error(w, text, http.StatusUpgradeRequired)
}

// upgradeError answers requests that the upgrader refused.
func upgradeError(w http.ResponseWriter, r *http.Request, status int, reason error) {
	text := reason.Error()
	if status == http.StatusForbidden {
		text = fmt.Sprintf("origin %q may not connect to this server", r.Header.Get("Origin"))
	}
	http.Error(w, text, status)
}
