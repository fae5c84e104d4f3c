package wsconn

import "time"

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
	// [Transport.ReadMessage] returns at once. It holds a frame of the largest chunk
	// of a session, so that one system call takes it. A connection has one only while
	// it receives.
	ReadBufferBytes = 128 << 10
)

// Config sets up a [Transport]. A field that is zero or negative takes its
// default.
type Config struct {
	// Masks is true at the end that opened the connection: the client masks
	// its frames, and the server does not (RFC 6455, section 5.1).
	Masks bool
	// Received holds the bytes of the peer that were read together with its
	// handshake. They belong to the transport.
	Received []byte
	// MaxMessageBytes bounds a received message; a longer one closes the
	// connection with [muxio.CloseTooBig].
	MaxMessageBytes int
	// PingInterval is the time between two pings. One that is not shorter
	// than PongTimeout becomes a third of it.
	PingInterval time.Duration
	// PongTimeout is how long the peer may be silent before it is given up.
	// Any received byte counts; what this end sends does not.
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
