package streamconn

import (
	"time"

	"github.com/simd-drive/go/muxio"
)

// rearmPart is the part of PongTimeout by which the read deadline may be late.
// The deadline is moved at most once in that time: moving it for every read
// would cost more than the read.
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

// connectionID stands as the stream of frames that concern the connection.
const connectionID = 1<<32 - 1

// pingFrame asks the session at the other end for a sign of life. This end's
// session did not send it and drops the answer.
var pingFrame = muxio.Layout13.Append(nil, muxio.Frame{
	Stream: connectionID, Kind: muxio.Ping, Payload: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
})

// keepalive sends pings. New starts it; it ends with Close, or when a write
// fails.
func (t *Transport) keepalive() {
	defer close(t.idle)
	ticker := time.NewTicker(t.cfg.PingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
			if err := t.ping(); err != nil {
				t.giveUp(err)
				return
			}
		}
	}
}

// ping writes a Ping frame, unless a message is being written: then its timeout
// will tell about the peer. Nothing may stand before the first message, which
// begins with the settings.
func (t *Transport) ping() error {
	select {
	case t.writing <- struct{}{}:
		defer func() { <-t.writing }()
	default:
		return nil
	}
	if !t.begun {
		return nil
	}
	if err := t.beginWrite(); err != nil {
		return nil //nolint:nilerr // the writer has met it, or Close is at work
	}
	return t.write([][]byte{pingFrame})
}

// giveUp ends a connection on which a ping could not be sent, which nobody else
// has noticed.
func (t *Transport) giveUp(err error) {
	t.deadlineMu.Lock()
	if t.failure == nil {
		t.failure = err
	}
	t.deadlineMu.Unlock()
	t.cut() // wakes the reader, which reports the failure
}
