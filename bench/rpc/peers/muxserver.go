package peers

import (
	"io"
	"sync"
	"sync/atomic"
)

// A muxServer answers the frames of one link.
type muxServer struct {
	link    link
	service *Service
	spawn   bool          // a goroutine for each call, else they are answered by the reader
	chunk   int           // the largest payload of a frame that is sent
	flying  *atomic.Int64 // calls being answered

	partial map[uint32]*buffer // requests of which more is to come
	uploads map[uint32]int64   // bytes received by stream
	sink    []byte             // takes the bytes of uploads
	buffers sync.Pool          // of *buffer
	running sync.WaitGroup     // calls with a goroutine; serve waits
}

// buffer is a reused piece of memory.
type buffer struct{ b []byte }

func newMuxServer(l link, s *Service) *muxServer {
	return &muxServer{
		link: l, service: s, chunk: maxFrameBytes, flying: new(atomic.Int64),
		partial: map[uint32]*buffer{}, uploads: map[uint32]int64{},
		buffers: sync.Pool{New: func() any { return new(buffer) }},
	}
}

// serve answers frames until the link ends.
func (m *muxServer) serve() {
	defer m.running.Wait()
	for {
		h, r, err := m.link.next()
		if err == nil {
			err = m.take(h, r)
		}
		if err != nil {
			_ = m.link.Close() // it is over, and ends the goroutines too
			return
		}
	}
}

// take reads the payload of one frame and does what it asks for.
func (m *muxServer) take(h header, r io.Reader) error {
	switch h.kind {
	case kindEcho, kindFetch, kindMore:
		request := m.partial[h.id]
		if request == nil {
			request = m.buffers.Get().(*buffer)
			request.b = request.b[:0]
		}
		var err error
		if request.b, err = appendFrom(request.b, r, h.length); err != nil {
			return err
		}
		if h.kind == kindMore {
			m.partial[h.id] = request
			return nil
		}
		delete(m.partial, h.id)
		m.flying.Add(1)
		if m.spawn {
			m.running.Go(func() { _ = m.answer(h, request) }) // ends with the answer; a broken link shows in serve
			return nil
		}
		return m.answer(h, request)
	case kindChunk:
		m.sink = grown(m.sink, ChunkBytes)
		m.uploads[h.id] += int64(h.length)
		return discard(r, m.sink, h.length)
	case kindEnd:
		n := m.uploads[h.id]
		delete(m.uploads, h.id)
		return m.link.write(header{h.id, kindEnd, 8}, putInt(n))
	case kindDownload:
		size, err := appendFrom(nil, r, h.length)
		if err != nil {
			return err
		}
		m.running.Go(func() { // ends with the stream, or with the link
			err := m.service.download(getInt(size), func(chunk []byte) error {
				return m.link.write(header{h.id, kindChunk, len(chunk)}, chunk)
			})
			if err == nil {
				_ = m.link.write(header{h.id, kindEnd, 0}, nil) // a broken link shows in serve
			}
		})
		return nil
	default:
		return errKind
	}
}

// answer sends the answer to a request and gives its buffer back.
func (m *muxServer) answer(h header, request *buffer) error {
	defer m.buffers.Put(request)
	defer m.flying.Add(-1)
	payload := request.b
	if h.kind == kindFetch {
		var err error
		if payload, err = m.service.fetch(getInt(request.b)); err != nil {
			return err
		}
	}
	return writeChunked(m.link, header{id: h.id, kind: h.kind}, payload, m.chunk)
}

// writeChunked sends a payload in frames of at most chunk bytes.
func writeChunked(l link, h header, payload []byte, chunk int) error {
	for len(payload) > chunk {
		if err := l.write(header{h.id, kindMore, chunk}, payload[:chunk]); err != nil {
			return err
		}
		payload = payload[chunk:]
	}
	h.length = len(payload)
	return l.write(h, payload)
}

// discard reads n bytes into buf, over and over.
func discard(r io.Reader, buf []byte, n int) error {
	for n > 0 {
		part := buf[:min(n, len(buf))]
		if _, err := io.ReadFull(r, part); err != nil {
			return err
		}
		n -= len(part)
	}
	return nil
}
