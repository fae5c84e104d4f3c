//go:build !unix

package wsconn

import "net"

// newSource returns what reads from conn.
func newSource(conn net.Conn) source { return &connSource{conn: conn} }
