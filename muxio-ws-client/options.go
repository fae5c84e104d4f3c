package wsclient

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// DefaultHandshakeTimeout bounds [Dial] when neither its context nor
// [Options.HandshakeTimeout] does so earlier.
const DefaultHandshakeTimeout = 10 * time.Second

// maxBodyBytes bounds what a [HandshakeError] quotes of the response.
const maxBodyBytes = 512

// Options sets up a [Client]. The zero value is ready to use.
type Options struct {
	// Protocol is what is spoken with the server; the zero value is [Negotiated].
	Protocol Protocol
	// Header is sent with the handshake, for instance Authorization.
	Header http.Header
	// TLS configures wss connections; nil verifies the server against the
	// roots of the system.
	TLS *tls.Config
	// DialContext opens the network connection; nil dials TCP.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Handler answers the calls of the server; nil answers none.
	Handler rpc.Handler
	// Conn carries the limits of the connection. Its Role, and its Handler
	// and Logger where the fields here are set, are replaced.
	Conn rpc.Config
	// Originals carries the limits instead where the original protocol is spoken;
	// nil means those of Conn.
	Originals *rpc.Config
	// MaxMessageBytes bounds a received WebSocket message, which carries many
	// frames; 0 means [wsconn.DefaultMaxMessageBytes].
	MaxMessageBytes int
	// HandshakeTimeout bounds dialing, TLS and upgrade together; 0 means
	// [DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
	// PingInterval is the time between pings to the server; 0 means
	// [wsconn.DefaultPingInterval].
	PingInterval time.Duration
	// PongTimeout is how long the server may be silent; 0 means
	// [wsconn.DefaultPongTimeout].
	PongTimeout time.Duration
	// WriteTimeout is how long the server may take to accept one message; 0
	// means [wsconn.DefaultWriteTimeout].
	WriteTimeout time.Duration
	// Logger receives what goes wrong on the connection; nil is silent.
	Logger *slog.Logger
}

// conn returns the configuration of a connection on which p is spoken.
func (o Options) conn(p Protocol) rpc.Config {
	cfg := o.Conn
	if p != Native && o.Originals != nil {
		cfg = *o.Originals
	}
	cfg.Role, cfg.Layout = muxio.Initiator, p.layout()
	if o.Handler != nil {
		cfg.Handler = o.Handler
	}
	if o.Logger != nil {
		cfg.Logger = o.Logger
	}
	return cfg
}

// transport sets up the connection from which received was read with the handshake.
func (o Options) transport(received []byte) wsconn.Config {
	return wsconn.Config{
		Masks:           true,
		Received:        received,
		MaxMessageBytes: o.MaxMessageBytes,
		PingInterval:    o.PingInterval,
		PongTimeout:     o.PongTimeout,
		WriteTimeout:    o.WriteTimeout,
	}
}
