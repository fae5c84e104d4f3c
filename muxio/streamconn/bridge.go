package streamconn

import (
	"io"
	"net"
	"time"
)

// bridge gives deadlines to a connection that has none: two goroutines carry
// bytes between it and a pipe in memory, which has them.
type bridge struct {
	net.Conn               // the near end of the pipe
	far      net.Conn      // the other one
	conn     io.Closer     // what is bridged
	written  chan struct{} // closed when all that was written to the pipe has gone to conn
	timeout  time.Duration
}

func newBridge(conn io.ReadWriteCloser, closeTimeout time.Duration) *bridge {
	near, far := net.Pipe()
	b := &bridge{Conn: near, far: far, conn: conn, written: make(chan struct{}), timeout: closeTimeout}
	// Both end when the bridge is closed and conn lets go of the call that
	// waits. For the second one Close waits, as long as it may.
	go b.carryIn(conn)
	go b.carryOut(conn)
	return b
}

// carryIn passes on what arrives, then the end of it.
func (b *bridge) carryIn(r io.Reader) {
	_, _ = io.CopyBuffer(b.far, onlyReader{r}, make([]byte, ReadBufferBytes)) // its reader meets the end
	_ = b.far.Close()
}

// carryOut passes on what is written. A failure is met by the next write.
func (b *bridge) carryOut(w io.Writer) {
	defer close(b.written)
	_, _ = io.CopyBuffer(onlyWriter{w}, onlyReader{b.far}, make([]byte, ReadBufferBytes))
	_ = b.far.Close()
}

// onlyReader and onlyWriter hide the other methods of a connection, so that
// the buffer is used.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// Close lets what was written go out, for as long as may be, and closes the
// connection.
func (b *bridge) Close() error {
	_ = b.Conn.Close() // a pipe in memory
	timer := time.NewTimer(b.timeout)
	defer timer.Stop()
	select {
	case <-b.written:
	case <-timer.C:
	}
	return b.conn.Close()
}
