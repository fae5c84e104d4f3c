package muxiotest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

// relayVariable is the environment variable with the address that the child
// process relays to.
const relayVariable = "MUXIO_TEST_RELAY"

// relayTimeout bounds the life of a child that its parent forgets.
const relayTimeout = 2 * time.Minute

// quiet keeps a transport from sending pings of its own: what the relay passes on
// may be part of a frame, and a [Monitor] sees the answers to them only.
var quiet = streamconn.Config{PongTimeout: 2 * relayTimeout, PingInterval: relayTimeout}

// connectProcess starts this program as a child that passes on what it reads from
// its standard input to a socket of this process, and back. So both ends of the
// connection are in the test, with the child's standard streams between them.
func connectProcess(t *testing.T) (a, b muxio.Transport, kill func()) {
	t.Helper()
	l := listenTCP(t)
	defer func() { _ = l.Close() }() // nothing is lost
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), relayVariable+"="+l.Addr().String())
	cmd.Stderr = t.Output()
	process, err := streamconn.Command(cmd, quiet)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return process, streamconn.New(far, quiet), func() {
		_ = cmd.Process.Kill() // it may have ended
		<-process.Exited()
	}
}

// RelayIfChild returns at once, unless this process is the child of a link:
// then it serves as such, and does not return.
func RelayIfChild() {
	address := os.Getenv(relayVariable)
	if address == "" {
		return
	}
	if err := relay(address); err != nil {
		fmt.Fprintln(os.Stderr, "muxiotest: relay:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// relay passes messages between the standard streams and a socket until both
// directions have ended.
func relay(address string) error {
	time.AfterFunc(relayTimeout, func() { os.Exit(1) })
	conn, err := new(net.Dialer).Dial("tcp", address)
	if err != nil {
		return err
	}
	stdio, err := streamconn.Stdio(quiet)
	if err != nil {
		return err
	}
	socket := streamconn.New(conn, quiet)
	var directions sync.WaitGroup
	directions.Go(func() { pass(stdio, socket) })
	directions.Go(func() { pass(socket, stdio) })
	directions.Wait()
	return nil
}

// pass passes on what from says, and its goodbye. An end without one ends this
// process, so that the other side gets none either.
func pass(from, to muxio.Transport) {
	var last lastFrame
	for {
		message, err := from.ReadMessage()
		if err != nil {
			break
		}
		last.add(message)
		if to.WriteMessage([][]byte{message}) != nil {
			return // the other direction tells
		}
	}
	if last.goodbye == nil {
		os.Exit(1)
	}
	_ = to.Close(*last.goodbye)
}

// lastFrame knows the last frame of a stream of bytes.
type lastFrame struct {
	carry   []byte
	goodbye *muxio.CloseReason // nil unless it is a GoAway
}

func (l *lastFrame) add(b []byte) {
	l.carry = append(l.carry, b...)
	for rest := l.carry; ; {
		f, after, ok, err := muxio.Layout13.Parse(rest, muxio.DefaultMaxFrameBytes)
		if !ok || err != nil {
			l.carry = append(l.carry[:0], rest...)
			return
		}
		l.goodbye = nil
		if f.Kind == muxio.GoAway && len(f.Payload) >= 2 {
			l.goodbye = &muxio.CloseReason{
				Code: muxio.CloseCode(f.Payload[0]) | muxio.CloseCode(f.Payload[1])<<8, Text: string(f.Payload[2:]),
			}
		}
		rest = after
	}
}
