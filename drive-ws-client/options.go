package driveclient

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// DefaultPath is the path of an address that names none.
const DefaultPath = "/ws"

// StreamFromBytes is the size from which [Client.Write] streams a value, so
// that neither end needs memory for all of it at a time.
const StreamFromBytes = 8 << 20

// Options sets up a [Client]. The zero value is ready to use.
type Options struct {
	// Header is sent with the handshake, for instance Authorization.
	Header http.Header
	// TLS configures wss connections; nil verifies the server against the
	// roots of the system.
	TLS *tls.Config
	// DialContext opens the network connection; nil dials TCP.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxMessageBytes bounds one request and one response, and so the values
	// of a batch together; 0 means [rpc.DefaultMaxMessageBytes].
	MaxMessageBytes int
	// HandshakeTimeout bounds the opening of the connection; 0 means
	// [wsclient.DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
	// PingInterval, PongTimeout and WriteTimeout are those of
	// [wsclient.Options]: they find out that the server is gone.
	PingInterval time.Duration
	PongTimeout  time.Duration
	WriteTimeout time.Duration
	// Logger receives what goes wrong on the connection; nil is silent.
	Logger *slog.Logger
}

func (o Options) transport() wsclient.Options {
	return wsclient.Options{
		Header:           o.Header,
		TLS:              o.TLS,
		DialContext:      o.DialContext,
		Conn:             rpc.Config{MaxMessageBytes: o.MaxMessageBytes},
		HandshakeTimeout: o.HandshakeTimeout,
		PingInterval:     o.PingInterval,
		PongTimeout:      o.PongTimeout,
		WriteTimeout:     o.WriteTimeout,
		Logger:           o.Logger,
	}
}
