package rpc

import (
	"errors"
	"io"
)

// MessageReader reads a sequence of messages as one stream of bytes. It serves
// the byte streams of both ends of a call and is for one goroutine at a time.
type MessageReader struct {
	receive func() ([]byte, error)
	rest    []byte // of the last message, valid until the next receive
	err     error
}

var (
	_ io.Reader   = (*MessageReader)(nil)
	_ io.WriterTo = (*MessageReader)(nil)
)

// NewMessageReader returns a reader of the messages that receive returns, each
// valid until the next call, up to its first error. [io.EOF] must mean that the
// sequence is complete.
func NewMessageReader(receive func() ([]byte, error)) *MessageReader {
	return &MessageReader{receive: receive}
}

// Read copies the next bytes into p. It returns [io.EOF] only after the whole
// sequence, so a stream that was cut short is never taken for a whole one.
func (r *MessageReader) Read(p []byte) (int, error) {
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
// its own. An error of dst leaves the sequence where it is.
func (r *MessageReader) WriteTo(dst io.Writer) (int64, error) {
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
func (r *MessageReader) fill() error {
	for len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.receive()
	}
	if len(r.rest) > 0 {
		return nil
	}
	return r.err
}
