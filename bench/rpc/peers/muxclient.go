package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// A muxClient has many calls in flight on one link. It does not watch
// contexts: Close ends every call.
type muxClient struct {
	link    link
	chunk   int           // the largest payload of a frame that is sent
	flying  *atomic.Int64 // calls that wait
	running sync.WaitGroup
	waiters sync.Pool // of *waiter

	mu      sync.Mutex
	pending map[uint32]*waiter
	lastID  uint32
	ended   error // set when the reader has ended
}

// A waiter is a call whose answer has not come.
type waiter struct {
	answer   []byte        // grows as parts arrive
	streamed int64         // bytes of a stream
	done     chan struct{} // one token when the answer is complete, or the link has ended
}

func newMuxClient(l link) *muxClient {
	return &muxClient{
		link: l, chunk: maxFrameBytes, flying: new(atomic.Int64), pending: map[uint32]*waiter{},
		waiters: sync.Pool{New: func() any { return &waiter{done: make(chan struct{}, 1)} }},
	}
}

// start starts the reader, which ends with the link; Close waits for it.
func (m *muxClient) start() *muxClient {
	m.running.Go(func() {
		err := m.read()
		m.mu.Lock()
		m.ended = fmt.Errorf("%w: %w", errClosed, err)
		for _, w := range m.pending {
			w.done <- struct{}{}
		}
		m.mu.Unlock()
	})
	return m
}

// read takes answers until the link ends.
func (m *muxClient) read() error {
	sink := make([]byte, ChunkBytes)
	for {
		h, r, err := m.link.next()
		if err != nil {
			return err
		}
		m.mu.Lock()
		w := m.pending[h.id]
		if h.kind != kindMore && h.kind != kindChunk {
			delete(m.pending, h.id)
		}
		m.mu.Unlock()
		if w == nil {
			return errKind
		}
		if h.kind == kindChunk {
			w.streamed += int64(h.length)
			if err := discard(r, sink, h.length); err != nil {
				return err
			}
			continue
		}
		w.answer, err = appendFrom(w.answer, r, h.length)
		if h.kind != kindMore {
			w.done <- struct{}{}
		}
		if err != nil {
			return err
		}
	}
}

// begin enters a call whose answer may lie in scratch.
func (m *muxClient) begin(scratch []byte) (uint32, *waiter, error) {
	w := m.waiters.Get().(*waiter)
	w.answer, w.streamed = scratch[:0], 0
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended != nil {
		return 0, nil, m.ended
	}
	m.lastID++
	m.pending[m.lastID] = w
	m.flying.Add(1)
	return m.lastID, w, nil
}

// wait waits for the answer to a call and ends it.
func (m *muxClient) wait(w *waiter) (answer []byte, streamed int64, err error) {
	<-w.done
	m.flying.Add(-1)
	m.mu.Lock()
	err = m.ended
	m.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	answer, streamed = w.answer, w.streamed
	w.answer = nil
	m.waiters.Put(w)
	return answer, streamed, nil
}

// call sends one request and waits for its answer.
func (m *muxClient) call(k kind, scratch, request []byte) ([]byte, int64, error) {
	id, w, err := m.begin(scratch)
	if err != nil {
		return nil, 0, err
	}
	if err := writeChunked(m.link, header{id: id, kind: k}, request, m.chunk); err != nil {
		return nil, 0, err // the link is broken: nobody waits any more
	}
	return m.wait(w)
}

// Echo implements [Client].
func (m *muxClient) Echo(_ context.Context, scratch, request []byte) ([]byte, error) {
	answer, _, err := m.call(kindEcho, scratch, request)
	return answer, err
}

// Fetch implements [Fetcher].
func (m *muxClient) Fetch(_ context.Context, size int) (int, error) {
	answer, _, err := m.call(kindFetch, nil, putInt(int64(size)))
	return len(answer), err
}

// Upload implements [Streamer].
func (m *muxClient) Upload(_ context.Context, n int64) error {
	id, w, err := m.begin(nil)
	if err != nil {
		return err
	}
	err = upload(n, func(chunk []byte) error {
		return m.link.write(header{id, kindChunk, len(chunk)}, chunk)
	})
	if err := errors.Join(err, m.link.write(header{id, kindEnd, 0}, nil)); err != nil {
		return err
	}
	answer, _, err := m.wait(w)
	if err != nil {
		return err
	}
	return expect(getInt(answer), n)
}

// Download implements [Streamer].
func (m *muxClient) Download(_ context.Context, n int64) error {
	_, streamed, err := m.call(kindDownload, nil, putInt(n))
	if err != nil {
		return err
	}
	return expect(streamed, n)
}

// Close implements [Client].
func (m *muxClient) Close() error {
	err := m.link.Close()
	m.running.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
