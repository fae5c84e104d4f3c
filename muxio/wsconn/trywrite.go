package wsconn

import (
	"errors"
	"time"

	"github.com/simd-drive/go/muxio"
)

var _ muxio.TryWriter = (*Transport)(nil)

// TryWriteMessage implements [muxio.TryWriter] for messages of up to 64 KiB on sockets
// that are nothing else; under TLS, and where sockets cannot be written past package net,
// it fails with [errors.ErrUnsupported].
func (t *Transport) TryWriteMessage(pieces [][]byte) (taken, flushed bool, err error) {
	if t.quick == nil {
		return false, false, errors.ErrUnsupported
	}
	select {
	case t.writing <- struct{}{}:
	default:
		return false, false, nil
	}
	defer func() { <-t.writing }()
	if t.writeErr != nil {
		return false, false, t.writeError(t.writeErr)
	}
	f, _ := fragments.Get().(*fragment)
	defer fragments.Put(f)
	frame, ok := t.out.frame(f, pieces)
	if !ok || len(t.rest) > 0 {
		return false, false, nil
	}
	n, err := t.quick.write(frame)
	if err != nil {
		t.writeErr = err
		return false, false, t.writeError(err)
	}
	if n == 0 {
		return false, false, nil
	}
	t.rest = append(t.rest, frame[n:]...)
	return true, len(t.rest) == 0, nil
}

// Flush implements [muxio.TryWriter].
func (t *Transport) Flush() error {
	t.writing <- struct{}{}
	defer func() { <-t.writing }()
	if t.writeErr == nil {
		t.writeErr = t.flushLocked(time.Now().Add(t.cfg.WriteTimeout))
	}
	if t.writeErr != nil {
		return t.writeError(t.writeErr)
	}
	return nil
}

// flushLocked writes the rest of a message. The caller holds the token of writing.
func (t *Transport) flushLocked(deadline time.Time) error {
	if len(t.rest) == 0 {
		return nil
	}
	err := t.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = t.conn.Write(t.rest)
	}
	t.rest = nil
	return err
}
