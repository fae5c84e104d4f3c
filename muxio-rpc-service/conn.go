package rpc

import (
	"context"
	"log/slog"

	"github.com/simd-drive/go/muxio"
)

// Config sets up a [Conn]. The zero value is ready to use at a calling end.
type Config struct {
	// Role says which half of the id space this end allocates from: the end
	// that opened the connection is the initiator.
	Role muxio.Role
	// Handler answers the peer's calls; nil answers every call with
	// [Unimplemented].
	Handler Handler
	// Limits bounds the session below; zero fields take their defaults.
	Limits muxio.Limits
	// MaxMessageBytes bounds one encoded request or response, and one message
	// of a streaming call; 0 means [DefaultMaxMessageBytes].
	MaxMessageBytes int
	// MaxCalls bounds the calls of the peer that run at a time; further ones
	// fail with [ResourceExhausted]. 0 means [DefaultMaxCalls].
	MaxCalls int
	// Logger receives what goes wrong on the connection; nil is silent.
	Logger *slog.Logger
}

// Conn is a connection over which both ends may call each other.
type Conn struct{}

// NewConn starts a connection over t, which it owns from now on.
func NewConn(t muxio.Transport, cfg Config) *Conn { panic("contract") }

// Invoke implements [Invoker].
func (c *Conn) Invoke(ctx context.Context, method MethodID, request Message) ([]byte, error) {
	panic("contract")
}

// OpenCall implements [Invoker].
func (c *Conn) OpenCall(ctx context.Context, method MethodID, request Message) (ClientCall, error) {
	panic("contract")
}

// Drain refuses new calls of the peer, waits until those in flight are
// answered or ctx ends, then closes the connection with reason.
func (c *Conn) Drain(ctx context.Context, reason muxio.CloseReason) error { panic("contract") }

// Close closes the connection; pending calls fail with [Unavailable]. It waits
// until every goroutine of the connection has ended, except handlers that
// ignore their context.
func (c *Conn) Close(reason muxio.CloseReason) error { panic("contract") }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { panic("contract") }

// Err returns why the connection ended, nil while it is alive.
func (c *Conn) Err() error { panic("contract") }
