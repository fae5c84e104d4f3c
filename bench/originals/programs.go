package originals

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/simd-drive/go/drive-ws-client"
)

// pythonScript drives the Python client, from the root of the repository.
const pythonScript = "interop/python/client.py"

// ourFlags put our server into the class of the original, which never syncs.
// Work in the background, which the original has none of, would come at some
// moment of some run.
var ourFlags = []string{"--sync", "none", "--compact-at", "0", "--scrub-every", "0"}

// Programs are the paths of what is measured.
type Programs struct {
	Original   string // the server simd-r-drive-ws-server of the Rust client's release
	Ours       string // the server drive-ws-server
	RustClient string // the program in interop/rust
	// Python is one with the original client, and PythonServer the server of
	// its release, the only one that it understands. Empty leaves both out.
	Python, PythonServer string
}

// A pairing is a client that calls a server.
type pairing struct {
	client, server string
	// program and flags are the command of the server, without file and address.
	program string
	flags   []string
	measure func(ctx context.Context, address string, c Case, d time.Duration) (sample, error)
}

// String names both.
func (p pairing) String() string { return p.client + " on " + p.server }

// The names of clients and servers.
const (
	clientRust   = "rust"
	clientPython = "python"
	clientGo     = "go"
	serverTheirs = "original"
	serverOurs   = "ours"
)

// pairings returns what a case is measured with.
func (p Programs) pairings(c Case) []pairing {
	onBoth := func(client, original string, command ...string) []pairing {
		measure := func(ctx context.Context, address string, c Case, d time.Duration) (sample, error) {
			return runClient(ctx, command, address, c, d)
		}
		return []pairing{
			{client: client, server: serverTheirs, program: original, measure: measure},
			{client: client, server: serverOurs, program: p.Ours, flags: ourFlags, measure: measure},
		}
	}
	list := onBoth(clientRust, p.Original, p.RustClient)
	if p.Python != "" && p.PythonServer != "" && c.InFlight == 1 {
		list = append(list, onBoth(clientPython, p.PythonServer, p.Python, pythonScript)...)
	}
	return append(list, pairing{client: clientGo, server: serverOurs, program: p.Ours, flags: ourFlags, measure: callNative})
}

// run starts the server with a fresh file in dir, measures the calls of the
// client and ends the server.
func (p pairing) run(ctx context.Context, dir string, c Case, d time.Duration) (s sample, err error) {
	file := filepath.Join(dir, "bench.drive")
	server, err := startServer(ctx, p.program, append([]string{file}, p.flags...))
	if err != nil {
		return sample{}, err
	}
	defer func() {
		server.kill()
		err = errors.Join(err, os.Remove(file))
	}()
	return p.measure(ctx, server.address, c, d)
}

// A serverProcess is a running server.
type serverProcess struct {
	cmd     *exec.Cmd
	address string // for instance 127.0.0.1:34129
}

// listening is the address in the line by which a server says that it is ready.
var listening = regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*\b`)

// startServer starts a server on a free port and waits for its address. It is
// killed when ctx ends.
func startServer(ctx context.Context, program string, args []string) (*serverProcess, error) {
	s := &serverProcess{cmd: exec.CommandContext(ctx, program, append(args, "--host", "127.0.0.1", "--port", "0")...)}
	s.cmd.Env = append(os.Environ(), "NO_COLOR=1") // colours would stand inside of the address
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	err = s.cmd.Start()
	_ = w.Close() // the server has its own
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	said := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = lines.Text()
		if s.address = listening.FindString(said); s.address != "" {
			go func() { // ends with the server
				_, _ = io.Copy(io.Discard, r)
				_ = r.Close()
			}()
			return s, nil
		}
	}
	s.kill()
	_ = r.Close()
	return nil, fmt.Errorf("%s did not start: %s", filepath.Base(program), said)
}

// kill ends the server without a warning and waits for its end.
func (s *serverProcess) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // its exit status says nothing about the figures
}

// callNative measures our own client in this process, in the native protocol.
func callNative(ctx context.Context, address string, c Case, d time.Duration) (s sample, err error) {
	client, err := driveclient.Dial(ctx, "ws://"+address, driveclient.Options{Protocol: driveclient.Native})
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return newLoad(client, c).run(ctx, d)
}
