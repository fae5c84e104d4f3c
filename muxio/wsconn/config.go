package wsconn

import (
	"io"
	"net"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Subprotocol is the WebSocket subprotocol that a client asks for and a server
// selects when both speak the frames of muxio in their present version.
const Subprotocol = "muxio.v1"

// Defaults of [Config].
const (
	// DefaultMaxMessageBytes holds what one end sends in one message with the
	// default limits of a session, several times over.
	DefaultMaxMessageBytes = 4 << 20
	// DefaultPingInterval is the time between two pings.
	DefaultPingInterval = 5 * time.Second
	// DefaultPongTimeout is how long a peer may be silent.
	DefaultPongTimeout = 15 * time.Second
	// DefaultWriteTimeout is how long a peer may take to accept one message.
	DefaultWriteTimeout = 10 * time.Second
	// DefaultCloseTimeout bounds the exchange of close frames.
	DefaultCloseTimeout = time.Second
)

const (
	// MaxControlPerSecond bounds the pings and pongs that a peer may send in
	// a second; one more closes the connection with [muxio.ClosePolicy].
	MaxControlPerSecond = 200
	// MaxPendingPongs bounds the pings that wait for their answer while a
	// message is being written. Beyond it the oldest ones stay unanswered,
	// as RFC 6455 section 5.5.3 allows.
	MaxPendingPongs = 16
	// ReadBufferBytes is the size of the read buffer, and so the most that
	// [Transport.ReadMessage] returns at once. A connection has one only while
	// it receives a message.
	ReadBufferBytes = 64 << 10
)

// Config sets up a [Transport]. A field that is zero or negative takes its
// default.
type Config struct {
	// Masks is true at the end that opened the connection: the client masks
	// its frames (RFC 6455, section 5.1).
	Masks bool
	// MaxMessageBytes bounds a received message; a longer one closes the
	// connection with [muxio.CloseTooBig].
	MaxMessageBytes int
	// ReadLimitErr is the error by which the connection reports that the
	// limit set with SetReadLimit was exceeded.
	ReadLimitErr error
	// PingInterval is the time between two pings. One that is not shorter
	// than PongTimeout becomes a third of it.
	PingInterval time.Duration
	// PongTimeout is how long the peer may be silent before it is given up.
	// Any received byte of a message and any ping or pong counts; what this
	// end sends does not.
	PongTimeout time.Duration
	// WriteTimeout bounds the sending of one message.
	WriteTimeout time.Duration
	// CloseTimeout bounds how long Close waits for the peer's close frame.
	CloseTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = DefaultMaxMessageBytes
	}
	for _, f := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.PongTimeout, DefaultPongTimeout},
		{&c.PingInterval, DefaultPingInterval},
		{&c.WriteTimeout, DefaultWriteTimeout},
		{&c.CloseTimeout, DefaultCloseTimeout},
	} {
		if *f.value <= 0 {
			*f.value = f.fallback
		}
	}
	if c.PingInterval >= c.PongTimeout {
		c.PingInterval = max(c.PongTimeout/3, 1)
	}
	return c
}

// Numbers of RFC 6455 that are not named in muxio.
const (
	binaryMessage = 2
	closeMessage  = 8
	pingMessage   = 9
	pongMessage   = 10

	closeUnsupportedData muxio.CloseCode = 1003
	closeNoStatus        muxio.CloseCode = 1005
)

// Conn is the WebSocket connection below a [Transport]. The contracts of the
// methods are those of the type Conn in gorilla/websocket v1.5: one goroutine
// reads, WriteControl and Close may be called at any time, the handlers run
// inside of reads. The transport writes messages to NetConn itself, never at the same
// time as control frames. The peer must not be able to turn on compression, because
// SetReadLimit counts bytes before decompression.
type Conn interface {
	NextReader() (messageType int, r io.Reader, err error)
	WriteControl(messageType int, data []byte, deadline time.Time) error
	SetReadLimit(bytes int64)
	SetReadDeadline(t time.Time) error
	SetPingHandler(h func(data string) error)
	SetPongHandler(h func(data string) error)
	SetCloseHandler(h func(code int, text string) error)
	NetConn() net.Conn
	Close() error
}
