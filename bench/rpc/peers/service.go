package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// ChunkBytes is how much one write of a stream carries.
	ChunkBytes = 64 << 10
	// MaxFetchBytes bounds the answer to one fetch.
	MaxFetchBytes = 4 << 20
	// MaxConnections bounds the connections to one of our servers.
	MaxConnections = 16 << 10
	// readHeaderTimeout bounds the handshakes of the servers over HTTP.
	readHeaderTimeout = 5 * time.Second
)

// errShort reports a stream that ended before all of its bytes came.
var errShort = errors.New("peers: the stream is shorter than asked for")

// errTooLarge reports a fetch beyond [MaxFetchBytes].
var errTooLarge = errors.New("peers: more bytes asked for than the service gives")

// A Service is what every server carries. It allocates nothing for an answer:
// memory that a server takes is that of its transport. It is safe for
// concurrent use.
type Service struct {
	content []byte       // what fetches and downloads send; never written to
	fetches atomic.Int64 // that have begun
}

// NewService returns a service.
func NewService() *Service {
	s := &Service{content: make([]byte, MaxFetchBytes)}
	FillNoise(s.content)
	return s
}

// FillNoise fills b with bytes that do not compress, the same each time.
func FillNoise(b []byte) {
	x := uint64(0x9E3779B97F4A7C15)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 24)
	}
}

// Fetches returns how many fetches have reached the service.
func (s *Service) Fetches() int64 { return s.fetches.Load() }

// fetch returns the answer to a fetch, which must not be written to.
func (s *Service) fetch(size int64) ([]byte, error) {
	s.fetches.Add(1)
	if size < 0 || size > MaxFetchBytes {
		return nil, errTooLarge
	}
	return s.content[:size], nil
}

// download calls send with the chunks of n bytes.
func (s *Service) download(n int64, send func(chunk []byte) error) error {
	for n > 0 {
		chunk := s.content[:min(n, ChunkBytes)]
		if err := send(chunk); err != nil {
			return err
		}
		n -= int64(len(chunk))
	}
	return nil
}

// upload calls send with the chunks of n bytes, in a client.
func upload(n int64, send func(chunk []byte) error) error {
	chunk := make([]byte, ChunkBytes)
	FillNoise(chunk)
	for n > 0 {
		part := chunk[:min(n, ChunkBytes)]
		if err := send(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return nil
}

// expect checks how many bytes a stream has moved.
func expect(got, want int64) error {
	if got != want {
		return fmt.Errorf("%w: %d of %d bytes", errShort, got, want)
	}
	return nil
}

// listen opens a loopback listener on a free port.
func listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", "127.0.0.1:0")
}

// dialTCP opens a connection with the settings of package net.
func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// serveHTTP serves handler over HTTP on loopback until stop.
func serveHTTP(ctx context.Context, server *http.Server) (address string, stop func(), err error) {
	l, err := listen(ctx)
	if err != nil {
		return "", nil, err
	}
	server.ReadHeaderTimeout = readHeaderTimeout
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // ends with Close in stop, which waits
	return l.Addr().String(), func() {
		_ = server.Close() // nothing is measured any more
		running.Wait()
	}, nil
}

// serveConns runs handle for each connection to a loopback listener until
// stop, which closes the connections and waits for the handlers.
func serveConns(ctx context.Context, handle func(net.Conn)) (address string, stop func(), err error) {
	l, err := listen(ctx)
	if err != nil {
		return "", nil, err
	}
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		open    = map[net.Conn]bool{}
		stopped bool
	)
	running.Go(func() { // ends when stop closes the listener, and stop waits
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if stopped {
				mu.Unlock()
				_ = conn.Close() // too late to be served
				return
			}
			open[conn] = true
			mu.Unlock()
			running.Go(func() { // ends with the connection, and stop waits
				handle(conn)
				_ = conn.Close() // nobody is left to tell
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	return l.Addr().String(), func() {
		_ = l.Close() // nothing is measured any more
		mu.Lock()
		stopped = true
		for conn := range open {
			_ = conn.Close() // as above
		}
		mu.Unlock()
		running.Wait()
	}, nil
}
