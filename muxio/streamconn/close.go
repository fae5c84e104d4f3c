package streamconn

import (
	"io"
	"net"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Close implements [muxio.Transport]: it lets a message that is being written
// end, writes the reason as the last frame, ends its side of the stream, waits
// for the peer to end its own, closes the connection and waits for the
// transport's goroutine: all that within [Config.CloseTimeout]. What arrives
// meanwhile is dropped. A further call waits for the first one. The error is
// always nil: the bytes that matter were confirmed by WriteMessage.
func (t *Transport) Close(reason muxio.CloseReason) error {
	if t.closes.CompareAndSwap(false, true) {
		t.shutDown(reason)
		close(t.closed)
	}
	<-t.closed
	return nil
}

func (t *Transport) shutDown(reason muxio.CloseReason) {
	close(t.stop)
	deadline := time.Now().Add(t.cfg.CloseTimeout)
	t.deadlineMu.Lock()
	t.closing = true
	// A connection without deadlines is closed already, so nothing waits.
	_ = t.conn.SetReadDeadline(deadline)
	_ = t.conn.SetWriteDeadline(deadline)
	t.deadlineMu.Unlock()

	said, ended := t.sayGoodbye(reason)
	if ended {
		t.drain()
	}
	if said {
		_ = t.conn.Close()
	} else {
		t.cut()
	}
	<-t.idle
}

// sayGoodbye writes the last frame, and ends this side of the stream if it is
// such that the peer's side stays: then the peer is going to end it.
func (t *Transport) sayGoodbye(reason muxio.CloseReason) (said, ended bool) {
	t.writing <- struct{}{} // whoever has it is done by the deadline
	defer func() { <-t.writing }()
	if t.broken != nil {
		return false, false // in the middle of a frame, perhaps
	}
	if t.write([][]byte{muxio.AppendGoodbye(nil, reason)}) != nil {
		return false, false
	}
	half, ok := t.conn.(interface{ CloseWrite() error })
	return true, ok && half.CloseWrite() == nil
}

// drain reads until the end of the peer's bytes or the deadline. Closing a
// socket with unread data would reset it, and the peer might never see the
// reason.
func (t *Transport) drain() {
	t.reading <- struct{}{} // a pending ReadMessage ends by the deadline
	defer func() { <-t.reading }()
	if t.readErr != nil {
		return
	}
	_, err := io.Copy(io.Discard, t.conn)
	if err == nil {
		err = io.EOF
	}
	t.readErr = t.readError(err)
}

// cut closes a connection on which nothing can be written any more. Under TLS
// the ordinary Close would try to, for several seconds.
func (t *Transport) cut() {
	if c, ok := t.conn.(interface{ NetConn() net.Conn }); ok {
		_ = c.NetConn().Close()
	}
	_ = t.conn.Close()
}
