package wsconn

import (
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Messages are framed here (RFC 6455, section 5.2), not by the library below: it copies
// what a session lends it, and makes a frame and a system call of each piece. Its reader
// is used, and its control frames.

const (
	finalBit = 1 << 7
	maskBit  = 1 << 7
	// continuation is the opcode of the further frames of a message.
	continuation = 0
	// maxHeaderBytes is the size of the longest header.
	maxHeaderBytes = 14
	// fragmentBytes is the most that goes into one frame where it must be copied:
	// the usual message of a session, whole.
	fragmentBytes = 64<<10 + 4<<10
)

// appendHeader appends the header of a frame with n bytes of payload. masked ones
// lack their key still.
func appendHeader(dst []byte, opcode byte, final, masked bool, n int) []byte {
	if final {
		opcode |= finalBit
	}
	var mask byte
	if masked {
		mask = maskBit
	}
	switch {
	case n < 126:
		return append(dst, opcode, mask|byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, opcode, mask|126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, opcode, mask|127), uint64(n))
	}
}

// frameWriter writes messages to the connection below the WebSocket. It is for one
// goroutine at a time.
type frameWriter struct {
	conn   net.Conn
	masks  bool // the client masks its frames
	direct bool // the system takes many pieces at once

	header [maxHeaderBytes]byte
	vector [][]byte    // scratch
	unsent net.Buffers // of vector
}

func newFrameWriter(conn net.Conn, masks bool) *frameWriter {
	w := &frameWriter{conn: conn, masks: masks}
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		w.direct = !masks
	}
	return w
}

// write writes the pieces as one message.
func (w *frameWriter) write(pieces [][]byte) error {
	if !w.direct {
		return w.writeFragments(pieces)
	}
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	w.vector = append(w.vector[:0], appendHeader(w.header[:0], binaryMessage, true, false, n))
	w.vector = append(w.vector, pieces...)
	w.unsent = w.vector
	_, err := w.unsent.WriteTo(w.conn)
	clear(w.vector)
	return err
}

// fragment is where the frames of a message are put together.
type fragment [maxHeaderBytes + fragmentBytes]byte

// fragments holds those that are not in use.
var fragments = sync.Pool{New: func() any { return new(fragment) }}

// writeFragments writes the pieces by copying them.
func (w *frameWriter) writeFragments(pieces [][]byte) error {
	left := 0
	for _, p := range pieces {
		left += len(p)
	}
	f, _ := fragments.Get().(*fragment)
	defer fragments.Put(f)
	opcode := byte(binaryMessage)
	var piece []byte
	for {
		n := min(left, fragmentBytes)
		left -= n
		for payload := f[maxHeaderBytes:][:n]; len(payload) > 0; {
			if len(piece) == 0 {
				piece, pieces = pieces[0], pieces[1:]
			}
			copied := copy(payload, piece)
			payload, piece = payload[copied:], piece[copied:]
		}
		if err := w.writeFragment(f, opcode, left == 0, n); err != nil || left == 0 {
			return err
		}
		opcode = continuation
	}
}

// writeFragment writes a frame whose payload is in place.
func (w *frameWriter) writeFragment(f *fragment, opcode byte, final bool, n int) error {
	header := appendHeader(w.header[:0], opcode, final, w.masks, n)
	if w.masks {
		key := rand.Uint32()
		header = binary.LittleEndian.AppendUint32(header, key)
		mask(f[maxHeaderBytes:][:n], key)
	}
	begin := maxHeaderBytes - len(header)
	copy(f[begin:], header)
	_, err := w.conn.Write(f[begin : maxHeaderBytes+n])
	return err
}

// mask applies the key to b (RFC 6455, section 5.3).
func mask(b []byte, key uint32) {
	var pattern [512]byte
	for i := 0; i < min(len(b), len(pattern)); i += 4 {
		binary.LittleEndian.PutUint32(pattern[i:], key)
	}
	for len(b) > 0 {
		n := min(len(b), len(pattern))
		subtle.XORBytes(b[:n], b[:n], pattern[:n])
		b = b[n:]
	}
}

// withWriter runs f as the only one that writes, or fails when the deadline comes
// first.
func (t *Transport) withWriter(deadline time.Time, f func() error) error {
	select {
	case t.writing <- struct{}{}:
	default:
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case t.writing <- struct{}{}:
		case <-timer.C:
			return os.ErrDeadlineExceeded
		}
	}
	defer func() { <-t.writing }()
	return f()
}
