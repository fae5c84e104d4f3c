package endpoint

import (
	"errors"
	"io"
	"sync"
)

// ChunkBytes is the size of the messages that a [Writer] cuts its bytes into.
const ChunkBytes = 64 << 10

var chunks = sync.Pool{New: func() any { return new([ChunkBytes]byte) }}

// Reader reads the bytes that a caller sends as items. It is for one goroutine
// at a time and ends with the handler.
type Reader struct {
	items *Receiver[[]byte]
	rest  []byte // of the last item, valid until the next Receive
	err   error
}

var (
	_ io.Reader   = (*Reader)(nil)
	_ io.WriterTo = (*Reader)(nil)
)

// NewReader returns a Reader over the items, which it takes over.
func NewReader(items *Receiver[[]byte]) *Reader { return &Reader{items: items} }

// Read copies the next bytes into p. It returns [io.EOF] only after the caller
// has sent all of them: a call that was cancelled fails with its [*rpc.Error].
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
// its own.
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
		r.rest, r.err = r.items.Receive()
	}
	if len(r.rest) > 0 {
		return nil
	}
	return r.err
}

// Writer sends the bytes written to it as items to the caller. It does not
// collect small writes: each goes out at once, in messages of at most
// [ChunkBytes]. It is for one goroutine at a time and ends with the handler.
type Writer struct {
	items *Sender[[]byte]
}

var (
	_ io.Writer     = (*Writer)(nil)
	_ io.ReaderFrom = (*Writer)(nil)
)

// NewWriter returns a Writer over the items, which it takes over.
func NewWriter(items *Sender[[]byte]) *Writer { return &Writer{items: items} }

// Write sends p, which it borrows until it returns. It blocks while the caller
// grants no room, until the context of the handler ends.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), ChunkBytes)
		if err := w.items.Send(p[:n]); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// ReadFrom sends what r gives until it ends, through one reused buffer of
// [ChunkBytes].
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
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
