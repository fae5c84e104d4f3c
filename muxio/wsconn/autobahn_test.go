//go:build autobahn

package wsconn

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/simd-drive/go/muxio"
)

var (
	autobahnPython = flag.String("autobahn.python", "", "Python 2.7")
	autobahnLib    = flag.String("autobahn.lib", "", "folder that the suite is installed in")
)

// autobahnCases are those of the suite that concern what a transport does; 9 measures,
// 12 and 13 are compression, which is not offered.
var autobahnCases = []string{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"}

// The suite knows no muxio: it opens connections without a subprotocol, sends text as well
// and wants each message back as one. So its tests have handshakes of their own, and
// echo takes the place of a session, above all else that a transport does.

// echo answers each message by itself until the connection ends, and returns the last
// one. Whoever only wants that passes answer false.
func echo(t *Transport, answer bool) (last []byte) {
	var message []byte
	for {
		p, err := t.readPart()
		if err == nil {
			message = append(message, p.payload...)
			if !p.last {
				continue
			}
			last, message = message, nil
			if p.opcode == textMessage && !utf8.Valid(last) {
				err = t.refuse(refusal(1007, "text that is not UTF-8"))
			} else if answer {
				waitForPongs(t)
				t.writing <- struct{}{}
				err = t.writeLocked(p.opcode, [][]byte{last}, time.Now().Add(t.cfg.WriteTimeout))
				<-t.writing
			}
		}
		if err != nil {
			t.reading <- struct{}{}
			t.endReading(err)
			<-t.reading
			_ = t.Close(muxio.CloseReason{Code: muxio.CloseNormal})
			return last
		}
	}
}

// waitForPongs lets the answers to pings go first. The suite wants them in this order;
// RFC 6455 and sessions do not.
func waitForPongs(t *Transport) {
	for busy := true; busy; runtime.Gosched() {
		t.orders.mu.Lock()
		busy = t.orders.busy
		t.orders.mu.Unlock()
	}
}

// acceptKey answers the key of a client (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestAutobahnServer runs the suite as a client against accepting transports.
func TestAutobahnServer(t *testing.T) {
	l := listen(t)
	defer l.Close()
	go func() { // ends with l
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					_ = c.Close()
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Accept: %s\r\n\r\n", acceptKey(r.Header.Get("Sec-Websocket-Key")))
				// The suite waits for a second until a connection with a violation ends.
				echo(New(c, Config{CloseTimeout: 200 * time.Millisecond}), true)
			}()
		}
	}()
	dir := t.TempDir()
	cmd := autobahn(t, dir, "fuzzingclient", map[string]any{
		"servers": []any{map[string]any{"agent": "server", "url": "ws://" + l.Addr().String(), "options": map[string]any{"version": 18}}},
	})
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkAutobahn(t, dir)
}

// TestAutobahnClient runs the suite as a server for dialing transports.
func TestAutobahnClient(t *testing.T) {
	dir := t.TempDir()
	l := listen(t)
	address := l.Addr().String()
	_ = l.Close() // the suite takes the port
	cmd := autobahn(t, dir, "fuzzingserver", map[string]any{
		"url": "ws://" + address, "options": map[string]any{"failByDrop": false}, "webport": 0,
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C { // the time limit of the test ends it
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
	}
	count, err := strconv.Atoi(string(echo(dialAutobahn(t, address, "/getCaseCount"), false)))
	if err != nil || count < 200 {
		t.Fatalf("%d cases, %v", count, err)
	}
	for i := range count {
		echo(dialAutobahn(t, address, fmt.Sprintf("/runCase?case=%d&agent=client", i+1)), true)
	}
	echo(dialAutobahn(t, address, "/updateReports?agent=client"), false)
	checkAutobahn(t, dir)
}

// dialAutobahn opens a WebSocket to the suite.
func dialAutobahn(t *testing.T, address, path string) *Transport {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, address)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // empty
	if got := resp.Header.Get("Sec-Websocket-Accept"); got != acceptKey("AAAAAAAAAAAAAAAAAAAAAA==") {
		t.Fatalf("handshake: status %d, %q", resp.StatusCode, got)
	}
	received, err := r.Peek(r.Buffered())
	if err != nil {
		t.Fatal(err)
	}
	return New(c, Config{Masks: true, Received: bytes.Clone(received)})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// autobahn returns the command that runs the suite in dir, where its reports will be.
func autobahn(t *testing.T, dir, mode string, spec map[string]any) *exec.Cmd {
	t.Helper()
	if *autobahnPython == "" {
		t.Fatal("run by make autobahn")
	}
	spec["outdir"] = filepath.Join(dir, "reports")
	spec["cases"], spec["exclude-cases"], spec["exclude-agent-cases"] = autobahnCases, []string{}, map[string]any{}
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("import site; site.addsitedir(%q); from autobahntestsuite import wstest; wstest.run()", *autobahnLib)
	cmd := exec.CommandContext(t.Context(), *autobahnPython, "-W", "ignore", "-c", script, "-m", mode, "-s", filepath.Join(dir, "spec.json"))
	cmd.Dir = dir
	return cmd
}

// checkAutobahn demands that no case failed.
func checkAutobahn(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "reports", "index.json"))
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
