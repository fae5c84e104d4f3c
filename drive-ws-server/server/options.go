package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/simd-drive/go/drive-service-definition"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// Path is where a [Server] answers.
const Path = "/ws"

const (
	// DefaultMaxPendingBytes is the default of [Options.MaxPendingBytes].
	DefaultMaxPendingBytes = 256 << 20
	// DefaultMaxOriginalBytes is the default of [Options.MaxOriginalBytes].
	DefaultMaxOriginalBytes = 256 << 20
	// DefaultPendingWait is the default of [Options.PendingWait].
	DefaultPendingWait = 5 * time.Second
	// responseOverheadBytes is the room that a response takes beside the
	// values in it: the fields of one result are at most 16 bytes.
	responseOverheadBytes = driveservice.MaxResultHeaderBytes
	// recordFixedBytes is what one record adds to a page of a listing beside its
	// value, at most.
	recordFixedBytes = 64
)

// Options sets up a [Server]. The zero value is ready to use.
type Options struct {
	// MaxConnections bounds the connections that are open at a time; 0 means
	// [wsserver.DefaultMaxConnections].
	MaxConnections int
	// MaxCalls bounds the calls of one connection that run at a time; 0 means
	// [rpc.DefaultMaxCalls].
	MaxCalls int
	// MaxMessageBytes bounds one request and one response, and so a value
	// that is not streamed and the values of a batch together; 0 means
	// [rpc.DefaultMaxMessageBytes].
	MaxMessageBytes int
	// NativeOnly refuses clients of the original protocol, written in Rust or
	// Python, which ask for no subprotocol.
	NativeOnly bool
	// MaxOriginalBytes is MaxMessageBytes for these clients, which cannot stream
	// what is larger; 0 means [DefaultMaxOriginalBytes], or as near to it as
	// MaxMessageBytes and MaxPendingBytes, between which it must be, allow.
	MaxOriginalBytes int
	// MaxPendingBytes bounds the memory of values in responses that wait to be
	// sent, of all connections together. Streams and responses of less than
	// 64 KiB do not count. 0 means [DefaultMaxPendingBytes], or MaxMessageBytes
	// or MaxOriginalBytes if they are more.
	MaxPendingBytes int
	// PendingWait is how long a response waits for room within MaxPendingBytes
	// before it fails with [rpc.ResourceExhausted]; a value can still be streamed
	// then. 0 means [DefaultPendingWait].
	PendingWait time.Duration
	// CheckOrigin decides whether a request is served, as in
	// [wsserver.Options]; nil refuses web pages of other hosts.
	CheckOrigin func(r *http.Request) bool
	// Logger receives what goes wrong; nil is silent.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"MaxConnections", &o.MaxConnections, wsserver.DefaultMaxConnections},
		{"MaxCalls", &o.MaxCalls, rpc.DefaultMaxCalls},
		{"MaxMessageBytes", &o.MaxMessageBytes, rpc.DefaultMaxMessageBytes},
		{"MaxPendingBytes", &o.MaxPendingBytes, max(DefaultMaxPendingBytes, o.MaxMessageBytes, o.MaxOriginalBytes)},
	} {
		if *f.value == 0 {
			*f.value = f.fallback
		}
		if *f.value < 0 {
			return o, fmt.Errorf("server: %s is %d, must not be negative", f.name, *f.value)
		}
	}
	if least := 2 * chunkBytes; o.MaxMessageBytes < least {
		return o, fmt.Errorf("server: MaxMessageBytes is %d, must be at least %d", o.MaxMessageBytes, least)
	}
	if o.MaxPendingBytes < o.MaxMessageBytes {
		return o, fmt.Errorf("server: MaxPendingBytes is %d, must be at least MaxMessageBytes, %d", o.MaxPendingBytes, o.MaxMessageBytes)
	}
	if o.MaxOriginalBytes == 0 {
		o.MaxOriginalBytes = max(o.MaxMessageBytes, min(DefaultMaxOriginalBytes, o.MaxPendingBytes))
	}
	if o.MaxOriginalBytes < o.MaxMessageBytes || o.MaxOriginalBytes > o.MaxPendingBytes {
		return o, fmt.Errorf("server: MaxOriginalBytes is %d, must be from MaxMessageBytes, %d, to MaxPendingBytes, %d",
			o.MaxOriginalBytes, o.MaxMessageBytes, o.MaxPendingBytes)
	}
	if o.PendingWait == 0 {
		o.PendingWait = DefaultPendingWait
	}
	if o.PendingWait < 0 {
		return o, fmt.Errorf("server: PendingWait is %v, must not be negative", o.PendingWait)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}
