package peers

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
)

const (
	// bufferBytes is the size of the buffers of the tuned peers.
	bufferBytes = 64 << 10
	// gatherBytes is the payload from which on a frame is written by
	// reference: below it a copy is cheaper than a second piece.
	gatherBytes = 16 << 10
)

// tcpPeer sends each frame by one write to a TCP connection, and answers in
// the goroutine that reads.
func tcpPeer() Peer {
	return Peer{
		Name:     "tcp",
		Settings: "13-byte frames, one write each, answered by the reader; read buffer of 64 KiB",
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveConns(ctx, func(conn net.Conn) { newMuxServer(newTCPLink(conn), s).serve() })
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			return newMuxClient(newTCPLink(conn)).start(), nil
		},
	}
}

// tcpLink writes each frame at once.
type tcpLink struct {
	conn net.Conn
	r    *bufio.Reader
	head [headerBytes]byte // of the frame that is read

	mu  sync.Mutex // held while a frame is written
	out []byte
	vec net.Buffers
}

func newTCPLink(conn net.Conn) *tcpLink {
	return &tcpLink{conn: conn, r: bufio.NewReaderSize(conn, bufferBytes)}
}

func (l *tcpLink) write(h header, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = h.appendTo(l.out[:0])
	if len(payload) < gatherBytes {
		l.out = append(l.out, payload...)
		_, err := l.conn.Write(l.out)
		return err
	}
	l.vec = append(l.vec[:0], l.out, payload)
	pieces := l.vec // WriteTo consumes what it is called on
	_, err := pieces.WriteTo(l.conn)
	return err
}

func (l *tcpLink) next() (header, io.Reader, error) {
	if _, err := io.ReadFull(l.r, l.head[:]); err != nil {
		return header{}, nil, err
	}
	h, err := parseHeader(l.head[:])
	return h, l.r, err
}

// Close implements [link].
func (l *tcpLink) Close() error { return l.conn.Close() }
