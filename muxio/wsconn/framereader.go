package wsconn

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/simd-drive/go/muxio"
)

// frameReader takes apart what the peer sends (RFC 6455, section 5), whatever the
// pieces in which it comes. It is for one goroutine at a time.
type frameReader struct {
	masked   bool // the peer is the client, which masks its frames
	maxBytes int  // of a message, in all its frames

	header [maxHeaderBytes]byte // of the frame that has begun
	have   int                  // bytes of it that are there
	inside bool                 // all of it is: payload follows
	left   int                  // bytes of payload still to come
	key    uint32               // for the next one

	message      byte   // opcode of the message that has begun, 0 between two
	messageBytes int    // what its frames so far announced
	control      []byte // payload of a control frame, as far as it is there
}

// part is what a frameReader finds: a control frame, or some payload of a message.
type part struct {
	opcode  byte   // of the control frame, or of the message
	payload []byte // all of a control frame; of a message perhaps none
	last    bool   // the message ends here
}

// isControl tells a control frame from some of a message.
func (p part) isControl() bool { return p.opcode&controlBit != 0 }

// next returns the first part of b, and what follows it. A part with the opcode 0 says
// that b holds no further one. The payload is unmasked in place; that of
// a control frame is valid until the next call. The error is a
// [*muxio.CloseError] with the rule that the peer broke; it is final.
func (r *frameReader) next(b []byte) (p part, rest []byte, err error) {
	if !r.inside {
		if b, err = r.takeHeader(b); err != nil || !r.inside {
			return part{}, nil, err
		}
	}
	n := min(r.left, len(b))
	payload, rest := b[:n:n], b[n:]
	if r.masked {
		mask(payload, r.key)
		r.key = turnedKey(r.key, n)
	}
	r.left -= n
	ended := r.left == 0
	if ended {
		r.inside, r.have = false, 0
	}
	switch {
	case r.opcode()&controlBit != 0:
		r.control = append(r.control, payload...)
		if ended {
			p = part{opcode: r.opcode(), payload: r.control, last: true}
		}
	case n > 0 || ended:
		p = part{opcode: r.message, payload: payload, last: ended && r.isFinal()}
		if p.last {
			r.message = 0
		}
	}
	return p, rest, nil
}

// takeHeader takes what b has of the header and returns what follows.
func (r *frameReader) takeHeader(b []byte) (rest []byte, err error) {
	if r.have < 2 {
		if b = r.fill(b, 2); r.have < 2 {
			return b, nil
		}
		if err := r.checkBegin(); err != nil {
			return nil, err
		}
	}
	n := r.headerBytes()
	if b = r.fill(b, n); r.have < n {
		return b, nil
	}
	return b, r.beginPayload()
}

// fill takes bytes of b until the header has n.
func (r *frameReader) fill(b []byte, n int) (rest []byte) {
	taken := copy(r.header[r.have:n], b)
	r.have += taken
	return b[taken:]
}

func (r *frameReader) opcode() byte  { return r.header[0] & opcodeBits }
func (r *frameReader) isFinal() bool { return r.header[0]&finalBit != 0 }

// shortLength is the length in the second byte; 126 and 127 stand for one of 2 and of
// 8 bytes.
func (r *frameReader) shortLength() byte { return r.header[1] &^ maskBit }

// headerBytes is the size of the header, as its first two bytes tell it.
func (r *frameReader) headerBytes() int {
	n := 2
	switch r.shortLength() {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if r.masked {
		n += 4
	}
	return n
}

// checkBegin checks what the first two bytes of a header tell.
func (r *frameReader) checkBegin() error {
	switch opcode := r.opcode(); {
	case r.header[0]&reservedBits != 0:
		return violation("reserved bit set, and no extension negotiated")
	case opcode > binaryMessage && opcode < closeMessage, opcode > pongMessage:
		return violation(fmt.Sprintf("unknown opcode %d", opcode))
	case r.header[1]&maskBit != 0 != r.masked:
		return violation("a client must mask its frames, a server must not")
	case opcode&controlBit != 0 && !r.isFinal():
		return violation("fragmented control frame")
	case opcode&controlBit != 0 && r.shortLength() > maxControlBytes:
		return violation("control frame with more than 125 bytes")
	case opcode == continuation && r.message == 0:
		return violation("continuation of no message")
	case opcode != continuation && opcode&controlBit == 0 && r.message != 0:
		return violation("message within a message")
	}
	return nil
}

// beginPayload checks the length, when the header is complete, and gets ready for the
// payload.
func (r *frameReader) beginPayload() error {
	n, least := uint64(r.shortLength()), uint64(0)
	switch n {
	case 126:
		n, least = uint64(binary.BigEndian.Uint16(r.header[2:])), 126
	case 127:
		n, least = binary.BigEndian.Uint64(r.header[2:]), 1<<16
	}
	if n < least || n >= 1<<63 {
		return violation("length not in its shortest form, or of 64 bits")
	}
	if r.opcode()&controlBit != 0 {
		r.control = r.control[:0]
	} else if err := r.beginData(n); err != nil {
		return err
	}
	r.inside, r.left = true, int(n)
	if r.masked {
		r.key = binary.LittleEndian.Uint32(r.header[r.have-4:])
	}
	return nil
}

// beginData counts the n bytes of a frame in, which may begin a message.
func (r *frameReader) beginData(n uint64) error {
	if opcode := r.opcode(); opcode != continuation {
		r.message, r.messageBytes = opcode, 0
	}
	if n > uint64(r.maxBytes-r.messageBytes) {
		return refusal(muxio.CloseTooBig, fmt.Sprintf("message over the limit of %d bytes (MaxMessageBytes)", r.maxBytes))
	}
	r.messageBytes += int(n)
	return nil
}

// parseClose returns what a close frame says (section 5.5.1): [closeNoStatus] when its
// payload is empty.
func parseClose(payload []byte) (muxio.CloseReason, error) {
	if len(payload) == 0 {
		return muxio.CloseReason{Code: closeNoStatus}, nil
	}
	if len(payload) == 1 {
		return muxio.CloseReason{}, violation("close frame with half a code")
	}
	reason := muxio.CloseReason{Code: muxio.CloseCode(binary.BigEndian.Uint16(payload)), Text: string(payload[2:])}
	if !mayBeSent(reason.Code) {
		return muxio.CloseReason{}, violation(fmt.Sprintf("close code %d", reason.Code))
	}
	if !utf8.ValidString(reason.Text) {
		return muxio.CloseReason{}, violation("close text that is not UTF-8")
	}
	return reason, nil
}

// mayBeSent tells whether a code may stand in a close frame: one that is registered
// for that, or is left to libraries and programs (section 7.4).
func mayBeSent(code muxio.CloseCode) bool {
	reserved := code >= 1004 && code <= 1006 // what an end finds by itself
	return code >= 1000 && code <= 1014 && !reserved || code >= 3000 && code <= 4999
}

// violation is the error of a peer that breaks the protocol.
func violation(text string) error { return refusal(muxio.CloseProtocolError, text) }

// refusal is the error that ends the connection with a reason for the peer.
func refusal(code muxio.CloseCode, text string) error {
	return &muxio.CloseError{CloseReason: muxio.CloseReason{Code: code, Text: text}}
}
