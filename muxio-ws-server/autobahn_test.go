//go:build autobahn

package wsserver

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

var (
	autobahnPython = flag.String("autobahn.python", "", "Python 2.7")
	autobahnLib    = flag.String("autobahn.lib", "", "folder that the suite is installed in")
)

// autobahnCases are those of the suite that concern what a server of this module
// does; 9 measures, 12 and 13 are compression, which it does not offer.
var autobahnCases = []string{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"}

// echo answers each message by itself, over a connection as the server makes it.
func echo(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws, err := s.upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // answered
		}
		defer ws.Close()
		for {
			kind, message, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if kind == websocket.TextMessage && !utf8.Valid(message) {
				_ = ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""))
				return
			}
			if err := ws.WriteMessage(kind, message); err != nil {
				return
			}
		}
	}
}

// TestAutobahn runs the suite as a client against a server.
func TestAutobahn(t *testing.T) {
	if *autobahnPython == "" {
		t.Fatal("run by make autobahn")
	}
	web := httptest.NewServer(echo(New(Options{})))
	defer web.Close()
	dir := t.TempDir()
	spec, err := json.Marshal(map[string]any{
		"outdir": filepath.Join(dir, "reports"),
		"servers": []any{map[string]any{
			"agent": "wsserver", "url": strings.Replace(web.URL, "http", "ws", 1), "options": map[string]any{"version": 18},
		}},
		"cases": autobahnCases, "exclude-cases": []string{}, "exclude-agent-cases": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), spec, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("import site; site.addsitedir(%q); from autobahntestsuite import wstest; wstest.run()", *autobahnLib)
	cmd := exec.CommandContext(t.Context(), *autobahnPython, "-W", "ignore", "-c", script, "-m", "fuzzingclient", "-s", filepath.Join(dir, "spec.json"))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkAutobahn(t, filepath.Join(dir, "reports", "index.json"))
}

// checkAutobahn demands that no case failed.
func checkAutobahn(t *testing.T, index string) {
	t.Helper()
	b, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	var report map[string]map[string]struct{ Behavior, BehaviorClose string }
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for agent, cases := range report {
		for name, c := range cases {
			count[c.Behavior]++
			for _, b := range []string{c.Behavior, c.BehaviorClose} {
				if b != "OK" && b != "NON-STRICT" && b != "INFORMATIONAL" {
					t.Errorf("%s, case %s: %s, closing %s", agent, name, c.Behavior, c.BehaviorClose)
				}
			}
		}
	}
	if count["OK"] < 200 {
		t.Errorf("only %d cases were passed", count["OK"])
	}
	t.Logf("cases: %v", count)
}
