package wsconn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
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

// Transport is a [muxio.Transport] over a WebSocket connection.
type Transport struct {
	conn Conn
	cfg  Config

	// reading holds a token that is taken while reading: by ReadMessage, and
	// by Close while it waits for the peer's close frame. It guards what
	// follows. It is a channel, not a mutex, because its holder waits for the
	// network, and testing/synctest advances time for channels only.
	reading      chan struct{}
	buf          *[ReadBufferBytes]byte // nil between two messages
	message      io.Reader              // that is being read; nil between two
	messageBytes int                    // read of it
	readErr      error                  // the first failure; permanent
	peerClose    *muxio.CloseReason
	windowStart  time.Time // of the second in which controls counts
	controls     int

	// Of Acknowledge.
	acknowledges bool
	socket       syscall.RawConn // nil if there is none to speak of

	// writing is the same for writes: of messages, and of control frames.
	writing chan struct{}
	frames  *frameWriter
	said    bool // the close frame was sent: nothing may follow

	// deadlineMu guards the read deadline: Close sets the last one. It may be
	// taken with the token of reading held, not the other way round.
	deadlineMu sync.Mutex
	armed      time.Time
	closing    bool

	// failMu guards the failure that keepalive found.
	failMu  sync.Mutex
	failure error

	pongs chan string   // payloads of pings to answer
	stop  chan struct{} // closed by Close
	idle  chan struct{} // closed by keepalive when it ends

	closeOnce sync.Once
}

var _ muxio.Transport = (*Transport)(nil)

// New returns a transport over conn, which it owns from now on. It starts the
// goroutine that pings the peer; Close ends it.
func New(conn Conn, cfg Config) *Transport {
	t := &Transport{
		conn:    conn,
		cfg:     cfg.withDefaults(),
		reading: make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		frames:  newFrameWriter(conn.NetConn(), cfg.Masks),
		pongs:   make(chan string, MaxPendingPongs),
		stop:    make(chan struct{}),
		idle:    make(chan struct{}),
	}
	conn.SetReadLimit(int64(t.cfg.MaxMessageBytes))
	conn.SetPingHandler(t.onPing)
	conn.SetPongHandler(t.onPong)
	conn.SetCloseHandler(t.onClose)
	t.arm()
	// Started here, ended by Close, which waits for it.
	go t.keepalive()
	return t
}

// ReadMessage implements [muxio.Transport]: a message of more than [ReadBufferBytes]
// comes in parts. It fails with [ErrSilent] when the
// peer sends nothing for too long, with [net.ErrClosed] after Close, and with a
// [*muxio.CloseError] when the peer closed the connection or broke a rule. The
// error is permanent.
func (t *Transport) ReadMessage() ([]byte, error) {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	if t.readErr != nil {
		return nil, t.readErr
	}
	t.arm() // the caller may have been away for longer than the deadline
	msg, err := t.read()
	if err != nil {
		t.giveBufferBack()
		t.readErr = t.readError(err)
		return nil, t.readErr
	}
	return msg, nil
}

func (t *Transport) read() ([]byte, error) {
	for {
		if t.message == nil {
			t.giveBufferBack() // a peer may be silent for long
			kind, r, err := t.conn.NextReader()
			if err != nil {
				return nil, err
			}
			if kind != binaryMessage {
				return nil, t.refuse(closeUnsupportedData, "text message; this connection carries binary messages")
			}
			t.message, t.messageBytes = r, 0
			t.buf, _ = readBuffers.Get().(*[ReadBufferBytes]byte)
		}
		n, err := t.fill()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return t.buf[:n:n], nil
		}
	}
}

// readBuffers holds those of connections that do not receive at the moment.
var readBuffers = sync.Pool{New: func() any { return new([ReadBufferBytes]byte) }}

func (t *Transport) giveBufferBack() {
	if t.buf != nil {
		readBuffers.Put(t.buf)
		t.buf = nil
	}
}

// fill reads what is there of the message into the buffer. It does not wait for the
// buffer to be full: frames at its beginning should not wait for what follows them.
func (t *Transport) fill() (int, error) {
	n, err := t.message.Read(t.buf[:])
	t.messageBytes += n
	switch {
	case t.messageBytes > t.cfg.MaxMessageBytes:
		return 0, t.refuse(muxio.CloseTooBig, t.tooBig())
	case err == io.EOF:
		t.message = nil
	case err != nil:
		return 0, err
	case n > 0:
		t.arm()
	}
	return n, nil
}

func (t *Transport) tooBig() string {
	return fmt.Sprintf("message over the limit of %d bytes (MaxMessageBytes)", t.cfg.MaxMessageBytes)
}

// refuse tells the peer that it broke a rule and returns the error to report.
func (t *Transport) refuse(code muxio.CloseCode, text string) error {
	reason := muxio.CloseReason{Code: code, Text: text}
	// The peer may not be reading; Close bounds the time once more.
	_ = t.sendClose(reason, time.Now().Add(t.cfg.CloseTimeout))
	return &muxio.CloseError{CloseReason: reason}
}

// readError turns an error of the connection into the one to report.
func (t *Transport) readError(err error) error {
	t.failMu.Lock()
	failure := t.failure
	t.failMu.Unlock()
	t.deadlineMu.Lock()
	closing := t.closing
	t.deadlineMu.Unlock()

	var violation *muxio.CloseError
	var netErr net.Error
	switch {
	case errors.As(err, &violation):
		return err
	case t.peerClose != nil && (t.peerClose.Code == muxio.CloseNormal || t.peerClose.Code == closeNoStatus):
		return io.EOF
	case t.peerClose != nil:
		return &muxio.CloseError{CloseReason: *t.peerClose, Remote: true}
	case failure != nil:
		return failure
	case closing:
		return fmt.Errorf("wsconn: read: %w", net.ErrClosed)
	case t.cfg.ReadLimitErr != nil && errors.Is(err, t.cfg.ReadLimitErr):
		return &muxio.CloseError{CloseReason: muxio.CloseReason{Code: muxio.CloseTooBig, Text: t.tooBig()}}
	case errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Errorf("%w: nothing received for %v", ErrSilent, t.cfg.PongTimeout)
	}
	return fmt.Errorf("wsconn: read: %w", err)
}

// WriteMessage implements [muxio.Transport]. It fails with [ErrNotReading] when
// the peer does not take the message in time; after an error the connection
// can only be closed.
func (t *Transport) WriteMessage(pieces [][]byte) error {
	t.writing <- struct{}{}
	defer func() { <-t.writing }()
	if t.said {
		return fmt.Errorf("wsconn: write: %w", net.ErrClosed)
	}
	err := t.frames.conn.SetWriteDeadline(time.Now().Add(t.cfg.WriteTimeout))
	if err == nil {
		err = t.frames.write(pieces)
	}
	if err != nil {
		return t.writeError(err)
	}
	return nil
}

func (t *Transport) writeError(err error) error {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return fmt.Errorf("%w: a message was not taken within %v", ErrNotReading, t.cfg.WriteTimeout)
	}
	return fmt.Errorf("wsconn: write: %w", err)
}

// sendClose sends a close frame with as much of the text as it can carry.
func (t *Transport) sendClose(reason muxio.CloseReason, deadline time.Time) error {
	var payload []byte
	if reason.Code != closeNoStatus {
		payload = binary.BigEndian.AppendUint16(nil, uint16(reason.Code))
		payload = append(payload, cutText(reason.Text)...)
	}
	return t.withWriter(deadline, func() error {
		t.said = true
		return t.conn.WriteControl(closeMessage, payload, deadline)
	})
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
