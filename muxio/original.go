package muxio

import (
	"encoding/binary"
	"math"
)

// The original protocol is what peers spoke before muxio.v1: the same streams of
// frames, and nothing beside them. There are no settings and no credit, so the limits
// of a session hold what a peer may have under way; there are no pings and no goodbye.
// The ids of both ends are apart from each other, whichever half they are of, and free
// as soon as a stream has ended. captured-13.jsonl under testdata is such a conversation.

var (
	// LayoutOriginal13 makes a session speak the original protocol in the layout of
	// its releases since 0.15.
	LayoutOriginal13 = Layout{headerBytes: commonHeaderBytes, original: true}
	// LayoutOriginal21 is the layout of the releases before: 8 bytes with a time,
	// which nobody reads, stand between the common header and the payload.
	LayoutOriginal21 = Layout{headerBytes: commonHeaderBytes + timeBytes, original: true}
	// LayoutOriginal is either of the two. It is for the end that is called: what
	// the peer sends first tells. A peer whose frames are in neither is
	// disconnected with [CloseProtocolError].
	LayoutOriginal = Layout{original: true}
)

const timeBytes = 8

// IsOriginal tells whether a session with the layout speaks the original protocol.
func (l Layout) IsOriginal() bool { return l.original }

// originalKind returns the kind and number of a frame in terms of muxio.v1: in the
// original protocol all kinds but End and Cancel carry the next bytes of the stream,
// also 4 and 5, and a Cancel may have a number.
func originalKind(f Frame) (Kind, uint32) {
	switch {
	case f.Kind == Cancel:
		return Cancel, 0
	case f.Kind == End || f.Kind >= Credit:
		return f.Kind, f.Seq
	case f.Seq == 0:
		return Open, 0
	}
	return Data, f.Seq
}

// originalPayload returns what counts of a frame's payload: End and Cancel have none.
func originalPayload(f Frame) []byte {
	if f.Kind == End || f.Kind == Cancel {
		return nil
	}
	return f.Payload
}

// unlimited are the settings of a peer that has none.
var unlimited = settings{
	version: protocolVersion, streamWindow: math.MaxInt64 / 4, connWindow: math.MaxInt64 / 4,
	frameBytes: ChunkBytes, streams: math.MaxInt64,
}

const (
	// callHeaderBytes is the size of the header with which a call begins, at least:
	// its type, which is 0, 12 bytes, and how many further bytes follow, a u16.
	callHeaderBytes = 15
	// undecidedBytes is how much is enough for recogniseLayout.
	undecidedBytes = commonHeaderBytes + timeBytes + callHeaderBytes
)

// recogniseLayout tells the layout of an original peer from what it sends first, up
// to the end of a message, or of a part of one. ok is false when more is needed.
func recogniseLayout(b []byte, maxFrameBytes int) (l Layout, ok bool, err error) {
	if len(b) < commonHeaderBytes {
		return l, false, nil
	}
	f, n := LayoutOriginal13.parseHeader(b) // the kind is where it is in the other one
	if !LayoutOriginal13.knows(f.Kind) {
		return l, false, violation(CloseProtocolError, "frame of unknown kind %d", f.Kind)
	}
	// A sender puts whole frames into a message, and mostly one.
	whole13, whole21 := LayoutOriginal13.isChain(b), LayoutOriginal21.isChain(b)
	if whole13 && !whole21 {
		return LayoutOriginal13, true, nil
	}
	if whole21 && !whole13 {
		return LayoutOriginal21, true, nil
	}
	if len(b) < undecidedBytes {
		return l, false, nil
	}
	// And it begins with a call.
	call13, call21 := LayoutOriginal13.beginsCall(b, n), LayoutOriginal21.beginsCall(b, n)
	switch {
	case call13 && !call21:
		return LayoutOriginal13, true, nil
	case call21 && !call13:
		return LayoutOriginal21, true, nil
	case !call13:
		return l, false, violation(CloseProtocolError, "what came first is no frame of the original protocol, with headers of 13 or of 21 bytes")
	case n <= maxFrameBytes && len(b) < LayoutOriginal21.headerBytes+n+commonHeaderBytes:
		return l, false, nil // the frame behind it tells
	case LayoutOriginal21.goesOn(b, n) && !LayoutOriginal13.goesOn(b, n):
		return LayoutOriginal21, true, nil
	}
	return LayoutOriginal13, true, nil
}

// isChain tells whether b is whole frames, one after the other.
func (l Layout) isChain(b []byte) bool {
	for len(b) > 0 {
		_, rest, ok, err := l.Parse(b, len(b))
		if !ok || err != nil {
			return false
		}
		b = rest
	}
	return true
}

// beginsCall tells whether b begins with a frame of n bytes that begins a call.
func (l Layout) beginsCall(b []byte, n int) bool {
	f, _ := l.parseHeader(b)
	call := b[l.headerBytes:]
	more := int(binary.LittleEndian.Uint16(call[callHeaderBytes-2:]))
	return f.Kind == Open && call[0] == 0 && n >= callHeaderBytes && (callHeaderBytes+more <= n || n >= ChunkBytes)
}

// goesOn tells whether the next frame of the same stream stands behind the first, of n
// bytes.
func (l Layout) goesOn(b []byte, n int) bool {
	if len(b) < l.headerBytes+n+commonHeaderBytes {
		return false
	}
	first, _ := l.parseHeader(b)
	next, _ := l.parseHeader(b[l.headerBytes+n:])
	return next.Stream == first.Stream && next.Seq == 1 && l.knows(next.Kind)
}
