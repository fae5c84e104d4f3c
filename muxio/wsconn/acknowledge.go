package wsconn

import (
	"net"
	"syscall"

	"github.com/simd-drive/go/muxio"
)

var _ muxio.Acknowledger = (*Transport)(nil)

// Acknowledge implements [muxio.Acknowledger] for TCP connections on Linux, also under
// TLS; elsewhere it does nothing. It lasts until the system falls back to delaying
// acknowledgements, so it is to be called anew.
func (t *Transport) Acknowledge() {
	if !t.acknowledges {
		t.acknowledges = true
		t.socket = socketOf(t.conn)
	}
	if t.socket != nil {
		_ = t.socket.Control(quickAck) // a connection that has ended needs none
	}
}

// socketOf returns the TCP socket below a connection, nil if there is none.
func socketOf(conn net.Conn) syscall.RawConn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = c.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
