package driveclient

import (
	"context"
	"net/url"
	"sync/atomic"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// Client is a drive at the other end of a connection. All methods are safe for
// concurrent use.
type Client struct {
	conn     rpc.Invoker
	ws       *wsclient.Client // nil for a Client from New
	original bool             // the server speaks the original protocol
	room     int              // for a value that is read from a stream to be sent whole
	closed   atomic.Bool
}

// Dial connects to a drive server. address is a ws or wss URL; without a path
// it means [DefaultPath]. ctx bounds the opening of the connection only.
//
// It fails as [wsclient.Dial] does: with [wsclient.ErrBadURL], a
// [*wsclient.HandshakeError], with [ErrNoAnswer], or an error of the network or
// of TLS.
func Dial(ctx context.Context, address string, opts Options) (*Client, error) {
	ws, err := wsclient.Dial(ctx, withPath(address), opts.transport())
	if err != nil {
		return nil, err
	}
	c := New(ws.Conn())
	c.ws, c.room = ws, opts.originalBytes()
	return c, nil
}

// New returns a Client that calls over conn, which stays the caller's: a
// connection that was opened in another way or that has other users too.
func New(conn rpc.Invoker) *Client {
	c := &Client{conn: conn, room: DefaultMaxOriginalBytes}
	if peer, ok := conn.(interface{ IsOriginal() bool }); ok {
		c.original = peer.IsOriginal()
	}
	return c
}

// IsOriginal tells whether the server speaks the original protocol. Then there are Write,
// Get, Delete, Exists, WriteBatch, GetBatch, Len, IsEmpty and FileSize, by key and not by
// hash, and what is made of them: WriteFrom, ReadTo, Reader and RangeReader, with all of
// the value in memory. Everything else fails with [ErrUnsupported], and no checksum
// protects values on their way.
func (c *Client) IsOriginal() bool { return c.original }

// withPath appends the default path to an address without one. What is no
// address stays as it is, for Dial to refuse.
func withPath(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") {
		return address
	}
	u.Path = DefaultPath
	return u.String()
}

// Close closes the connection that [Dial] opened. Calls that are pending fail
// with [ErrClosed], as do later ones. It may be called again. On a Client from
// [New] it does nothing to the connection.
func (c *Client) Close() error {
	if c.closed.Swap(true) || c.ws == nil {
		return nil
	}
	return c.ws.Close()
}

// Done is closed when the connection has ended, for whatever reason. It is nil
// for a Client from [New].
func (c *Client) Done() <-chan struct{} {
	if c.ws == nil {
		return nil
	}
	return c.ws.Done()
}
