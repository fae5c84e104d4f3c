package driveclient

import (
	"cmp"
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

// Protocol is what a client and a server speak.
type Protocol = wsclient.Protocol

// The protocols, which package wsclient describes.
const (
	Negotiated = wsclient.Negotiated
	Native     = wsclient.Native
	Original13 = wsclient.Original13
	Original21 = wsclient.Original21
)

// DefaultMaxOriginalBytes is the default of [Options.MaxMessageBytes] where the original
// protocol is spoken.
const DefaultMaxOriginalBytes = 256 << 20

// Options sets up a [Client]. The zero value is ready to use.
type Options struct {
	// Protocol is what is spoken with the server. The zero value, [Negotiated], goes
	// on in the original protocol with a server that knows no other, such as those
	// written in Rust; with releases of those before 0.17 it must be [Original21].
	// See [Client.IsOriginal].
	Protocol Protocol
	// Header is sent with the handshake, for instance Authorization.
	Header http.Header
	// TLS configures wss connections; nil verifies the server against the
	// roots of the system.
	TLS *tls.Config
	// DialContext opens the network connection; nil dials TCP.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxMessageBytes bounds one request and one response, and so the values
	// of a batch together; 0 means [rpc.DefaultMaxMessageBytes], and
	// [DefaultMaxOriginalBytes] in the original protocol, which has no streams.
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

// originalBytes returns MaxMessageBytes where the original protocol is spoken.
func (o Options) originalBytes() int { return cmp.Or(o.MaxMessageBytes, DefaultMaxOriginalBytes) }

func (o Options) transport() wsclient.Options {
	originals := rpc.Config{MaxMessageBytes: o.originalBytes()}
	originals.MaxBufferedBytes = max(rpc.DefaultMaxBufferedBytes, originals.MaxMessageBytes)
	return wsclient.Options{
		Protocol:         o.Protocol,
		Originals:        &originals,
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
