package measure

import (
	"context"
	"errors"
	"net"
	"sync"
)

// relayBytes is the size of a relay's buffers, which are part of what a peer
// sees as the network.
const relayBytes = 64 << 10

// A relay stands between a client and a server and can stop reading from the
// server, so that the server sees a client that does not read, whatever the
// client's own library does.
type relay struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup
	stopped  chan struct{} // closed by stop
	stop     func()

	mu    sync.Mutex
	conns []net.Conn
}

// startRelay starts a relay to an address.
func startRelay(ctx context.Context, target string) (*relay, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, target: target, stopped: make(chan struct{})}
	r.stop = sync.OnceFunc(func() { close(r.stopped) })
	r.running.Go(func() { r.accept(ctx) }) // ends when close closes the listener, and close waits
	return r, nil
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) accept(ctx context.Context) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(ctx, "tcp", r.target)
		if err != nil {
			_ = client.Close() // it sees that there is nobody
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		r.running.Go(func() { pass(server, client, nil) }) // both end with their connections, and close waits
		r.running.Go(func() { pass(client, server, r.stopped) })
	}
}

// pass copies until either end closes, or until stopped is closed: it stops
// reading then and leaves both connections open.
func pass(dst, src net.Conn, stopped <-chan struct{}) {
	buf := make([]byte, relayBytes)
	for {
		n, err := src.Read(buf)
		select {
		case <-stopped:
			return
		default:
		}
		if _, writeErr := dst.Write(buf[:n]); errors.Join(err, writeErr) != nil {
			_, _ = dst.Close(), src.Close() // one end has ended already
			return
		}
	}
}

// close ends every connection.
func (r *relay) close() {
	_ = r.listener.Close() // nothing is measured any more
	r.mu.Lock()
	for _, conn := range r.conns {
		_ = conn.Close() // as above
	}
	r.mu.Unlock()
	r.running.Wait()
}
