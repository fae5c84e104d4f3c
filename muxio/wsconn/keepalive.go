package wsconn

import (
	"errors"
	"net"
	"time"

	"github.com/simd-drive/go/muxio"
)

// rearmPart is the part of PongTimeout by which the read deadline may be late.
// The deadline is moved at most once in that time: moving it for every piece
// of data would cost more than the data.
const rearmPart = 8

// arm moves the read deadline, because the peer sent something or because this
// end begins to wait.
func (t *Transport) arm() {
	now := time.Now()
	slack := t.cfg.PongTimeout / rearmPart
	t.deadlineMu.Lock()
	defer t.deadlineMu.Unlock()
	if t.closing || now.Sub(t.armed) < slack {
		return
	}
	t.armed = now
	// The connection reports a failure of its own at the next read.
	_ = t.conn.SetReadDeadline(now.Add(t.cfg.PongTimeout + slack))
}

// onPing runs inside of reads. The answer is left to keepalive, so that a read
// never waits for a write.
func (t *Transport) onPing(data string) error {
	if err := t.onControl(); err != nil {
		return err
	}
	select {
	case t.pongs <- data:
		return nil
	default:
	}
	select {
	case <-t.pongs: // the oldest one
	default:
	}
	t.pongs <- data // never blocks: this goroutine alone sends
	return nil
}

// onPong runs inside of reads. Pongs that answer no ping count like others.
func (t *Transport) onPong(string) error { return t.onControl() }

// onControl counts a ping or pong, as a sign of life and against the limit.
func (t *Transport) onControl() error {
	t.arm()
	if now := time.Now(); now.Sub(t.windowStart) >= time.Second {
		t.windowStart, t.controls = now, 0
	}
	if t.controls++; t.controls > MaxControlPerSecond {
		return t.refuse(muxio.ClosePolicy, "too many pings or pongs")
	}
	return nil
}

// onClose runs inside of reads. It keeps the reason and answers it.
func (t *Transport) onClose(code int, text string) error {
	t.peerClose = &muxio.CloseReason{Code: muxio.CloseCode(code), Text: text}
	// When this end closed first, the answer is refused: it is no longer owed.
	_ = t.sendClose(muxio.CloseReason{Code: t.peerClose.Code}, time.Now().Add(t.cfg.CloseTimeout))
	return nil
}

// keepalive sends pings, and the pongs that onPing ordered. New starts it; it
// ends with Close, or when a write fails.
func (t *Transport) keepalive() {
	defer close(t.idle)
	ticker := time.NewTicker(t.cfg.PingInterval)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-t.stop:
			return
		case data := <-t.pongs:
			err = t.ping(pongMessage, data)
		case <-ticker.C:
			err = t.ping(pingMessage, "")
		}
		if err != nil {
			t.writeFailed(err)
			return
		}
	}
}

// ping sends a ping, or the pong to one.
func (t *Transport) ping(kind int, data string) error {
	deadline := time.Now().Add(t.cfg.WriteTimeout)
	return t.withWriter(deadline, func() error { return t.conn.WriteControl(kind, []byte(data), deadline) })
}

// writeFailed ends the connection when the peer takes no bytes. Other failures
// need nothing done: the reading side meets them too, or a close frame has been
// sent already.
func (t *Transport) writeFailed(err error) {
	var netErr net.Error
	if !errors.As(err, &netErr) || !netErr.Timeout() {
		return
	}
	t.failMu.Lock()
	t.failure = t.writeError(err)
	t.failMu.Unlock()
	_ = t.conn.Close() // wakes the reader, which reports the failure
}
