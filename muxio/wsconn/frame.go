package wsconn

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"

	"github.com/simd-drive/go/muxio"
)

// Opcodes of frames (RFC 6455, section 5.2). Those of control frames have controlBit.
const (
	continuation  = 0 // of the message that has begun
	textMessage   = 1
	binaryMessage = 2
	closeMessage  = 8
	pingMessage   = 9
	pongMessage   = 10

	controlBit = 1 << 3
)

// Parts of the first two bytes of a header.
const (
	finalBit     = 1 << 7
	reservedBits = 7 << 4
	opcodeBits   = 1<<4 - 1
	maskBit      = 1 << 7
)

const (
	// maxHeaderBytes is the size of the longest header.
	maxHeaderBytes = 14
	// maxControlBytes is the longest payload of a control frame (section 5.5).
	maxControlBytes = 125
)

// Close codes of section 7.4.1 that are not named in muxio.
const (
	closeUnsupportedData muxio.CloseCode = 1003
	closeNoStatus        muxio.CloseCode = 1005 // stands for a close frame without one
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

// mask applies the key to b (section 5.3). The key of what follows b is turnedKey.
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

// turnedKey is the key for the bytes after the first n that were masked with key.
func turnedKey(key uint32, n int) uint32 { return bits.RotateLeft32(key, -8*(n%4)) }
