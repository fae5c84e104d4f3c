package wsconn

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Close implements [muxio.Transport]: it sends the reason, waits up to
// [Config.CloseTimeout] for the peer's close frame, closes the connection, and
// waits for the transport's goroutines. Messages that arrive meanwhile are
// dropped. A further call waits for the first one. The error is always nil: the
// bytes that matter were confirmed by WriteMessage, and what the system reports
// about a connection that is given up helps nobody.
func (t *Transport) Close(reason muxio.CloseReason) error {
	t.closeOnce.Do(func() { t.shutDown(reason) })
	return nil
}

func (t *Transport) shutDown(reason muxio.CloseReason) {
	t.orders.end()
	deadline := time.Now().Add(t.cfg.CloseTimeout)
	t.deadlineMu.Lock()
	t.closing = true
	// A connection without deadlines is closed already, so nothing waits.
	_ = t.conn.SetReadDeadline(deadline)
	t.deadlineMu.Unlock()

	// When a close frame was sent before, to refuse something, the peer should get to
	// read that one too.
	if err := t.sendClose(reason, deadline); err == nil || errors.Is(err, net.ErrClosed) {
		t.drain(deadline)
	} else {
		t.cut()
	}
	_ = t.conn.Close()
	t.orders.writers.Wait()
}

// cut closes a connection on which nothing can be written any more. Under TLS
// the ordinary Close would try to, for several seconds.
func (t *Transport) cut() {
	if c, ok := t.conn.(interface{ NetConn() net.Conn }); ok {
		_ = c.NetConn().Close()
	}
}

// drain reads until the peer's close frame or the deadline. Closing a socket
// with unread data would reset it, and the peer might never see the reason.
func (t *Transport) drain(deadline time.Time) {
	t.reading <- struct{}{} // a pending ReadMessage ends by the same deadline
	defer func() { <-t.reading }()
	switch {
	case t.readErr == nil:
		// The session may still look at what ReadMessage returned last: that
		// buffer is left to it, neither read into nor given back.
		t.source = newSource(t.conn)
		for {
			if _, err := t.readPart(); err != nil {
				t.endReading(err)
				return
			}
		}
	case t.peerClosed, errors.Is(t.readErr, ErrSilent), errors.Is(t.readErr, ErrNotReading):
		return
	}
	// The reader stopped at a violation: what follows is not understood, only
	// taken off the socket.
	if err := t.conn.SetReadDeadline(deadline); err == nil {
		_, _ = io.Copy(io.Discard, t.conn)
	}
}
