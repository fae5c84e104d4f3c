package muxio

import (
	"encoding/binary"
	"math"
)

// Kind is the type of a frame.
type Kind uint8

// Frame kinds as they stand on the wire.
const (
	// Open carries the first bytes of a stream.
	Open Kind = 0
	// Data carries further bytes.
	Data Kind = 1
	// End finishes a stream in good order; it carries no bytes.
	End Kind = 2
	// Cancel gives a stream up, also one that has ended but whose receiver
	// still works on it; it carries no bytes.
	Cancel Kind = 3
	// Credit grants the sender of a stream, or all streams of the connection,
	// more bytes: a u32. It travels against the direction of the stream and
	// has no sequence number. Kinds 4 and 5 are reserved.
	Credit Kind = 6
	// Settings is the first frame of each end.
	Settings Kind = 7
	// Ping asks for a Pong with the same 8 bytes.
	Ping Kind = 8
	// Pong answers a Ping.
	Pong Kind = 9
	// GoAway tells that its sender accepts no new calls: a close code and a
	// text.
	GoAway Kind = 10
)

// responderBit marks the stream ids that the responder allocates.
const responderBit = 1 << 31

// Frame is the unit of the wire: a piece of one stream.
type Frame struct {
	// Stream identifies the stream among those that its opener has in use.
	Stream uint32
	// Seq counts the frames of the stream from 0; End counts too.
	Seq  uint32
	Kind Kind
	// Payload aliases the parsed bytes.
	Payload []byte
}

// isMisnumbered tells whether f has a number that no frame of its kind has: an Open
// is the first frame of its stream, Data and End are later ones, and the others are
// not counted.
func (f Frame) isMisnumbered() bool {
	if f.Kind == Data || f.Kind == End {
		return f.Seq == 0
	}
	return f.Seq != 0
}

// Layout is how frames stand on the wire, as a value, so that releases with different
// ones can be served by one session implementation. All numbers are little-endian, and
// every layout starts with the same 13 bytes:
//
//	| len u32 | stream u32 | seq u32 | kind u8 |
//
// len counts the payload only.
type Layout struct {
	// headerBytes is the full size of the header; what lies between the 13
	// common bytes and the payload is written as zeros and not read.
	headerBytes int
	// original says that the peer speaks the protocol from before muxio.v1.
	original bool
}

// Layout13 is that of muxio.v1: the 13 common bytes and nothing else.
var Layout13 = Layout{headerBytes: commonHeaderBytes}

const commonHeaderBytes = 13

// HeaderBytes returns the size of a frame's header.
func (l Layout) HeaderBytes() int { return l.headerBytes }

// AppendHeader appends the header of a frame with payloadBytes of payload.
func (l Layout) AppendHeader(dst []byte, stream, seq uint32, kind Kind, payloadBytes int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(payloadBytes))
	dst = binary.LittleEndian.AppendUint32(dst, stream)
	dst = binary.LittleEndian.AppendUint32(dst, seq)
	dst = append(dst, byte(kind))
	for i := commonHeaderBytes; i < l.headerBytes; i++ {
		dst = append(dst, 0)
	}
	return dst
}

// Append appends the frame.
func (l Layout) Append(dst []byte, f Frame) []byte {
	return append(l.AppendHeader(dst, f.Stream, f.Seq, f.Kind, len(f.Payload)), f.Payload...)
}

// Parse takes the first frame from b. ok is false when b holds less than a
// whole frame; the rest is b then. A frame that announces more than
// maxPayloadBytes, or has an unknown kind, is an error as soon as its header
// is there. The frame's payload aliases b.
func (l Layout) Parse(b []byte, maxPayloadBytes int) (f Frame, rest []byte, ok bool, err error) {
	if len(b) < l.headerBytes {
		return f, b, false, nil
	}
	f, n := l.parseHeader(b)
	if !l.knows(f.Kind) {
		return f, b, false, violation(CloseProtocolError, "frame of unknown kind %d", f.Kind)
	}
	if n > maxPayloadBytes {
		return f, b, false, violation(CloseTooBig, "frame of %d bytes, limit MaxFrameBytes is %d", n, maxPayloadBytes)
	}
	if len(b)-l.headerBytes < n {
		return f, b, false, nil
	}
	end := l.headerBytes + n
	f.Payload = b[l.headerBytes:end:end]
	if l.original {
		f.Payload = originalPayload(f)
	}
	return f, b[end:], true, nil
}

// knows tells whether frames of the layout may have the kind, as parseHeader returns it.
func (l Layout) knows(k Kind) bool {
	return k <= Cancel || !l.original && k >= Credit && k <= GoAway
}

// parseHeader reads a header, which b holds, and the size of the payload.
func (l Layout) parseHeader(b []byte) (f Frame, payloadBytes int) {
	n := binary.LittleEndian.Uint32(b)
	f.Stream = binary.LittleEndian.Uint32(b[4:])
	f.Seq = binary.LittleEndian.Uint32(b[8:])
	f.Kind = Kind(b[12])
	if l.original {
		f.Kind, f.Seq = originalKind(f)
	}
	return f, int(min(n, math.MaxInt32)) // no limit allows as much
}
