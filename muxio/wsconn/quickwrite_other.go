//go:build !unix

package wsconn

import (
	"errors"
	"net"
)

// quickWriter is for systems whose sockets are files.
type quickWriter struct{}

func newQuickWriter(net.Conn) *quickWriter { return nil }

func (*quickWriter) write([]byte) (int, error) { return 0, errors.ErrUnsupported }
