package wsserver

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// Server accepts connections. Its methods are safe for concurrent use.
type Server struct {
	opts     Options
	upgrader websocket.Upgrader

	mu       sync.Mutex
	conns    map[*rpc.Conn]struct{}
	open     int           // connections, also those that are being upgraded
	requests int           // in ServeHTTP, as far as they are for a connection
	closing  bool          // no further connection is accepted
	idle     chan struct{} // closed when closing, and open and requests are 0
}

// New returns a server. It does nothing until requests reach it.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	return &Server{
		opts: opts,
		upgrader: websocket.Upgrader{
			HandshakeTimeout: opts.HandshakeTimeout,
			Subprotocols:     []string{wsconn.Subprotocol},
			CheckOrigin:      opts.CheckOrigin,
			Error:            upgradeError,
		},
		conns: make(map[*rpc.Conn]struct{}),
		idle:  make(chan struct{}),
	}
}

// ServeHTTP upgrades the request to a connection and returns when that is open and
// [Options.OnConnect] has returned: the connection goes on by itself, without the memory
// of a request. A request that cannot be upgraded is answered with a text that says
// what is expected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !checkUpgrade(w, r, s.opts.Originals != nil) {
		return
	}
	if refusal := s.begin(); refusal != "" {
		w.Header().Set("Retry-After", retryAfterSeconds)
		http.Error(w, refusal, http.StatusServiceUnavailable)
		return
	}
	defer s.finish(&s.requests)
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.finish(&s.open)
		return // answered by upgradeError, or the client is gone
	}
	cfg, ended := s.opts.Conn, false
	if ws.Subprotocol() == "" {
		cfg = *s.opts.Originals
	}
	tell := cfg.Ended
	cfg.Ended = func(c *rpc.Conn) {
		if tell != nil {
			tell(c)
		}
		s.remove(c, &ended)
		s.finish(&s.open)
	}
	// Only the handshake was gorilla's, and it refuses clients that send before its end.
	conn, err := rpc.NewConn(wsconn.New(ws.NetConn(), s.opts.transport()), cfg)
	if err != nil {
		s.finish(&s.open)
		s.opts.Logger.Error("connection refused because of the server's own limits", "error", err)
		return
	}
	served := false
	defer func() {
		if !served { // shut down while the request was upgraded, or OnConnect panics
			_ = conn.Close(goingAway) // mostly closed already
		}
	}()
	if !s.add(conn, &ended) {
		return
	}
	if s.opts.OnConnect != nil {
		s.opts.OnConnect(conn, r)
	}
	served = true
}

var goingAway = muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "server is shutting down"}

// Connections returns the number of connections that are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Shutdown refuses new connections, answers the calls in flight on the open
// ones and closes them. When ctx ends first it cuts the rest off and returns
// the error of ctx. Without an error, every connection has ended, and
// every handler and OnConnect has returned.
func (s *Server) Shutdown(ctx context.Context) error {
	var cut atomic.Bool
	s.each(func(c *rpc.Conn) {
		// Other errors concern a connection that was lost meanwhile.
		if err := c.Drain(ctx, goingAway); err != nil && errors.Is(err, ctx.Err()) {
			cut.Store(true)
		}
	})
	select {
	case <-s.idle:
		if cut.Load() {
			return ctx.Err()
		}
		return nil
	case <-ctx.Done():
		_ = s.Close() // connections that came in too late to be drained
		return ctx.Err()
	}
}

// Close refuses new connections and closes the open ones. Calls in flight fail
// at both ends. It does not wait for handlers.
func (s *Server) Close() error {
	s.each(func(c *rpc.Conn) { _ = c.Close(goingAway) })
	return nil
}

// each marks the server as closing and runs end on all connections at a time.
// What end returns is left out by its callers: a connection that cannot be
// closed in good order is closed all the same.
func (s *Server) each(end func(*rpc.Conn)) {
	var ended sync.WaitGroup
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		if s.open+s.requests == 0 {
			close(s.idle)
		}
	}
	for c := range s.conns {
		// Ends with end, which is bounded; waited for below.
		ended.Go(func() { end(c) })
	}
	s.mu.Unlock()
	ended.Wait()
}

// begin counts a request in, or says why it is refused.
func (s *Server) begin() (refusal string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return "this server is shutting down"
	case s.open >= s.opts.MaxConnections:
		return "this server has as many connections as it accepts; try again later"
	}
	s.open++
	s.requests++
	return ""
}

// finish counts a connection or a request out.
func (s *Server) finish(count *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*count--
	if s.closing && s.open+s.requests == 0 {
		close(s.idle)
	}
}

// add registers a connection, unless it has ended, and reports false when the server is
// closing.
func (s *Server) add(c *rpc.Conn, ended *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	if !*ended {
		s.conns[c] = struct{}{}
	}
	return true
}

// remove takes note that a connection has ended.
func (s *Server) remove(c *rpc.Conn, ended *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*ended = true
	delete(s.conns, c)
}
