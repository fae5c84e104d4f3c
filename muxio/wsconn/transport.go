package wsconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/simd-drive/go/muxio"
)

// Errors of a transport. Where the peer closed the connection or violated the
// protocol, the error is a [*muxio.CloseError] instead.
var (
	// ErrSilent reports that the peer sent nothing for the time that
	// [Config.PongTimeout] allows: it hangs, or the network lost it.
	ErrSilent = errors.New("wsconn: peer is silent")
	// ErrNotReading reports that the peer did not take a message within
	// [Config.WriteTimeout].
	ErrNotReading = errors.New("wsconn: peer does not read")
)

// errCut is not [io.ErrUnexpectedEOF]: that would say that a WebSocket has no goodbye.
var errCut = errors.New("connection ended without a close frame")

// Transport is a [muxio.Transport] over a WebSocket connection.
type Transport struct {
	conn net.Conn
	cfg  Config

	// reading holds a token that is taken while reading: by ReadMessage, and
	// by Close while it waits for the peer's close frame. It guards what
	// follows. It is a channel, not a mutex, because its holder waits for the
	// network, and testing/synctest advances time for channels only.
	reading     chan struct{}
	source      source
	unread      []byte // of what source lent, or of Config.Received
	in          frameReader
	readErr     error     // the first failure; permanent
	peerClosed  bool      // its close frame came
	windowStart time.Time // of the second in which controls counts
	controls    int

	// Of Acknowledge.
	acknowledges bool
	socket       syscall.RawConn // nil if there is none to speak of

	// writing is the same for writes.
	writing  chan struct{}
	out      *frameWriter
	quick    *quickWriter // nil if conn has none
	rest     []byte       // of a message that quick has begun
	writeErr error        // why nothing may follow: the close frame was sent, or a write failed

	// deadlineMu guards the read deadline: Close sets the last one. It may be
	// taken with the token of reading held, not the other way round.
	deadlineMu sync.Mutex
	armed      time.Time
	closing    bool

	// failMu guards the failure that the sending of a ping or pong met.
	failMu  sync.Mutex
	failure error

	orders orders

	closeOnce sync.Once
}

var _ muxio.Transport = (*Transport)(nil)

// New returns a transport over conn, which it owns from now on, and on which the
// handshake is over. The handshake must not have negotiated an extension. Close ends
// the timer of the pings.
func New(conn net.Conn, cfg Config) *Transport {
	cfg = cfg.withDefaults()
	received := cfg.Received
	cfg.Received = nil // not to be kept
	t := &Transport{
		conn:    conn,
		cfg:     cfg,
		reading: make(chan struct{}, 1),
		source:  newSource(conn),
		unread:  received,
		in:      frameReader{masked: !cfg.Masks, maxBytes: cfg.MaxMessageBytes},
		writing: make(chan struct{}, 1),
		out:     newFrameWriter(conn, cfg.Masks),
		quick:   newQuickWriter(conn),
	}
	t.startPings()
	return t
}

// ReadMessage implements [muxio.Transport]: it returns the bytes of a frame, as far as
// they are there, and at most [ReadBufferBytes]. It fails with [ErrSilent] when the
// peer sends nothing for too long, with [net.ErrClosed] after Close, and with a
// [*muxio.CloseError] when the peer closed the connection or broke a rule. The
// error is permanent.
func (t *Transport) ReadMessage() ([]byte, error) {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	for t.readErr == nil {
		p, err := t.readPart()
		if err == nil && p.opcode != binaryMessage {
			err = t.refuse(refusal(closeUnsupportedData, "text message; this connection carries binary messages"))
		}
		if err != nil {
			t.endReading(err)
		} else if len(p.payload) > 0 {
			return p.payload, nil
		}
	}
	return nil, t.readErr
}

// readPart returns the next part of a message; it deals with the control frames before
// it.
func (t *Transport) readPart() (part, error) {
	for {
		for len(t.unread) == 0 {
			t.arm()
			var err error
			if t.unread, err = t.source.read(); err != nil {
				return part{}, t.readError(err)
			}
		}
		p, rest, err := t.in.next(t.unread)
		t.unread = rest
		switch {
		case err != nil:
			return part{}, t.refuse(err)
		case p.isControl():
			if err := t.onControl(p); err != nil {
				return part{}, err
			}
		case p.opcode != 0:
			return p, nil
		}
	}
}

// endReading keeps the error, and no buffer.
func (t *Transport) endReading(err error) {
	t.readErr = err
	t.unread = nil
	t.source.release()
}

// refuse tells the peer the reason in err, a [*muxio.CloseError], and returns err.
func (t *Transport) refuse(err error) error {
	var broken *muxio.CloseError
	if errors.As(err, &broken) {
		// The peer may not be reading; Close bounds the time once more.
		_ = t.sendClose(broken.CloseReason, time.Now().Add(t.cfg.CloseTimeout))
	}
	return err
}

// readError turns an error of the connection into the one to report.
func (t *Transport) readError(err error) error {
	t.failMu.Lock()
	failure := t.failure
	t.failMu.Unlock()
	t.deadlineMu.Lock()
	closing := t.closing
	t.deadlineMu.Unlock()

	switch {
	case failure != nil:
		return failure
	case closing:
		return fmt.Errorf("wsconn: read: %w", net.ErrClosed)
	case isTimeout(err):
		return fmt.Errorf("%w: nothing received for %v", ErrSilent, t.cfg.PongTimeout)
	case errors.Is(err, io.EOF):
		err = errCut
	}
	return fmt.Errorf("wsconn: read: %w", err)
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// WriteMessage implements [muxio.Transport]. It fails with [ErrNotReading] when
// the peer does not take the message in time; after an error the connection
// can only be closed.
func (t *Transport) WriteMessage(pieces [][]byte) error {
	t.writing <- struct{}{}
	defer func() { <-t.writing }()
	if err := t.writeLocked(binaryMessage, pieces, time.Now().Add(t.cfg.WriteTimeout)); err != nil {
		return t.writeError(err)
	}
	return nil
}

func (t *Transport) writeError(err error) error {
	if isTimeout(err) {
		return fmt.Errorf("%w: a message was not taken within %v", ErrNotReading, t.cfg.WriteTimeout)
	}
	return fmt.Errorf("wsconn: write: %w", err)
}

// writeControl writes a control frame, or fails when the deadline comes first.
func (t *Transport) writeControl(opcode byte, payload []byte, deadline time.Time) error {
	select {
	case t.writing <- struct{}{}:
	default:
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case t.writing <- struct{}{}:
		case <-timer.C:
			return os.ErrDeadlineExceeded
		}
	}
	defer func() { <-t.writing }()
	return t.writeLocked(opcode, [][]byte{payload}, deadline)
}

// writeLocked writes a message or a control frame. The caller holds the token of writing.
func (t *Transport) writeLocked(opcode byte, pieces [][]byte, deadline time.Time) error {
	if t.writeErr != nil {
		return t.writeErr
	}
	err := t.flushLocked(deadline)
	if err == nil {
		err = t.conn.SetWriteDeadline(deadline)
	}
	if err == nil {
		err = t.out.write(opcode, pieces)
	}
	t.writeErr = err
	if err == nil && opcode == closeMessage {
		t.writeErr = net.ErrClosed
	}
	return err
}

// sendClose sends a close frame with as much of the text as it can carry.
func (t *Transport) sendClose(reason muxio.CloseReason, deadline time.Time) error {
	var payload []byte
	if reason.Code != closeNoStatus {
		payload = binary.BigEndian.AppendUint16(nil, uint16(reason.Code))
		payload = append(payload, cutText(reason.Text)...)
	}
	return t.writeControl(closeMessage, payload, deadline)
}

// cutText returns the longest valid text of at most [muxio.MaxCloseText] bytes
// with which s begins.
func cutText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= muxio.MaxCloseText {
		return s
	}
	end := muxio.MaxCloseText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
