//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core"
)

// These tests need a process of its own: signals, and a user without rights.

// retrySignal is how long a process gets to react before it is asked again.
const retrySignal = 50 * time.Millisecond

// besideWrites is how often a writer writes while a verb runs.
const besideWrites = 1000

// nobody is a user id that owns nothing.
const nobody = 65534

// start runs the program, as installed by TestMain, in the background.
func start(t *testing.T, cmd *exec.Cmd) (ended <-chan struct{}) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	// Ends with the process, which the cleanup kills; whoever started it waits.
	go func() {
		defer close(done)
		_ = cmd.Wait() // the status is in cmd.ProcessState
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return done
}

func runProgram(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := runProgram(t, args...)
	if status != exitOK {
		t.Fatalf("drive %q: exit status %d\n%s", args, status, stderr)
	}
	return stdout
}

func TestInterruptedWriteStoresNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.drive")
	mustRun(t, path, "write", "before", "value")
	cmd := exec.Command("drive", path, "write", "k")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ended := start(t, cmd)
	// More than a pipe holds: when this returns, the program is reading.
	if _, err := stdin.Write(make([]byte, 4*mib)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupted || stderr.String() != "drive: interrupted\n" {
		t.Errorf("exit status %d, %q", status, stderr.String())
	}
	if status, _, _ := runProgram(t, path, "exists", "k"); status != exitFailed {
		t.Errorf("exists k: exit status %d", status)
	}
	mustRun(t, path, "check")
	if got := mustRun(t, path, "read", "before"); got != "value" {
		t.Errorf("read before = %q", got)
	}
}

func TestLockedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.drive")
	mustRun(t, path, "write", "k", "value")
	writer, err := drive.Open(path, drive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for _, args := range [][]string{{"write", "k", "v"}, {"delete", "k"}, {"compact"}, {"import", t.TempDir()}} {
		status, stdout, stderr := runProgram(t, append([]string{path}, args...)...)
		if status != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "locked") {
			t.Errorf("%q beside a writer: exit status %d, %q, %q", args, status, stdout, stderr)
		}
	}
	if got := mustRun(t, path, "read", "k"); got != "value" {
		t.Errorf("read beside a writer = %q", got)
	}
	mustRun(t, path, "check")
}

// TestReadingBesideAWriter runs the verbs that read while another process writes:
// they succeed, what they show is whole, and the writer does not notice.
func TestReadingBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.drive")
	writer, err := drive.Open(path, drive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write([]byte("k"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	for i := range 5 {
		for _, args := range [][]string{
			{"info", "--detailed"},
			{"read", "k"},
			{"exists", "k"},
			{"metadata", "k"},
			{"entries", "--live"},
			{"backup", filepath.Join(out, strconv.Itoa(i))},
		} {
			var writing sync.WaitGroup
			writing.Go(func() {
				for n := range besideWrites {
					if _, err := writer.Write([]byte("other"), bytes.Repeat([]byte("x"), 1+n)); err != nil {
						t.Error(err)
						return
					}
				}
			})
			mustRun(t, append([]string{path}, args...)...)
			writing.Wait()
		}
		mustRun(t, filepath.Join(out, strconv.Itoa(i)), "check")
	}
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
	// The store, its mark and, if it has grown large, its index.
	names, err := os.ReadDir(dir)
	indexed := func(e os.DirEntry) bool { return e.Name() == "s.drive.idx" }
	if names = slices.DeleteFunc(names, indexed); err != nil || len(names) != 2 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
	mustRun(t, path, "check")
}

// TestInterruptedBackupLeavesNothing interrupts a backup that is held back by its
// rate.
func TestInterruptedBackupLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.drive")
	mustRun(t, path, "write", "k", strings.Repeat("x", 4*mib))
	dir := t.TempDir()
	cmd := exec.Command("drive", path, "backup", filepath.Join(dir, "b"), "--rate", "1k")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ended := start(t, cmd)
	for { // until it has begun
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(names) > 0 {
			break
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupted || stderr.String() != "drive: interrupted\n" {
		t.Errorf("exit status %d, %q", status, stderr.String())
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.drive")
	huge := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(huge, bytes.Repeat([]byte("x"), 4*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, path, "import", filepath.Dir(huge))
	cmd := exec.Command("drive", path, "read", "huge")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := start(t, cmd)
	// After its first byte the program fills the pipe and blocks for ever: then
	// the first signal cannot be obeyed. It can when it comes before that.
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for running := true; running; {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			break // it has just ended
		}
		select {
		case <-ended:
			running = false
		case <-time.After(retrySignal):
		}
	}
	<-ended
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := ws.Signaled() && ws.Signal() == syscall.SIGINT
	if !ok || !killed && ws.ExitStatus() != exitInterrupted {
		t.Errorf("ended with %v, want by SIGINT", cmd.ProcessState)
	}
}

// TestReadOnlyPlace uses a store that its user may not write, in a directory
// where nothing may be created: reading verbs work, the others say why not.
func TestReadOnlyPlace(t *testing.T) {
	program, dir := publicProgram(t)
	path := filepath.Join(dir, "s.drive")
	mustRun(t, path, "write", "k", "value")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })

	for _, tc := range []struct {
		args   []string
		status int
	}{
		{[]string{"read", "k"}, exitOK},
		{[]string{"exists", "k"}, exitOK},
		{[]string{"info", "--detailed"}, exitOK},
		{[]string{"metadata", "k"}, exitOK},
		{[]string{"entries"}, exitOK},
		{[]string{"check"}, exitOK},
		{[]string{"write", "k", "other"}, exitFailed},
		{[]string{"delete", "k"}, exitFailed},
		{[]string{"rename", "k", "k2"}, exitFailed},
		{[]string{"compact"}, exitFailed},
		{[]string{"recover", filepath.Join(dir, "out")}, exitFailed},
		{[]string{"backup", filepath.Join(dir, "out")}, exitFailed},
		{[]string{"bench"}, exitFailed},
	} {
		cmd := exec.Command(program, append([]string{path}, tc.args...)...)
		cmd.Env = []string{} // no HOME either
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Skipf("SKIPPED, nothing was tested: cannot run a program as another user here: %v", err)
		}
		if got := cmd.ProcessState.ExitCode(); got != tc.status {
			t.Errorf("%q: exit status %d, want %d\n%s", tc.args, got, tc.status, stderr.String())
		}
		if lines := strings.Count(stderr.String(), "\n"); lines != tc.status {
			t.Errorf("%q: %d lines on standard error, want %d\n%s", tc.args, lines, tc.status, stderr.String())
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed: %v", err)
	}
	// The store, its mark and, if it has grown large, its index.
	names, err := os.ReadDir(dir)
	indexed := func(e os.DirEntry) bool { return e.Name() == "s.drive.idx" }
	if names = slices.DeleteFunc(names, indexed); err != nil || len(names) != 2 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
}

// publicProgram returns a copy of the program, and an empty directory, that
// every user can get at; what tests usually work with belongs to one user.
func publicProgram(t *testing.T) (program, dir string) {
	t.Helper()
	base := t.TempDir()
	for d := base; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := exec.LookPath("drive")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(base, "drive")
	if err := os.WriteFile(program, data, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(base, "place")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return program, dir
}
