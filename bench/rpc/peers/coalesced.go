package peers

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// coalescedChunk is the largest payload of a frame, so that large calls
	// leave room for small ones.
	coalescedChunk = 64 << 10
	// maxQueued bounds what waits to be written; writers wait beyond it.
	maxQueued = 256 << 10
)

// tcpCoalescedPeer is what a framework can reach: frames that come while a
// write is under way go out together with the next one, large payloads are
// cut into chunks, and each call has a goroutine at the server.
func tcpCoalescedPeer() Peer {
	return Peer{
		Name:     "tcp+rpc",
		Settings: "13-byte frames coalesced into one write, chunks of 64 KiB, a goroutine for each call; no windows",
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveConns(ctx, func(conn net.Conn) {
				l := newCoalescedLink(conn)
				m := newMuxServer(l, s)
				m.spawn, m.chunk, l.flying = true, coalescedChunk, m.flying
				m.serve()
			})
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			l := newCoalescedLink(conn)
			m := newMuxClient(l)
			m.chunk, l.flying = coalescedChunk, m.flying
			return m.start(), nil
		},
	}
}

// A coalescedLink has no goroutine for writing: the first writer writes for
// those that come meanwhile.
type coalescedLink struct {
	*tcpLink
	flying *atomic.Int64 // calls in flight at this end

	mu      sync.Mutex
	room    sync.Cond // the queue became shorter, or writing failed
	queue   []byte
	spare   []byte // the queue that was written last, to be reused
	writing bool
	err     error
}

func newCoalescedLink(conn net.Conn) *coalescedLink {
	l := &coalescedLink{tcpLink: newTCPLink(conn)}
	l.room.L = &l.mu
	return l
}

func (l *coalescedLink) write(h header, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing && len(l.queue) > maxQueued && l.err == nil {
		l.room.Wait()
	}
	if l.err != nil {
		return l.err
	}
	l.queue = append(h.appendTo(l.queue), payload...)
	if l.writing {
		return nil // whoever writes takes it along
	}
	l.writing = true
	if l.flying.Load() > 1 {
		l.mu.Unlock()
		runtime.Gosched() // others that can run add their frames first
		l.mu.Lock()
	}
	for len(l.queue) > 0 && l.err == nil {
		batch := l.queue
		l.queue = l.spare[:0]
		l.mu.Unlock()
		_, err := l.conn.Write(batch)
		l.mu.Lock()
		l.spare, l.err = batch, err
		l.room.Broadcast()
	}
	l.writing = false
	return l.err
}
