package caller

import (
	"errors"
	"io"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// ErrFinished reports a write to a call that the peer has finished before all
// bytes were sent. [Writer.Finish] tells the outcome.
var ErrFinished = errors.New("caller: the peer has finished the call")

// Writer sends the bytes written to it as the items of a call, as
// [rpc.MessageWriter] does: small writes are not collected; put a [bufio.Writer]
// in front where that matters. Writing returns [ErrFinished] when the peer has
// finished the call. An error of the source of ReadFrom leaves the call running:
// Close it, so that the peer does not take the part for the whole.
//
// A Writer is for one goroutine at a time, except Close.
type Writer[Resp any] struct {
	*rpc.MessageWriter

	stream *ClientStream[[]byte, Resp]
}

var _ io.WriteCloser = (*Writer[any])(nil)

// NewWriter returns a Writer over s, which it takes over. It must end in Finish
// or Close.
func NewWriter[Resp any](s *ClientStream[[]byte, Resp]) *Writer[Resp] {
	return &Writer[Resp]{stream: s, MessageWriter: rpc.NewMessageWriter(func(p []byte) error {
		err := s.Send(p)
		if errors.Is(err, io.EOF) {
			err = ErrFinished
		}
		return err
	})}
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

// Reader reads the bytes that a call is answered with. It returns [io.EOF] only
// when the call succeeded. A Reader is for one goroutine at a time, except Close;
// when WriteTo fails by its destination the call goes on: Close it.
type Reader struct {
	*rpc.MessageReader

	stream *ServerStream[[]byte]
}

var _ io.ReadCloser = (*Reader)(nil)

// NewReader returns a Reader over s, which it takes over. It must be read to
// its end or closed.
func NewReader(s *ServerStream[[]byte]) *Reader {
	return &Reader{MessageReader: rpc.NewMessageReader(s.Receive), stream: s}
}

// Close gives the call up unless it was read to its end. It returns nil, may be
// called again and from any goroutine.
func (r *Reader) Close() error { return r.stream.Close() }
