package muxiotest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

// A Link is a way to join two ends.
type Link struct {
	// Name is for a subtest.
	Name string
	// Connect returns the two ends of a new connection, that of the initiator
	// first. Both must be closed, as sessions do. kill breaks the connection
	// below both without a goodbye, as the death of a process does.
	Connect func(t *testing.T) (a, b muxio.Transport, kill func())
}

// Links returns all links: a pipe in memory, a TCP connection, the same where
// the connection has no deadlines, a Unix socket, and the standard streams of a
// child process.
func Links() []Link {
	return []Link{
		{"Pipe", connectPipe},
		{"TCP", func(t *testing.T) (a, b muxio.Transport, kill func()) { return connectNet(t, listenTCP(t), false) }},
		{"TCPWithoutDeadlines", func(t *testing.T) (a, b muxio.Transport, kill func()) { return connectNet(t, listenTCP(t), true) }},
		{"Unix", func(t *testing.T) (a, b muxio.Transport, kill func()) { return connectNet(t, listenUnix(t), false) }},
		{"Process", connectProcess},
	}
}

func connectPipe(t *testing.T) (a, b muxio.Transport, kill func()) {
	t.Helper()
	a, b = muxio.Pipe()
	return a, b, func() { _ = a.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "killed"}) }
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listenUnix makes a directory of its own, because the name of one made by
// t.TempDir may exceed what the address of a socket can hold.
func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "muxio") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connectNet connects to l, which it closes.
func connectNet(t *testing.T, l net.Listener, plain bool) (a, b muxio.Transport, kill func()) {
	t.Helper()
	near, far := dialAndAccept(t, l)
	wrap := func(c net.Conn) io.ReadWriteCloser { return c }
	if plain {
		wrap = func(c net.Conn) io.ReadWriteCloser { return struct{ io.ReadWriteCloser }{c} }
	}
	a, b = streamconn.New(wrap(near), quiet), streamconn.New(wrap(far), quiet)
	return a, b, func() { _ = near.Close() }
}

// dialAndAccept returns both ends of a connection to l, which it closes.
func dialAndAccept(t *testing.T, l net.Listener) (near, far net.Conn) {
	t.Helper()
	defer func() { _ = l.Close() }() // nothing is lost
	near, err := new(net.Dialer).DialContext(t.Context(), l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

// Watched is Connect under a [Monitor], whose complaint fails the test at its end.
func (l Link) Watched(t *testing.T) (a, b muxio.Transport, kill func()) {
	t.Helper()
	a, b, kill = l.Connect(t)
	a, b, m := Watch(a, b)
	t.Cleanup(func() {
		if err := m.Err(); err != nil {
			t.Error(err)
		}
	})
	return a, b, kill
}
