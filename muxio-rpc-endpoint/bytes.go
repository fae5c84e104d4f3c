package endpoint

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// Reader reads the bytes that a caller sends as items. It returns [io.EOF] only
// after the caller has sent all of them; a call that was cancelled fails with its
// [*rpc.Error]. It is for one goroutine at a time and ends with the handler.
type Reader struct{ *rpc.MessageReader }

// NewReader returns a Reader over the items, which it takes over.
func NewReader(items *Receiver[[]byte]) *Reader {
	return &Reader{rpc.NewMessageReader(items.Receive)}
}

// Writer sends the bytes written to it as items to the caller, as
// [rpc.MessageWriter] does. Writing blocks while the caller grants no room, until
// the context of the handler ends. It is for one goroutine at a time and ends
// with the handler.
type Writer struct{ *rpc.MessageWriter }

// NewWriter returns a Writer over the items, which it takes over.
func NewWriter(items *Sender[[]byte]) *Writer {
	return &Writer{rpc.NewMessageWriter(items.Send)}
}
