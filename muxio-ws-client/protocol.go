package wsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Protocol is what the two ends of a connection speak.
type Protocol uint8

const (
	// Negotiated offers muxio.v1; with a server that does not select it, the client
	// goes on as with [Original13].
	Negotiated Protocol = iota
	// Native is muxio.v1: a server that does not select it is refused.
	Native
	// Original13 is the original protocol, from before muxio.v1, in the layout of
	// its releases since 0.15. Only unary calls can be made.
	Original13
	// Original21 is the original protocol in the layout of the releases before.
	Original21
)

var protocolNames = [...]string{Negotiated: "negotiated", Native: "native", Original13: "original13", Original21: "original21"}

// String returns the name of the protocol: negotiated, native, original13 or original21.
func (p Protocol) String() string {
	if int(p) >= len(protocolNames) {
		return "unknown protocol"
	}
	return protocolNames[p]
}

// MarshalText implements [encoding.TextMarshaler].
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler], for flags and configurations.
func (p *Protocol) UnmarshalText(text []byte) error {
	i := slices.Index(protocolNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("wsclient: protocol %q, want one of %s", text, strings.Join(protocolNames[:], ", "))
	}
	*p = Protocol(i)
	return nil
}

// offers tells whether the subprotocol is asked for.
func (p Protocol) offers() bool { return p == Negotiated || p == Native }

// chosen returns what is spoken with a server that selected a subprotocol or none.
func (p Protocol) chosen(subprotocol string) Protocol {
	switch {
	case subprotocol != "":
		return Native
	case p == Negotiated:
		return Original13
	}
	return p
}

func (p Protocol) layout() muxio.Layout {
	switch p {
	case Original13:
		return muxio.LayoutOriginal13
	case Original21:
		return muxio.LayoutOriginal21
	default:
		return muxio.Layout13
	}
}

// ErrNoAnswer reports a server that accepted a connection and does not answer in the
// original protocol: it expects the other layout, or another protocol.
var ErrNoAnswer = errors.New("wsclient: the server does not answer")

// ProbeTimeout bounds how long [Dial] waits for the first answer of a server of the
// original protocol.
const ProbeTimeout = 3 * time.Second

// probe makes a call that no server answers but by saying so. The original protocol has no
// greeting, and a server that reads frames of the other layout says nothing at all: every
// call would wait for ever.
func probe(ctx context.Context, conn *rpc.Conn, p Protocol) error {
	ctx, cancel := context.WithTimeout(ctx, ProbeTimeout)
	defer cancel()
	_, err := conn.Invoke(ctx, rpc.MethodIDOf("muxio.probe"), rpc.Message{})
	switch {
	case errors.Is(err, rpc.DeadlineExceeded):
		return fmt.Errorf("%w in the protocol %v (Options.Protocol names others)", ErrNoAnswer, p)
	case errors.Is(err, rpc.Unavailable), errors.Is(err, rpc.Canceled):
		return fmt.Errorf("%w in the protocol %v (Options.Protocol names others): %w", ErrNoAnswer, p, err)
	}
	return nil // whatever it says, it answers
}
