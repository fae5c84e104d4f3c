package rpc

import (
	"errors"
	"io"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// StreamChunkBytes is the size of the messages that byte streams are cut into. A
// write of as much is one message, and one system call.
const StreamChunkBytes = muxio.ChunkBytes

// chunks holds the buffers that streams are read into.
var chunks = sync.Pool{New: func() any { return new([StreamChunkBytes]byte) }}

// MessageWriter sends a stream of bytes as messages. It does not collect small
// writes: each goes out at once, in messages of at most [StreamChunkBytes]. It
// serves the byte streams of both ends of a call and is for one goroutine at a
// time.
type MessageWriter struct{ send func(p []byte) error }

var (
	_ io.Writer     = (*MessageWriter)(nil)
	_ io.ReaderFrom = (*MessageWriter)(nil)
)

// NewMessageWriter returns a writer that passes each message to send, which
// borrows it until it returns.
func NewMessageWriter(send func(p []byte) error) *MessageWriter { return &MessageWriter{send: send} }

// Write sends p, which it borrows until it returns. It blocks while the peer
// grants no room.
func (w *MessageWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), StreamChunkBytes)
		if err := w.send(p[:n]); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// ReadFrom sends what r gives until it ends, through one reused buffer of
// [StreamChunkBytes].
func (w *MessageWriter) ReadFrom(r io.Reader) (int64, error) {
	buf, _ := chunks.Get().(*[StreamChunkBytes]byte)
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
