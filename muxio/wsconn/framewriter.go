package wsconn

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
)

// fragmentBytes is the most that goes into one frame where it must be copied: the
// usual message of a session, whole.
const fragmentBytes = 64<<10 + 4<<10

// frameWriter writes messages and control frames (RFC 6455, section 5). It is for one
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

// write writes the pieces as one message, or as the payload of one control frame.
func (w *frameWriter) write(opcode byte, pieces [][]byte) error {
	if !w.direct {
		return w.writeFragments(opcode, pieces)
	}
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	w.vector = append(w.vector[:0], appendHeader(w.header[:0], opcode, true, false, n))
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
func (w *frameWriter) writeFragments(opcode byte, pieces [][]byte) error {
	left := 0
	for _, p := range pieces {
		left += len(p)
	}
	f, _ := fragments.Get().(*fragment)
	defer fragments.Put(f)
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

// frame puts the pieces together as the one frame of a message, in f; ok is false if they
// are too long for that.
func (w *frameWriter) frame(f *fragment, pieces [][]byte) (frame []byte, ok bool) {
	payload := f[maxHeaderBytes:]
	n := 0
	for _, p := range pieces {
		if len(p) > len(payload)-n {
			return nil, false
		}
		n += copy(payload[n:], p)
	}
	return w.seal(f, binaryMessage, true, n), true
}

// writeFragment writes a frame whose payload is in place.
func (w *frameWriter) writeFragment(f *fragment, opcode byte, final bool, n int) error {
	_, err := w.conn.Write(w.seal(f, opcode, final, n))
	return err
}

// seal makes a frame of the n bytes of payload that are in place.
func (w *frameWriter) seal(f *fragment, opcode byte, final bool, n int) []byte {
	header := appendHeader(w.header[:0], opcode, final, w.masks, n)
	if w.masks {
		key := rand.Uint32()
		header = binary.LittleEndian.AppendUint32(header, key)
		mask(f[maxHeaderBytes:][:n], key)
	}
	begin := maxHeaderBytes - len(header)
	copy(f[begin:], header)
	return f[begin : maxHeaderBytes+n]
}
