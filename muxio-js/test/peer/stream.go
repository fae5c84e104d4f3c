package main

import (
	"errors"
	"log/slog"
	"net"
	"sync"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/streamconn"
)

// streams serves connections that are plain streams of bytes.
type streams struct {
	listener net.Listener
	cfg      rpc.Config
	logger   *slog.Logger

	mu      sync.Mutex
	conns   map[*rpc.Conn]struct{}
	closed  bool
	running sync.WaitGroup // accept, and the goroutine of each connection
}

// serveStreams starts to accept connections, until close.
func serveStreams(listener net.Listener, cfg rpc.Config, logger *slog.Logger) *streams {
	s := &streams{listener: listener, cfg: cfg, logger: logger, conns: make(map[*rpc.Conn]struct{})}
	s.running.Go(s.accept) // ends with the listener, waited for by close
	return s
}

func (s *streams) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.logger.Error("accept", "error", err)
			}
			return
		}
		conn, err := rpc.NewConn(streamconn.New(raw, streamconn.Config{}), s.cfg)
		if err != nil {
			s.logger.Error("connection", "error", err)
			continue
		}
		if !s.add(conn) {
			_ = conn.Close(muxio.CloseReason{Code: muxio.CloseGoingAway})
			continue
		}
		s.running.Go(func() { // ends with the connection, waited for by close
			conn.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, conn)
		})
	}
}

func (s *streams) add(conn *rpc.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

// close ends the listener and every connection, and waits for them.
func (s *streams) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	conns := make([]*rpc.Conn, 0, len(s.conns))
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	s.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close(muxio.CloseReason{Code: muxio.CloseGoingAway}) // mostly closed already
	}
	s.running.Wait()
	return err
}
