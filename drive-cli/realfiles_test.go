//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// maxPeakBytes bounds the memory that belongs to each of the two processes while
// the huge value passes: file pages are the system's and do not count.
const maxPeakBytes = 128 << 20

// hugeBytes returns the size of the one value that is streamed. It is less under
// the race detector, which slows the generator of the value by a hundred times.
func hugeBytes() int64 {
	if raceDetector {
		return 64 << 20
	}
	return 1 << 30
}

// programs builds the server and this program.
func programs(t *testing.T) (serverPath, drivePath string) {
	t.Helper()
	dir := t.TempDir()
	serverPath, drivePath = filepath.Join(dir, "drive-ws-server"), filepath.Join(dir, "drive")
	for path, module := range map[string]string{serverPath: "../drive-ws-server", drivePath: "."} {
		build := exec.Command("go", "build", "-o", path, ".")
		build.Dir = module
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build in %s: %v\n%s", module, err, out)
		}
	}
	return serverPath, drivePath
}

// served is a running server process.
type served struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
}

// serveFile starts the server on a free port and waits until it is ready.
func serveFile(t *testing.T, program, file string) *served {
	t.Helper()
	s := &served{t: t, cmd: exec.Command(program, file, "--port", "0")}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the server did not get ready:", err)
	}
	s.address = strings.TrimSpace(line)
	return s
}

// end sends the signal and waits for the process.
func (s *served) end(signal os.Signal) *os.ProcessState {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // the caller looks at the state
	return s.cmd.ProcessState
}

// anonymousBytes reads how much memory of its own a process has now.
func anonymousBytes(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the system does not tell RssAnon")
	return 0
}

// runDrive runs the program with stdin and stdout, and bounds its memory when it
// passed more than a little.
func runDrive(t *testing.T, program string, stdin io.Reader, stdout io.Writer, args ...string) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("drive %q: %v\n%s", args, err, errs.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell the peak of memory")
	}
	// A child begins with the peak of its parent, which the race detector swells.
	if peak := usage.Maxrss << 10; peak > maxPeakBytes && !raceDetector {
		t.Errorf("drive %q took %d MiB at its peak", args[1:], peak>>20)
	}
}

// sums returns the checksum of every regular file below dir that is not empty.
func sums(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	all := map[string][sha256.Size]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		if len(b) > 0 {
			all[path] = sha256.Sum256(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// realTree makes a directory of real files: the sources of this repository, some
// MB of random and of zero bytes, and odd sizes.
func realTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, module := range []string{"drive-core", "drive-cli", "muxio", "muxio-rpc-service"} {
		if err := os.CopyFS(filepath.Join(dir, module), os.DirFS(filepath.Join("..", module))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"damaged/zero1.bin", "empty.bin"} { // what no drive can hold
		if err := os.Remove(filepath.Join(dir, "drive-core/testdata/golden", name)); err != nil {
			t.Fatal(err)
		}
	}
	random := make([]byte, 5<<20+1)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random) // never fails
	for name, value := range map[string][]byte{
		"random": random, "zeros": make([]byte, 3<<20), "one": {1}, "two-zeros": {0, 0}, "page": random[:4096],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), value, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// hugeValue yields the huge value and sums what passes.
func hugeValue(sum hash.Hash) io.Reader {
	return io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{2}), hugeBytes()), sum)
}

// TestRealFilesThroughAServer imports real files through a server, kills it,
// starts it again, and reads everything back.
func TestRealFilesThroughAServer(t *testing.T) {
	server, drive := programs(t)
	work := t.TempDir()
	file := filepath.Join(work, "data.drive")
	tree := realTree(t)

	s := serveFile(t, server, file)
	var keys bytes.Buffer
	runDrive(t, drive, nil, &keys, s.address, "import", tree, "-o", "json")
	keysFile := filepath.Join(work, "keys")
	if err := os.WriteFile(keysFile, keys.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := sha256.New()
	runDrive(t, drive, hugeValue(wrote), io.Discard, s.address, "write", "huge")
	if n := anonymousBytes(t, s.cmd.Process.Pid); n > maxPeakBytes {
		t.Errorf("the server holds %d MiB after the stream", n>>20)
	}
	s.end(syscall.SIGKILL)

	s = serveFile(t, server, file)
	var listed bytes.Buffer
	runDrive(t, drive, nil, &listed, s.address, "entries", "--live", "-o", "json")
	want := sums(t, tree)
	if n := strings.Count(listed.String(), "\n"); n != len(want)+1 {
		t.Errorf("%d entries listed, want %d", n, len(want)+1)
	}
	read := sha256.New()
	runDrive(t, drive, nil, read, s.address, "read", "huge")
	if !bytes.Equal(read.Sum(nil), wrote.Sum(nil)) {
		t.Error("the streamed value came back changed")
	}
	runDrive(t, drive, nil, io.Discard, s.address, "delete", "huge")
	out := filepath.Join(work, "out")
	runDrive(t, drive, nil, io.Discard, s.address, "export", out, "--keys", keysFile)
	got := sums(t, out)
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s came back changed", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files exported, want %d", len(got), len(want))
	}
	if state := s.end(syscall.SIGTERM); state.ExitCode() != 0 {
		t.Errorf("after SIGTERM: %v", state)
	}
	var report bytes.Buffer
	if status := run(context.Background(), []string{file, "check"}, nil, &report, &report); status != exitOK {
		t.Errorf("check: %s", report.String())
	}
}
