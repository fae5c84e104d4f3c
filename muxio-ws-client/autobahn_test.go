//go:build autobahn

package wsclient

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

var (
	autobahnPython = flag.String("autobahn.python", "", "Python 2.7")
	autobahnLib    = flag.String("autobahn.lib", "", "folder that the suite is installed in")
)

// TestAutobahn runs the suite as a server for a client that dials as this module does.
func TestAutobahn(t *testing.T) {
	if *autobahnPython == "" {
		t.Fatal("run by make autobahn")
	}
	dir := t.TempDir()
	url := startAutobahn(t, dir)
	count, err := strconv.Atoi(string(autobahn(t, url+"/getCaseCount", false)))
	if err != nil || count < 200 {
		t.Fatalf("%d cases, %v", count, err)
	}
	for i := range count {
		autobahn(t, fmt.Sprintf("%s/runCase?case=%d&agent=wsclient", url, i+1), true)
	}
	autobahn(t, url+"/updateReports?agent=wsclient", false)
	checkAutobahn(t, filepath.Join(dir, "reports", "index.json"))
}

// startAutobahn starts the suite on a free port and waits until it answers.
func startAutobahn(t *testing.T, dir string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url = "ws://" + l.Addr().String()
	_ = l.Close() // the suite takes the port
	spec, err := json.Marshal(map[string]any{
		"url": url, "outdir": filepath.Join(dir, "reports"),
		"cases":         []string{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"},
		"exclude-cases": []string{}, "exclude-agent-cases": map[string]any{},
		"options": map[string]any{"failByDrop": false}, "webport": 0,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), spec, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("import site; site.addsitedir(%q); from autobahntestsuite import wstest; wstest.run()", *autobahnLib)
	cmd := exec.Command(*autobahnPython, "-W", "ignore", "-c", script, "-m", "fuzzingserver", "-s", filepath.Join(dir, "spec.json"))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C { // the time limit of the test ends it
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			_ = c.Close()
			return url
		}
	}
	return ""
}

// autobahn opens a WebSocket as Dial does, and echoes what comes, or returns the last
// message.
func autobahn(t *testing.T, url string, echo bool) (last []byte) {
	t.Helper()
	dialer := newDialer(new(net.Dialer).DialContext, Options{})
	dialer.Subprotocols = nil // the suite speaks none
	ws, resp, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // empty
	defer ws.Close()
	for {
		kind, message, err := ws.ReadMessage()
		if err != nil {
			return last
		}
		last = message
		if kind == websocket.TextMessage && !utf8.Valid(message) {
			_ = ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""))
			return last
		}
		if echo {
			if err := ws.WriteMessage(kind, message); err != nil {
				return last
			}
		}
	}
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
