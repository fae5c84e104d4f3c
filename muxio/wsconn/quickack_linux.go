package wsconn

import "syscall"

// quickAck sends the acknowledgement that is due, and the next ones at once (tcp(7),
// TCP_QUICKACK).
func quickAck(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
}
