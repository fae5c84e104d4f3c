// Package peers makes calls in different ways that can be compared: through
// muxio, through other libraries, and over bare connections.
//
// Each [Peer] carries the same [Service] with the fewest lines that its
// library's documentation asks for, with the library's defaults. What differs
// from that stands in [Peer.Settings], which every output names. All serve on
// loopback and their clients open exactly one connection.
package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/simd-drive/go/muxio-rpc-endpoint"
)

// A Peer is one way to make calls.
type Peer struct {
	// Name identifies the peer on command lines and in results.
	Name string
	// Settings says which library settings matter and what differs from the
	// library's defaults.
	Settings string
	// Ours marks what this repository answers for.
	Ours bool
	// Features tells what the peer can do beside one echo at a time.
	Features Feature
	// Serve starts a server on loopback that carries s, and returns its
	// address. stop ends it and waits for what it started.
	Serve func(ctx context.Context, s *Service) (address string, stop func(), err error)
	// Dial opens one connection to the address. ctx bounds the dialing only.
	Dial func(ctx context.Context, address string) (Client, error)
}

// Feature is a set of abilities of a [Peer].
type Feature uint

// The features of peers.
const (
	// Concurrent peers have many calls in flight on one connection.
	Concurrent Feature = 1 << iota
	// Fetches says that the clients are of type [Fetcher].
	Fetches
	// Streams says that the clients are of type [Streamer].
	Streams
	// Mixed peers make calls while a stream runs on the same connection.
	Mixed
)

// Has tells whether all of want is there.
func (f Feature) Has(want Feature) bool { return f&want == want }

// A Client is one connection. Echo may be called from many goroutines at a
// time when the peer is [Concurrent].
type Client interface {
	// Echo sends request and returns what came back, which may lie in scratch
	// and is valid until scratch is used again. request is borrowed until Echo
	// returns. It is the check of the caller that the answer is the request.
	Echo(ctx context.Context, scratch, request []byte) ([]byte, error)
	// Close ends the connection.
	Close() error
}

// A Fetcher is a client that can ask for an answer larger than the request.
type Fetcher interface {
	// Fetch asks for size bytes and returns how many came.
	Fetch(ctx context.Context, size int) (int, error)
}

// A Streamer is a client that moves bytes in one direction, in chunks of
// [ChunkBytes].
type Streamer interface {
	// Upload sends n bytes and returns when the server has confirmed them.
	Upload(ctx context.Context, n int64) error
	// Download receives n bytes.
	Download(ctx context.Context, n int64) error
}

// ErrUnknownPeer reports a name that no peer has.
var ErrUnknownPeer = errors.New("peers: no such peer")

// All returns every peer: ours first, then libraries, then bare connections.
func All() []Peer {
	return []Peer{
		muxioPeer("muxio", "defaults; methods of plain bytes, handlers in goroutines"),
		muxioPeer("muxio-inline", "the same with a handler that runs inline, in the reader", endpoint.Inline()),
		grpcPeer(), connectPeer(), netRPCPeer(), drpcPeer(), yamuxPeer(), natsPeer(),
		gorillaPeer("gorilla", gorillaDefaults), gorillaPeer("gorilla-64k", gorillaTuned), gorillaPingPongPeer(),
		tcpPeer(), tcpCoalescedPeer(), tcpPingPongPeer(),
	}
}

// Find returns the peer with a name.
func Find(name string) (Peer, error) {
	all := All()
	i := slices.IndexFunc(all, func(p Peer) bool { return p.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i, p := range all {
			names[i] = p.Name
		}
		return Peer{}, fmt.Errorf("%w: %q is none of %s", ErrUnknownPeer, name, strings.Join(names, ", "))
	}
	return all[i], nil
}
