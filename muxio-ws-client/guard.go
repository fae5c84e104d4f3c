package wsclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
)

// dialGuard opens the network connection and closes it when the context of the
// handshake ends. gorilla/websocket gets a context that never does: it would
// heed the deadline only, and report it as an error of the network.
type dialGuard struct {
	ctx  context.Context // of one handshake
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	tls  *tls.Config
	stop func() bool
	conn *handshakeConn // the last one that was opened
}

func newDialGuard(ctx context.Context, opts Options) *dialGuard {
	g := &dialGuard{ctx: ctx, dial: opts.DialContext, tls: opts.TLS}
	if g.dial == nil {
		g.dial = new(net.Dialer).DialContext
	}
	return g
}

// DialContext opens the connection and begins to watch the context.
func (g *dialGuard) DialContext(_ context.Context, network, addr string) (net.Conn, error) {
	conn, err := g.dial(g.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	g.stop = context.AfterFunc(g.ctx, func() { _ = conn.Close() })
	g.conn = &handshakeConn{Conn: conn}
	return g.conn, nil
}

// DialTLSContext does the same and negotiates TLS.
func (g *dialGuard) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if _, err := g.DialContext(ctx, network, addr); err != nil {
		return nil, err
	}
	conn := tls.Client(g.conn.Conn, g.tlsFor(addr))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	g.conn.Conn = conn
	return g.conn, nil
}

// tlsFor returns the configuration for the host in addr.
func (g *dialGuard) tlsFor(addr string) *tls.Config {
	cfg := new(tls.Config)
	if g.tls != nil {
		cfg = g.tls.Clone()
	}
	if host, _, err := net.SplitHostPort(addr); err == nil && cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// release ends the watch and reports false when the connection was closed.
func (g *dialGuard) release() bool { return g.stop == nil || g.stop() }

// handshakeConn keeps what comes behind the header of the response from who reads that:
// the server may send frames at once. It is for one goroutine.
type handshakeConn struct {
	net.Conn
	rest      []byte // read from Conn, and not from here
	emptyLine bool   // so far
	ended     bool   // an empty line came, the last of the header
}

// Read returns nothing beyond the end of the header together with the header. A further
// call goes on behind it: a refusal has a body.
func (c *handshakeConn) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	for i := 0; i < n && !c.ended; i++ {
		switch p[i] {
		case '\n':
			c.ended, c.emptyLine = c.emptyLine, true
		case '\r':
		default:
			c.emptyLine = false
		}
		if c.ended {
			c.rest = bytes.Clone(p[i+1 : n])
			return i + 1, nil // an error comes again
		}
	}
	return n, err
}
