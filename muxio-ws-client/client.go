package wsclient

import (
	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Client is the dialing end of a connection. Its methods are safe for
// concurrent use.
type Client struct {
	conn     *rpc.Conn
	protocol Protocol
}

// Protocol returns what the connection speaks: anything but [Negotiated].
func (c *Client) Protocol() Protocol { return c.protocol }

// Conn returns the connection, on which calls are made.
func (c *Client) Conn() *rpc.Conn { return c.conn }

// Close tells the server that this end is done and closes the connection. Calls
// that are pending fail with [rpc.Unavailable], and the contexts of handlers
// end; [rpc.Conn.Wait] waits for those to return.
func (c *Client) Close() error {
	return c.conn.Close(muxio.CloseReason{Code: muxio.CloseNormal})
}

// Done is closed when the connection has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.conn.Done() }

// Err returns why the connection ended, nil while it is alive.
func (c *Client) Err() error { return c.conn.Err() }
