package wsserver

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// Defaults of [Options].
const (
	// DefaultMaxConnections bounds the connections that are open at a time.
	DefaultMaxConnections = 1024
	// DefaultHandshakeTimeout bounds the sending of the upgrade response.
	DefaultHandshakeTimeout = 10 * time.Second
)

// retryAfterSeconds is what a client hears that finds the server full.
const retryAfterSeconds = "1"

// Options sets up a [Server]. The zero value is ready to use.
type Options struct {
	// Handler answers the calls of clients; nil answers none.
	Handler rpc.Handler
	// Originals, unless nil, lets clients in that speak the original protocol,
	// from before muxio.v1, in either of its layouts: those that ask for no
	// subprotocol. It carries the limits of their connections, as Conn does for
	// the others.
	Originals *rpc.Config
	// OnConnect is called for each connection with the request that opened
	// it, in the goroutine of that request; nil is allowed. Calls of the
	// client may come in before. It may stay until conn.Done is closed, and
	// must then return: Shutdown waits for it. The request's context lives as
	// long as the connection.
	OnConnect func(conn *rpc.Conn, r *http.Request)
	// CheckOrigin decides whether a request is served, given its Origin
	// header. nil refuses requests whose Origin names another host, as those
	// of foreign web pages do; programs send no Origin and pass.
	CheckOrigin func(r *http.Request) bool
	// MaxConnections bounds the connections that are open at a time; further
	// ones get the status 503. 0 means [DefaultMaxConnections].
	MaxConnections int
	// Conn carries the limits of each connection. Its Role, and its Handler
	// and Logger where the fields here are set, are replaced.
	Conn rpc.Config
	// MaxMessageBytes bounds a received WebSocket message, which carries many
	// frames; 0 means [wsconn.DefaultMaxMessageBytes].
	MaxMessageBytes int
	// HandshakeTimeout bounds the sending of the upgrade response; 0 means
	// [DefaultHandshakeTimeout]. The reading of the request is bounded by
	// ReadHeaderTimeout of the HTTP server.
	HandshakeTimeout time.Duration
	// PingInterval is the time between pings to a client; 0 means
	// [wsconn.DefaultPingInterval].
	PingInterval time.Duration
	// PongTimeout is how long a client may be silent; 0 means
	// [wsconn.DefaultPongTimeout].
	PongTimeout time.Duration
	// WriteTimeout is how long a client may take to accept one message; 0
	// means [wsconn.DefaultWriteTimeout].
	WriteTimeout time.Duration
	// Logger receives what goes wrong on connections; nil is silent.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if o.Logger == nil {
		o.Logger = o.Conn.Logger
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Conn = o.conn(o.Conn)
	if o.Originals != nil {
		originals := o.conn(*o.Originals)
		originals.Layout = muxio.LayoutOriginal
		o.Originals = &originals
	}
	return o
}

// conn returns the limits of a kind of connection with what is the same for all.
func (o Options) conn(cfg rpc.Config) rpc.Config {
	cfg.Role = muxio.Responder
	if o.Handler != nil {
		cfg.Handler = o.Handler
	}
	cfg.Logger = o.Logger
	return cfg
}

func (o Options) transport() wsconn.Config {
	return wsconn.Config{
		MaxMessageBytes: o.MaxMessageBytes,
		PingInterval:    o.PingInterval,
		PongTimeout:     o.PongTimeout,
		WriteTimeout:    o.WriteTimeout,
	}
}
