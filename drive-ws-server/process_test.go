//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// binary is the program, built by TestMain.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "drive-ws-server-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, program)
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("go build: %v\n%s", err, out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// process is a running server.
type process struct {
	cmd     *exec.Cmd
	address string // its ready line
	more    chan string
	log     *logBuffer
}

// logBuffer keeps what is written to it, and lets others wait for a text.
type logBuffer struct {
	mu      sync.Mutex
	changed sync.Cond
	text    bytes.Buffer
	ended   bool
}

func newLogBuffer() *logBuffer {
	b := new(logBuffer)
	b.changed.L = &b.mu
	return b
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.changed.Broadcast()
	return b.text.Write(p)
}

func (b *logBuffer) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.changed.Broadcast()
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// waitFor returns once text has been written.
func (b *logBuffer) waitFor(t *testing.T, text string) {
	t.Helper()
	b.waitForTimes(t, text, 1)
}

// waitForTimes returns once text has been written so many times.
func (b *logBuffer) waitForTimes(t *testing.T, text string, times int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for strings.Count(b.text.String(), text) < times {
		if b.ended {
			t.Fatalf("the log ended without %d times %q:\n%s", times, text, b.text.String())
		}
		b.changed.Wait()
	}
}

// start runs the server on a free port and waits until it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(binary, append(args, "--port", "0")...))
}

// startCommand is start for a command that becomes the server.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: newLogBuffer(), more: make(chan string, 1)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			p.wait(t)
		}
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		p.wait(t)
		t.Fatalf("no ready line: %v\n%s", err, p.log)
	}
	p.address = strings.TrimSuffix(line, "\n")
	// Ends with the process; wait takes its result.
	go func() {
		rest, _ := io.ReadAll(lines)
		p.more <- string(rest)
	}()
	return p
}

// wait returns the exit code, -1 for a process that a signal killed.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	if p.address != "" { // all output must have been read before Wait
		if rest := <-p.more; rest != "" {
			t.Errorf("standard output after the address: %q", rest)
		}
	}
	_ = p.cmd.Wait() // the exit code says it
	p.log.end()
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *process) dial(t *testing.T) *driveclient.Client {
	t.Helper()
	c, err := driveclient.Dial(t.Context(), p.address, driveclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server may be gone
	return c
}

// heldStream is a stream that the server is reading when it returns. end ends
// it, result gets what became of it.
func heldStream(t *testing.T, c *driveclient.Client) (end func(), result <-chan error) {
	t.Helper()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.WriteFrom(t.Context(), []byte("held"), r)
		done <- err
		_ = r.Close()
	}()
	if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil { // more than the credit
		t.Fatal(err)
	}
	return func() { _ = w.Close() }, done
}

func TestSignalsEndTheServer(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "new.drive")
			p := start(t, path)
			if !strings.HasPrefix(p.address, "ws://127.0.0.1:") || !strings.HasSuffix(p.address, "/ws") {
				t.Errorf("ready line %q", p.address)
			}
			c := p.dial(t)
			if _, err := c.Write(t.Context(), []byte("k"), []byte("v")); err != nil {
				t.Fatal(err)
			}
			p.signal(t, sig)
			if code := p.wait(t); code != exitOK {
				t.Errorf("exit code %d\n%s", code, p.log)
			}
			<-c.Done()
			again := start(t, path).dial(t)
			if v, err := again.Get(t.Context(), []byte("k")); err != nil || string(v) != "v" {
				t.Errorf("after a restart: %q, %v", v, err)
			}
		})
	}
}

func TestFirstSignalFinishesWhatIsInFlight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	p := start(t, path)
	end, result := heldStream(t, p.dial(t))
	p.signal(t, syscall.SIGTERM)
	p.log.waitFor(t, "msg=stopping")
	end()
	if err := <-result; err != nil {
		t.Errorf("the stream in flight: %v", err)
	}
	if code := p.wait(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
	c := start(t, path).dial(t)
	if m, err := c.Metadata(t.Context(), []byte("held")); err != nil || m.Size != 1<<20 {
		t.Errorf("the stream's value: %+v, %v", m, err)
	}
}

func TestCallsThatDoNotFinishAreCutOff(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		then func(t *testing.T, p *process)
	}{
		"second signal": {nil, func(t *testing.T, p *process) { p.signal(t, syscall.SIGINT) }},
		"end of grace":  {[]string{"--shutdown-grace", "10ms"}, func(*testing.T, *process) {}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.drive")
			p := start(t, append(test.args, path)...)
			end, result := heldStream(t, p.dial(t))
			p.signal(t, syscall.SIGTERM)
			p.log.waitFor(t, "msg=stopping")
			test.then(t, p)
			if code := p.wait(t); code != exitFailure || !strings.Contains(p.log.String(), errCutOff.Error()) {
				t.Errorf("exit code %d\n%s", code, p.log)
			}
			end()
			if err := <-result; err == nil {
				t.Error("the stream that was cut off succeeded")
			}
			if n, err := start(t, path).dial(t).Len(t.Context()); err != nil || n != 0 {
				t.Errorf("%d values were stored, %v", n, err)
			}
		})
	}
}

// finish runs the program to its end.
func finish(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code says it
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no drive, but somebody's letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.drive")
	writeDamaged(t, damaged)
	served := filepath.Join(dir, "served.drive")
	first := start(t, served)
	port := strings.TrimSuffix(first.address[strings.LastIndex(first.address, ":")+1:], "/ws")
	absent := filepath.Join(dir, "absent")
	for _, test := range []struct {
		name string
		args []string
		code int
		text string // on standard error
	}{
		{"no storage", nil, exitUsage, "storage"},
		{"two storages", []string{absent, absent}, exitUsage, "unexpected argument"},
		{"unknown flag", []string{absent, "--nonsense"}, exitUsage, "--nonsense"},
		{"flag without a value", []string{absent, "--port"}, exitUsage, "--port"},
		{"port that is no number", []string{absent, "--port", "http"}, exitUsage, "--port"},
		{"negative limit", []string{absent, "--max-connections=-1"}, exitUsage, "--max-connections"},
		{"negative grace", []string{absent, "--shutdown-grace=-1s"}, exitUsage, "--shutdown-grace"},
		{"negative follow", []string{absent, "--follow=-1s"}, exitUsage, "--follow"},
		{"negative scrub", []string{absent, "--scrub-every=-1s"}, exitUsage, "--scrub-every"},
		{"unknown sync mode", []string{absent, "--sync", "often"}, exitUsage, "--sync"},
		{"sync interval of nothing", []string{absent, "--sync", "interval=0s"}, exitUsage, "--sync"},
		{"ratio below 0", []string{absent, "--compact-at=-0.1"}, exitUsage, "--compact-at"},
		{"ratio over 1", []string{absent, "--compact-at", "1.01"}, exitUsage, "--compact-at"},
		{"ratio that is no number", []string{absent, "--compact-at", "nan"}, exitUsage, "--compact-at"},
		{"size of unknown unit", []string{absent, "--compact-min", "1t"}, exitUsage, "--compact-min"},
		{"negative size", []string{absent, "--scrub-rate=-1"}, exitUsage, "--scrub-rate"},
		{"size over 63 bits", []string{absent, "--compact-rate", "8589934592g"}, exitUsage, "--compact-rate"},
		{"unknown log level", []string{absent, "--log-level", "loud"}, exitUsage, "--log-level"},
		{"port too large", []string{absent, "--port", "70000"}, exitFailure, "70000"},
		{"port negative", []string{absent, "--port=-1"}, exitFailure, "-1"},
		{"port in use", []string{absent, "--port", port}, exitFailure, "address already in use"},
		{"host that does not resolve", []string{absent, "--host", "host.invalid"}, exitFailure, "host.invalid"},
		{"locked by another server", []string{served, "--port", "0"}, exitFailure, "locked"},
		{"not a drive", []string{text, "--port", "0"}, exitFailure, "not a drive"},
		{"damaged in the middle", []string{damaged, "--port", "0"}, exitFailure, "recover"},
		{"directory", []string{dir, "--port", "0"}, exitFailure, "not a regular file"},
		{"directory that is missing", []string{filepath.Join(absent, "x"), "--port", "0"}, exitFailure, "no such file"},
		{"read-only without a file", []string{absent, "--port", "0", "--read-only"}, exitFailure, "no such file"},
	} {
		code, stdout, stderr := finish(t, test.args...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.text) ||
			!strings.HasPrefix(stderr, program+": ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, want %d; standard output %q, standard error %q", test.name, code, test.code, stdout, stderr)
		}
	}
	if _, err := os.Stat(absent); !os.IsNotExist(err) {
		t.Errorf("a failure left a file behind: %v", err)
	}
	if got, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(got), "this is no drive") {
		t.Errorf("the file that is no drive: %q, %v", got, err)
	}
	if _, err := first.dial(t).Len(t.Context()); err != nil {
		t.Errorf("the first server: %v", err)
	}
	for _, flag := range []string{"--help", "--version"} {
		if code, stdout, stderr := finish(t, flag); code != exitOK || !strings.Contains(stdout, program) || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q", flag, code, stdout, stderr)
		}
	}
}

// writeDamaged writes a drive whose chain of entries is broken in the middle.
func writeDamaged(t *testing.T, path string) {
	t.Helper()
	store, err := drive.Open(path, drive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var tail int64
	for i := range 100 {
		if tail, err = store.Write(fmt.Append(nil, i), []byte("a value")); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	writeAt(t, path, make([]byte, tail/2), tail/4)
}

// writeAt overwrites bytes of a file.
func writeAt(t *testing.T, path string, p []byte, off int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(p, off)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	writer := start(t, path).dial(t)
	if _, err := writer.Write(t.Context(), []byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	reader := start(t, path, "--read-only").dial(t)
	if v, err := reader.Get(t.Context(), []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("%q, %v", v, err)
	}
	if _, err := reader.Write(t.Context(), []byte("k"), []byte("w")); err == nil {
		t.Error("a read-only server took a write")
	}
}
