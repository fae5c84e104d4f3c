package peers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// kind says what a frame of the bare connections is.
type kind uint8

const (
	kindEcho     kind = iota + 1 // a request, or its answer
	kindFetch                    // a request for so many bytes, or the answer
	kindChunk                    // a part of a stream
	kindMore                     // a part of a request or answer that goes on
	kindEnd                      // the end of a stream
	kindUpload                   // so many bytes follow (ping-pong and yamux)
	kindDownload                 // a request for a stream of so many bytes
)

const (
	// headerBytes is the size of a header: id, kind and length.
	headerBytes = 4 + 1 + 8
	// maxFrameBytes bounds the payload of a frame.
	maxFrameBytes = MaxFetchBytes
)

var (
	// errKind reports a frame that makes no sense where it came.
	errKind = errors.New("peers: unexpected frame")
	// errClosed reports a call on a connection that has ended.
	errClosed = errors.New("peers: the connection has ended")
)

// header begins each frame of the bare connections.
type header struct {
	id     uint32
	kind   kind
	length int
}

func (h header) appendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, h.id)
	dst = append(dst, byte(h.kind))
	return binary.LittleEndian.AppendUint64(dst, uint64(h.length))
}

// parseHeader reads a header of [headerBytes].
func parseHeader(b []byte) (header, error) {
	length := binary.LittleEndian.Uint64(b[5:])
	if length > maxFrameBytes {
		return header{}, fmt.Errorf("%w: a length of %d bytes", errKind, length)
	}
	return header{id: binary.LittleEndian.Uint32(b), kind: kind(b[4]), length: int(length)}, nil
}

// A link moves frames over one connection.
type link interface {
	// write sends one frame. It is safe for concurrent use and borrows payload
	// until it returns.
	write(h header, payload []byte) error
	// next returns the next frame: its header, and a reader that has the
	// payload. The payload must be read before the next call. It is for one
	// goroutine at a time.
	next() (header, io.Reader, error)
	// Close ends the connection.
	Close() error
}

// grown returns a slice of n bytes that lies in b when that is large enough.
func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// appendFrom appends n bytes of r to dst.
func appendFrom(dst []byte, r io.Reader, n int) ([]byte, error) {
	if need := len(dst) + n; cap(dst) < need {
		larger := make([]byte, len(dst), max(need, 2*cap(dst)))
		copy(larger, dst)
		dst = larger
	}
	_, err := io.ReadFull(r, dst[len(dst):len(dst)+n])
	return dst[:len(dst)+n], err
}
