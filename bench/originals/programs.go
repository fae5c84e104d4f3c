package originals

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/simd-drive/go/bench/program"
)

// pythonScript drives the Python client, from the root of the repository.
const pythonScript = "interop/python/client.py"

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
			{client: client, server: serverOurs, program: p.Ours, flags: program.LikeOriginal, measure: measure},
		}
	}
	list := onBoth(clientRust, p.Original, p.RustClient)
	if p.Python != "" && p.PythonServer != "" && c.InFlight == 1 {
		list = append(list, onBoth(clientPython, p.PythonServer, p.Python, pythonScript)...)
	}
	return append(list, pairing{client: clientGo, server: serverOurs, program: p.Ours, flags: program.LikeOriginal, measure: callNative})
}

// run starts the server with a fresh file in dir, measures the calls of the
// client and ends the server.
func (p pairing) run(ctx context.Context, dir string, c Case, d time.Duration) (s sample, err error) {
	file := filepath.Join(dir, "bench.drive")
	server, err := program.StartServer(ctx, p.program, append([]string{file}, p.flags...)...)
	if err != nil {
		return sample{}, err
	}
	defer func() {
		server.Kill()
		err = errors.Join(err, os.Remove(file))
	}()
	return p.measure(ctx, server.Address, c, d)
}
