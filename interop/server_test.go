//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout is how long a program may take until it is ready.
	startTimeout = 30 * time.Second
	// stopTimeout is how long a server may take to end once it was asked to.
	stopTimeout = 30 * time.Second
)

// A serverProgram is a server under test.
type serverProgram struct {
	name string
	// path names the executable; what it points to is empty if that is missing.
	path *string
	// tombstones tells that the deletion of a missing key is written to the file.
	tombstones bool
}

// A server is a running server program.
type server struct {
	cmd     *exec.Cmd
	address string // for instance 127.0.0.1:34129
	log     *serverLog
	ended   chan struct{} // closed once the process has ended
}

// start runs the program on a free port of the loopback interface. The test's
// end ends it.
func (p serverProgram) start(t *testing.T, file string) *server {
	t.Helper()
	s := &server{
		cmd:   exec.Command(*p.path, file, "--host", "127.0.0.1", "--port", "0"),
		log:   &serverLog{address: make(chan string, 1)},
		ended: make(chan struct{}),
	}
	s.cmd.Env = append(os.Environ(), "NO_COLOR=1") // colours would stand inside of log lines
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process; kill waits for it
		defer close(s.ended)
		_ = s.cmd.Wait() // most servers are killed
	}()
	t.Cleanup(s.kill)
	select {
	case s.address = <-s.log.address:
	case <-s.ended:
		t.Fatalf("%s ended at once:\n%s", p.name, s.log)
	case <-time.After(startTimeout):
		t.Fatalf("%s does not listen:\n%s", p.name, s.log)
	}
	return s
}

// kill ends the server without a warning and waits for its end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

// stop asks the server to end and waits for it.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%v:\n%s", err, s.log)
	}
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		t.Fatalf("the server does not end:\n%s", s.log)
	}
}

// listening is the address in the line by which every server says that it is ready.
var listening = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*\b`)

// A serverLog keeps what a server prints and looks for its address.
type serverLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	found   bool
	address chan string // gets the address once
}

// Write takes what a server prints.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if l.found {
		return len(p), nil
	}
	lines := l.text.Bytes()[:bytes.LastIndexByte(l.text.Bytes(), '\n')+1]
	if address := listening.Find(lines); address != nil {
		l.found = true
		l.address <- string(address)
	}
	return len(p), nil
}

// String returns what the server has printed.
func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%.20000s", l.text.Bytes())
}
