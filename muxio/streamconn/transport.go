package streamconn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Errors of a transport.
var (
	// ErrSilent reports that the peer sent nothing for the time that
	// [Config.PongTimeout] allows: it hangs, or the network lost it.
	ErrSilent = errors.New("streamconn: peer is silent")
	// ErrNotReading reports that the peer did not take a message within
	// [Config.WriteTimeout].
	ErrNotReading = errors.New("streamconn: peer does not read")
)

// timedConn is a connection whose reads and writes can be given a deadline,
// also while they are waiting.
type timedConn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Transport is a [muxio.Transport] over a stream of bytes. Its methods are safe
// for concurrent use.
type Transport struct {
	conn timedConn
	cfg  Config

	// reading holds a token that is taken while reading: by ReadMessage, and
	// by Close while it waits for the end of the peer's bytes. It guards what
	// follows. It is a channel, not a mutex, because its holder waits for the
	// network, and testing/synctest advances time for channels only.
	reading chan struct{}
	buf     []byte
	readErr error // the first failure; permanent

	// writing is the same for writes.
	writing chan struct{}
	vector  net.Buffers   // scratch
	gather  *bufio.Writer // nil where the connection writes many pieces at once
	begun   bool          // a message was written: a ping may follow
	broken  error         // the first failure: a frame may have been cut

	// deadlineMu guards the deadlines: Close sets the last ones. It may be
	// taken with a token held, not the other way round.
	deadlineMu sync.Mutex
	armed      time.Time // when the read deadline was moved
	closing    bool
	failure    error // why this transport gave the connection up

	stop   chan struct{} // closed by Close
	idle   chan struct{} // closed by keepalive when it ends
	closes atomic.Bool   // Close was called
	closed chan struct{} // closed when it is done
}

var _ muxio.Transport = (*Transport)(nil)

// New returns a transport over conn, which it owns from now on. It starts the
// goroutine that pings the peer; Close ends it.
//
// A connection without deadlines (SetReadDeadline and SetWriteDeadline of
// [net.Conn] and of pipes) is read and written by two more goroutines, so that
// the timeouts hold for it as well; they end when conn has been closed and lets
// go of the calls that wait.
func New(conn io.ReadWriteCloser, cfg Config) *Transport {
	cfg = cfg.withDefaults()
	timed, ok := conn.(timedConn)
	if !ok || timed.SetReadDeadline(time.Time{}) != nil || timed.SetWriteDeadline(time.Time{}) != nil {
		timed = newBridge(conn, cfg.CloseTimeout)
	}
	t := &Transport{
		conn:    timed,
		cfg:     cfg,
		reading: make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		stop:    make(chan struct{}),
		idle:    make(chan struct{}),
		closed:  make(chan struct{}),
	}
	if !writesVectors(timed) {
		t.gather = bufio.NewWriterSize(timed, gatherBytes)
	}
	t.arm()
	// Started here, ended by Close, which waits for it.
	go t.keepalive()
	return t
}

// writesVectors tells whether [net.Buffers] go to conn in one system call.
func writesVectors(conn timedConn) bool {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// ReadMessage implements [muxio.Transport]: it returns some bytes of the stream,
// at most [ReadBufferBytes]. It fails with [io.ErrUnexpectedEOF] at their end,
// with [ErrSilent] when the peer sends nothing for too long, and with
// [net.ErrClosed] after Close. The error is permanent.
func (t *Transport) ReadMessage() ([]byte, error) {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	if t.readErr != nil {
		return nil, t.readErr
	}
	t.arm() // the caller may have been away for longer than the deadline
	if t.buf == nil {
		t.buf = make([]byte, firstBufferBytes)
	}
	for {
		n, err := t.conn.Read(t.buf)
		if n > 0 {
			message := t.buf[:n:n]
			if n == len(t.buf) && n < ReadBufferBytes {
				t.buf = make([]byte, min(2*n, ReadBufferBytes)) // for the next one
			}
			return message, nil // an error comes again
		}
		if err != nil {
			t.readErr = t.readError(err)
			return nil, t.readErr
		}
	}
}

// readError turns an error of the connection into the one to report.
func (t *Transport) readError(err error) error {
	t.deadlineMu.Lock()
	failure, closing := t.failure, t.closing
	t.deadlineMu.Unlock()
	switch {
	case failure != nil:
		return failure
	case closing:
		return fmt.Errorf("streamconn: read: %w", net.ErrClosed)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("streamconn: end of the bytes: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: nothing received for %v", ErrSilent, t.cfg.PongTimeout)
	}
	return fmt.Errorf("streamconn: read: %w", err)
}

// WriteMessage implements [muxio.Transport]. It fails with [ErrNotReading] when
// the peer does not take the message in time; after an error the connection
// can only be closed.
func (t *Transport) WriteMessage(pieces [][]byte) error {
	t.writing <- struct{}{}
	defer func() { <-t.writing }()
	if err := t.beginWrite(); err != nil {
		return err
	}
	t.begun = true
	return t.write(pieces)
}

// beginWrite sets the deadline of a message, or tells why none may follow.
func (t *Transport) beginWrite() error {
	if t.broken != nil {
		return t.broken
	}
	t.deadlineMu.Lock()
	defer t.deadlineMu.Unlock()
	if t.closing {
		return fmt.Errorf("streamconn: write: %w", net.ErrClosed)
	}
	if err := t.conn.SetWriteDeadline(time.Now().Add(t.cfg.WriteTimeout)); err != nil {
		return fmt.Errorf("streamconn: write: %w", err)
	}
	return nil
}

// write writes the pieces. The token of writing is held.
func (t *Transport) write(pieces [][]byte) error {
	err := t.writePieces(pieces)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: a message was not taken within %v", ErrNotReading, t.cfg.WriteTimeout)
	} else if err != nil {
		err = fmt.Errorf("streamconn: write: %w", err)
	}
	t.broken = err
	return err
}

func (t *Transport) writePieces(pieces [][]byte) error {
	if t.gather == nil {
		// A copy of the slices, because WriteTo uses them up.
		t.vector = append(t.vector[:0], pieces...)
		vector := t.vector
		_, err := vector.WriteTo(t.conn)
		clear(t.vector)
		return err
	}
	for _, p := range pieces {
		if _, err := t.gather.Write(p); err != nil {
			return err
		}
	}
	return t.gather.Flush()
}
