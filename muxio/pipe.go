package muxio

import (
	"io"
	"sync"
)

// PipeMessages is how many messages each direction of a [Pipe] holds before
// its writer blocks.
const PipeMessages = 16

// Pipe returns the two ends of a transport in memory. Messages are copied when
// written. When one end closes, the other still reads what was written before.
func Pipe() (a, b Transport) {
	ab, ba := newPipeHalf(), newPipeHalf()
	return &pipeEnd{in: ba, out: ab}, &pipeEnd{in: ab, out: ba}
}

// pipeHalf is one direction.
type pipeHalf struct {
	messages chan []byte
	closed   chan struct{}
	once     sync.Once
	reason   CloseReason // set before closed is closed
}

func newPipeHalf() *pipeHalf {
	return &pipeHalf{messages: make(chan []byte, PipeMessages), closed: make(chan struct{})}
}

func (h *pipeHalf) close(reason CloseReason) {
	h.once.Do(func() {
		h.reason = reason
		close(h.closed)
	})
}

type pipeEnd struct{ in, out *pipeHalf }

func (e *pipeEnd) ReadMessage() ([]byte, error) {
	select {
	case m := <-e.in.messages:
		return m, nil
	default:
	}
	select {
	case m := <-e.in.messages:
		return m, nil
	case <-e.in.closed:
	}
	select { // what was written before the close comes first
	case m := <-e.in.messages:
		return m, nil
	default:
	}
	if e.in.reason.Code == CloseNormal {
		return nil, io.EOF
	}
	return nil, &CloseError{CloseReason: e.in.reason, Remote: true}
}

func (e *pipeEnd) WriteMessage(pieces [][]byte) error {
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	m := make([]byte, 0, n)
	for _, p := range pieces {
		m = append(m, p...)
	}
	select {
	case <-e.out.closed:
		return io.ErrClosedPipe
	default:
	}
	select {
	case e.out.messages <- m:
		return nil
	case <-e.out.closed:
		return io.ErrClosedPipe
	}
}

func (e *pipeEnd) Close(reason CloseReason) error {
	e.out.close(reason)
	e.in.close(CloseReason{Code: CloseNormal})
	return nil
}
