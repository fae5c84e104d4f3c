package streamconn_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio/streamconn"
)

// start starts this program as a child of the given kind.
func start(t *testing.T, kind string, cfg streamconn.Config) (p *streamconn.Process, cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+kind)
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	p, err := streamconn.Command(cmd, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(normal) })
	return p, cmd, stderr
}

func TestChildAnswersAndExits(t *testing.T) {
	p, _, stderr := start(t, "echo", streamconn.Config{})
	client, back := newClient(t, p)
	for _, size := range []int{1, 100_000, 3 << 20} {
		wantEcho(t, client, back, size)
	}
	if err := p.Err(); err != nil {
		t.Errorf("exited meanwhile: %v", err)
	}
	if err := client.Close(normal); err != nil {
		t.Error(err)
	}
	await(t, p.Exited(), "exit")
	if err := p.Err(); err != nil {
		t.Errorf("exited with %v: %s", err, stderr)
	}
	if !strings.Contains(stderr.String(), "this is no frame") {
		t.Errorf("what the child printed did not go to its standard error: %q", stderr)
	}
}

func TestChildThatFails(t *testing.T) {
	p, _, stderr := start(t, "fails", streamconn.Config{})
	if _, err := p.ReadMessage(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadMessage: %v", err)
	}
	await(t, p.Exited(), "exit")
	var status *exec.ExitError
	if err := p.Err(); !errors.As(err, &status) || status.ExitCode() != 3 || !strings.Contains(stderr.String(), "no luck") {
		t.Errorf("exited with %v: %s", err, stderr)
	}
	if err := p.Close(normal); !errors.As(err, &status) {
		t.Errorf("Close: %v", err)
	}
}

func TestChildThatDoesNotExitIsKilled(t *testing.T) {
	cfg := streamconn.Config{CloseTimeout: 50 * time.Millisecond, ExitTimeout: 100 * time.Millisecond}
	p, _, _ := start(t, "deaf", cfg)
	before := time.Now()
	if err := p.Close(normal); !errors.Is(err, streamconn.ErrKilled) {
		t.Errorf("Close: %v", err)
	}
	if d := time.Since(before); d < cfg.ExitTimeout || d > hangGuard/2 {
		t.Errorf("closing took %v", d)
	}
	await(t, p.Exited(), "exit")
}

func TestChildThatDiesEndsTheSession(t *testing.T) {
	p, cmd, _ := start(t, "echo", streamconn.Config{})
	client, back := newClient(t, p)
	wantEcho(t, client, back, 10)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, client.Done(), "end")
	if err := client.Err(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ended with %v", err)
	}
}

// The death of a parent must not kill its child by SIGPIPE: it ends by itself.
func TestChildSurvivesItsParentsSilence(t *testing.T) {
	p, _, stderr := start(t, "echo", streamconn.Config{CloseTimeout: time.Second})
	client, back := newClient(t, p)
	wantEcho(t, client, back, 10)
	// The goodbye reaches the child, which answers it to nobody.
	_ = client.Close(tired)
	var status *exec.ExitError
	if err := p.Err(); !errors.As(err, &status) || status.ExitCode() != 6 || !strings.Contains(stderr.String(), "tired") {
		t.Errorf("exited with %v: %s", err, stderr)
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "./no-such-program")
	if _, err := streamconn.Command(cmd, streamconn.Config{}); err == nil {
		t.Error("a program that is not there was started")
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Stdin = strings.NewReader("taken")
	if _, err := streamconn.Command(cmd, streamconn.Config{}); err == nil || cmd.Process != nil {
		t.Errorf("a command with a standard input was started: %v", err)
	}
}
