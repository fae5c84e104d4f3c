package wsconn

import (
	"net"
	"sync"
)

// source is where the bytes of the peer come from. It is for one goroutine at a time.
type source interface {
	// read waits for some bytes; they are valid until the next call. A
	// connection that waits for long holds no large buffer.
	read() ([]byte, error)
	// release gives back the buffer, and with it what read returned.
	release()
}

// buffer is what a connection is lent while it receives.
type buffer struct{ lent *[ReadBufferBytes]byte }

// readBuffers holds those that are not lent.
var readBuffers = sync.Pool{New: func() any { return new([ReadBufferBytes]byte) }}

// take returns the buffer, which is lent if it is not yet.
func (b *buffer) take() []byte {
	if b.lent == nil {
		b.lent, _ = readBuffers.Get().(*[ReadBufferBytes]byte)
	}
	return b.lent[:]
}

// release gives the buffer back.
func (b *buffer) release() {
	if b.lent != nil {
		readBuffers.Put(b.lent)
		b.lent = nil
	}
}

// waitingBytes is the size of the buffer in which a connSource waits. Pings and short
// calls fit.
const waitingBytes = 512

// connSource reads from any connection. After little came it waits in a small buffer;
// when that was filled, more is there or on its way, and the next read has the large one.
type connSource struct {
	buffer
	conn  net.Conn
	small [waitingBytes]byte
	came  int // with the last read
}

func (s *connSource) read() ([]byte, error) {
	b := s.small[:]
	if s.came >= waitingBytes {
		b = s.take()
	} else {
		s.release()
	}
	n, err := s.conn.Read(b)
	s.came = n
	if n > 0 {
		return b[:n], nil // an error comes again
	}
	return nil, err
}
