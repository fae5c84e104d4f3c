package wsconn

import (
	"bytes"
	"io"
	"time"

	"github.com/simd-drive/go/muxio"
)

// onControl deals with a control frame of the peer. Its error ends the reading.
func (t *Transport) onControl(p part) error {
	if p.opcode == closeMessage {
		return t.onClose(p.payload)
	}
	// Pongs that answer no ping count like others.
	if now := time.Now(); now.Sub(t.windowStart) >= time.Second {
		t.windowStart, t.controls = now, 0
	}
	if t.controls++; t.controls > MaxControlPerSecond {
		return t.refuse(refusal(muxio.ClosePolicy, "too many pings or pongs"))
	}
	if p.opcode == pingMessage {
		t.order(controlFrame{pongMessage, bytes.Clone(p.payload)})
	}
	return nil
}

// onClose answers the close frame of the peer and returns what it means.
func (t *Transport) onClose(payload []byte) error {
	reason, err := parseClose(payload)
	if err != nil {
		return t.refuse(err)
	}
	t.peerClosed = true
	// When this end closed first, the answer is refused: it is no longer owed.
	_ = t.sendClose(muxio.CloseReason{Code: reason.Code}, time.Now().Add(t.cfg.CloseTimeout))
	if reason.Code == muxio.CloseNormal || reason.Code == closeNoStatus {
		return io.EOF
	}
	return &muxio.CloseError{CloseReason: reason, Remote: true}
}
