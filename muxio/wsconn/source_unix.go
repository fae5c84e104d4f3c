//go:build unix

package wsconn

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// newSource returns what reads from conn: past package net where that is a socket and
// nothing else.
func newSource(conn net.Conn) source {
	raw := plainSocket(conn)
	if raw == nil {
		return &connSource{conn: conn}
	}
	s := &socketSource{raw: raw}
	s.attempt = s.readNow
	return s
}

// plainSocket returns what conn is if that is a socket and nothing else; nil if not, or if it
// is closed.
func plainSocket(conn net.Conn) syscall.RawConn {
	var socket syscall.Conn
	switch c := conn.(type) {
	case *net.TCPConn:
		socket = c
	case *net.UnixConn:
		socket = c
	default:
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// socketSource reads from a socket. It has a buffer only while bytes are there: package
// net would want one to wait in.
type socketSource struct {
	buffer
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // is readNow: to pass the method would allocate

	n   int   // read by the last attempt
	err error // its failure
}

func (s *socketSource) read() ([]byte, error) {
	err := s.raw.Read(s.attempt) // waits, with the deadline of the connection
	switch {
	case err != nil:
		return nil, err
	case s.err != nil:
		return nil, os.NewSyscallError("read", s.err)
	case s.n == 0:
		return nil, io.EOF
	}
	return s.lent[:s.n], nil
}

// readNow reads what is there. It returns false, and holds no buffer, when that is nothing.
func (s *socketSource) readNow(fd uintptr) (done bool) {
	b := s.take()
	for {
		s.n, s.err = syscall.Read(int(fd), b)
		if !errors.Is(s.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(s.err, syscall.EAGAIN) {
		s.release()
		return false
	}
	return true
}
