package streamconn

import "time"

// Defaults of [Config].
const (
	// DefaultPingInterval is the time between two pings.
	DefaultPingInterval = 5 * time.Second
	// DefaultPongTimeout is how long a peer may be silent.
	DefaultPongTimeout = 15 * time.Second
	// DefaultWriteTimeout is how long a peer may take to accept one message.
	DefaultWriteTimeout = 10 * time.Second
	// DefaultCloseTimeout bounds the goodbye.
	DefaultCloseTimeout = time.Second
	// DefaultExitTimeout is how long a program may take to exit.
	DefaultExitTimeout = 5 * time.Second
)

const (
	// ReadBufferBytes is the largest size of the read buffer, and so of a
	// message that ReadMessage returns.
	ReadBufferBytes = 64 << 10
	// firstBufferBytes is the size with which the read buffer starts; it
	// doubles when a read fills it, so that idle connections stay small.
	firstBufferBytes = 4 << 10
	// gatherBytes is the size of the buffer in which the small pieces of a
	// message are gathered, on connections that cannot write them at once.
	gatherBytes = 16 << 10
)

// Config sets up a [Transport]. A field that is zero or negative takes its
// default.
type Config struct {
	// PingInterval is the time between two pings. One that is not shorter
	// than PongTimeout becomes a third of it.
	PingInterval time.Duration
	// PongTimeout is how long the peer may be silent before it is given up.
	// Any received byte counts; what this end sends does not.
	PongTimeout time.Duration
	// WriteTimeout bounds the sending of one message.
	WriteTimeout time.Duration
	// CloseTimeout bounds how long Close waits: for a message that is being
	// written, for the goodbye to be taken, and for the peer to end its side.
	CloseTimeout time.Duration
	// ExitTimeout is how long the program of a [Process] may take to exit
	// after its connection was closed; then it is killed.
	ExitTimeout time.Duration
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&c.PongTimeout, DefaultPongTimeout},
		{&c.PingInterval, DefaultPingInterval},
		{&c.WriteTimeout, DefaultWriteTimeout},
		{&c.CloseTimeout, DefaultCloseTimeout},
		{&c.ExitTimeout, DefaultExitTimeout},
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
