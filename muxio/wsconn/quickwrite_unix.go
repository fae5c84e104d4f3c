//go:build unix

package wsconn

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// quickWriter writes to a socket what the system takes at once. It is for one goroutine
// at a time.
type quickWriter struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) // is writeNow: to pass the method would allocate

	p   []byte // to write
	n   int    // written by the last attempt
	err error  // its failure
}

// newQuickWriter returns nil where conn is not a socket and nothing else.
func newQuickWriter(conn net.Conn) *quickWriter {
	raw := plainSocket(conn)
	if raw == nil {
		return nil
	}
	w := &quickWriter{raw: raw}
	w.attempt = w.writeNow
	return w
}

// write returns how many bytes of p were taken, 0 if the peer does not read.
func (w *quickWriter) write(p []byte) (int, error) {
	w.p = p
	// Control, not Write: that would want a deadline, and there is nothing to wait for.
	err := w.raw.Control(w.attempt)
	w.p = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(w.err, syscall.EAGAIN):
		return 0, nil
	case w.err != nil:
		return 0, os.NewSyscallError("write", w.err)
	}
	return w.n, nil
}

func (w *quickWriter) writeNow(fd uintptr) {
	for {
		w.n, w.err = syscall.Write(int(fd), w.p)
		if !errors.Is(w.err, syscall.EINTR) {
			return
		}
	}
}
