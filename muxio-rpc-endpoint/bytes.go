package endpoint

import (
	"errors"
	"io"
	"sync"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// ChunkBytes is the size of the messages that a [Writer] cuts its bytes into.
const ChunkBytes = 64 << 10

var chunks = sync.Pool{New: func() any { return new([ChunkBytes]byte) }}

// Reader reads the bytes that a caller sends as items. It returns [io.EOF] only
// after the caller has sent all of them; a call that was cancelled fails with its
// [*rpc.Error]. It is for one goroutine at a time and ends with the handler.
type Reader struct{ *rpc.MessageReader }

// NewReader returns a Reader over the items, which it takes over.
func NewReader(items *Receiver[[]byte]) *Reader {
	return &Reader{rpc.NewMessageReader(items.Receive)}
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
