package caller

import (
	"errors"
	"io"
	"sync"
)

// ChunkBytes is the size of the messages that a [Writer] cuts its bytes into.
const ChunkBytes = 64 << 10

// ErrFinished reports a write to a call that the peer has finished before all
// bytes were sent. [Writer.Finish] tells the outcome.
var ErrFinished = errors.New("caller: the peer has finished the call")

var chunks = sync.Pool{New: func() any { return new([ChunkBytes]byte) }}

// Writer sends the bytes written to it as the items of a call. It does not
// collect small writes: each goes out at once, in messages of at most
// [ChunkBytes]; put a [bufio.Writer] in front where that matters.
//
// A Writer is for one goroutine at a time, except Close.
type Writer[Resp any] struct {
	stream *ClientStream[[]byte, Resp]
}

var (
	_ io.Writer     = (*Writer[any])(nil)
	_ io.ReaderFrom = (*Writer[any])(nil)
	_ io.Closer     = (*Writer[any])(nil)
)

// NewWriter returns a Writer over s, which it takes over. It must end in Finish
// or Close.
func NewWriter[Resp any](s *ClientStream[[]byte, Resp]) *Writer[Resp] {
	return &Writer[Resp]{stream: s}
}

// Write sends p, which it borrows until it returns. It blocks while the peer
// grants no room. It returns [ErrFinished] when the peer has finished the call.
func (w *Writer[Resp]) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), ChunkBytes)
		if err := w.stream.Send(p[:n]); err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrFinished
			}
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// ReadFrom sends what r gives until it ends, through one reused buffer of
// [ChunkBytes]. An error of r leaves the call running: Close it, so that the
// peer does not take the part for the whole.
func (w *Writer[Resp]) ReadFrom(r io.Reader) (int64, error) {
	buf, _ := chunks.Get().(*[ChunkBytes]byte)
	defer chunks.Put(buf)
	total := int64(0)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			sent, werr := w.Write(buf[:n])
			total += int64(sent)
			if werr != nil {
				return total, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Finish tells the peer that all bytes have been sent, waits for its response
// and ends the call.
func (w *Writer[Resp]) Finish() (Resp, error) { return w.stream.Finish() }

// Close gives the call up unless it was finished: the peer's handler sees it
// cancelled and never the end of the bytes. It returns nil, may be called again
// and from any goroutine.
func (w *Writer[Resp]) Close() error { return w.stream.Close() }

// Upload sends all of r as the items of s and returns the response. When r
// fails, the call is cancelled, so that the peer never takes a part for the
// whole, and the error is that of r. The call is over when Upload returns.
func Upload[Resp any](s *ClientStream[[]byte, Resp], r io.Reader) (Resp, error) {
	w := NewWriter(s)
	defer func() { _ = w.Close() }()
	if _, err := w.ReadFrom(r); err != nil && !errors.Is(err, ErrFinished) {
		var zero Resp
		return zero, err
	}
	return w.Finish()
}

// Reader reads the bytes that a call is answered with. A Reader is for one
// goroutine at a time, except Close.
type Reader struct {
	stream *ServerStream[[]byte]
	rest   []byte // of the last message, valid until the next Receive
	err    error
}

var (
	_ io.ReadCloser = (*Reader)(nil)
	_ io.WriterTo   = (*Reader)(nil)
)

// NewReader returns a Reader over s, which it takes over. It must be read to
// its end or closed.
func NewReader(s *ServerStream[[]byte]) *Reader { return &Reader{stream: s} }

// Read copies the next bytes into p. It returns [io.EOF] only when the call
// succeeded, so a stream that was cut short is never taken for a whole one.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo writes the remaining bytes to dst as they arrive, without a copy of
// its own. An error of dst leaves the call running: Close it.
func (r *Reader) WriteTo(dst io.Writer) (int64, error) {
	total := int64(0)
	for {
		err := r.fill()
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := dst.Write(r.rest)
		total += int64(n)
		if err == nil && n < len(r.rest) {
			err = io.ErrShortWrite
		}
		r.rest = r.rest[n:]
		if err != nil {
			return total, err
		}
	}
}

// fill makes rest non-empty, or returns why it cannot.
func (r *Reader) fill() error {
	for len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.stream.Receive()
	}
	if len(r.rest) > 0 {
		return nil
	}
	return r.err
}

// Close gives the call up unless it was read to its end. It returns nil, may be
// called again and from any goroutine.
func (r *Reader) Close() error { return r.stream.Close() }
