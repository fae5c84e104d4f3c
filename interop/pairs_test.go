//go:build interop

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/drive-ws-client"
)

// The original programs; tools/interop.sh installs them and names them.
var (
	rustClientPath = flag.String("interop.rust-client", "", "path of the program in interop/rust")
	pythonPath     = flag.String("interop.python", "", "path of a Python that has the original client")
	server017Path  = flag.String("interop.server-0.17", "", "path of simd-r-drive-ws-server 0.17.5-alpha")
	server011Path  = flag.String("interop.server-0.11", "", "path of simd-r-drive-ws-server 0.11.0-alpha")
)

// Programs of this repository, built by TestMain.
var ourServerPath, ourCommandPath string

var (
	server017 = serverProgram{name: "server 0.17.5", path: server017Path}
	server011 = serverProgram{name: "server 0.11.0", path: server011Path, tombstones: true}
	ourServer = serverProgram{name: "our server", path: &ourServerPath}
)

// A clientProgram is a client under test.
type clientProgram struct {
	name string
	// path names the executable; what it points to is empty if that is missing.
	// nil needs none.
	path *string
	args []string // before the address
	// protocol is what our own client speaks.
	protocol driveclient.Protocol
	// inFlight is how many calls the scenarios have in flight at a time.
	inFlight int
	// refusal stands before the text of a server's error; the text is not
	// compared where this is empty.
	refusal string
	// tails tells that writes return the tail of the file.
	tails bool
	// hangs tells that a call may wait for ever if the connection ends meanwhile.
	hangs bool
}

var (
	rustClient = clientProgram{
		name: "Rust client", path: rustClientPath, inFlight: 256, refusal: "[System] ", tails: true,
	}
	pythonClient = clientProgram{
		name: "Python client", path: pythonPath, args: []string{filepath.Join("python", "client.py")},
		inFlight: 8, refusal: "Remote system error: ", hangs: true,
	}
	ourClient   = clientProgram{name: "our client", inFlight: 256, tails: true}
	ourClient13 = clientProgram{name: "our client in the original protocol", inFlight: 256, tails: true, protocol: driveclient.Original13}
	ourClient21 = clientProgram{name: "our client in the older original protocol", inFlight: 256, tails: true, protocol: driveclient.Original21}
)

// connect connects a client to a server. The test's end ends it.
func (p clientProgram) connect(t *testing.T, address string) client {
	t.Helper()
	if p.path == nil {
		return dialNative(t, address, p.protocol)
	}
	return startClient(t, *p.path, append(slices.Clone(p.args), address)...)
}

// A pair is a client and a server that understand each other.
type pair struct {
	client clientProgram
	server serverProgram
}

// pairs are those that every scenario runs with. The pairs of originals show that
// the scenarios ask for nothing that the originals do not do.
var pairs = []pair{
	{rustClient, server017},
	{pythonClient, server011},
	{rustClient, ourServer},
	{pythonClient, ourServer},
	{ourClient, ourServer},
	{ourClient, server017}, // negotiated
	{ourClient21, server011},
	{ourClient13, ourServer},
	{ourClient21, ourServer},
}

// skipUnless skips the test if a program is missing.
func skipUnless(t *testing.T, clients []clientProgram, servers ...serverProgram) {
	t.Helper()
	for _, c := range clients {
		if c.path != nil && *c.path == "" {
			t.Skipf("*** SKIPPED: THERE IS NO %s, tools/interop.sh installs it ***", c.name)
		}
	}
	for _, s := range servers {
		if *s.path == "" {
			t.Skipf("*** SKIPPED: THERE IS NO %s, tools/interop.sh installs it ***", s.name)
		}
	}
}

// forPairs runs a scenario with every pair.
func forPairs(t *testing.T, scenario func(t *testing.T, p pair)) {
	t.Helper()
	for _, p := range pairs {
		t.Run(fmt.Sprintf("%s and %s", p.client.name, p.server.name), func(t *testing.T) {
			t.Parallel()
			skipUnless(t, []clientProgram{p.client}, p.server)
			scenario(t, p)
		})
	}
}

// onEmptyStore runs a scenario with every pair, connected over an empty store.
func onEmptyStore(t *testing.T, scenario func(t *testing.T, p pair, c client)) {
	t.Helper()
	forPairs(t, func(t *testing.T, p pair) {
		s := p.server.start(t, newFile(t))
		scenario(t, p, p.client.connect(t, s.address))
	})
}

// newFile names a drive that does not exist yet.
func newFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "test.drive")
}

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		panic(err)
	}
	ourServerPath, ourCommandPath = filepath.Join(dir, "drive-ws-server"), filepath.Join(dir, "drive")
	for module, program := range map[string]string{"drive-ws-server": ourServerPath, "drive-cli": ourCommandPath} {
		build := exec.Command("go", "build", "-o", program, ".")
		build.Dir = filepath.Join("..", module)
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("go build: %v\n%s", err, out))
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
