package muxio

import "fmt"

// Role is one of the two ends of a session. Each end allocates stream ids from
// its own half of the id space, so that both may open streams at any time.
type Role uint8

const (
	// Initiator opened the connection; its ids have bit 31 clear.
	Initiator Role = iota
	// Responder accepted the connection; its ids have bit 31 set.
	Responder
)

// Fixed numbers of the protocol muxio.v1: both ends rely on them.
const (
	// ChunkBytes is the largest payload of a frame that a sender makes.
	ChunkBytes = 64 << 10
	// InitialCredit is what a sender may at least have under way on a new
	// stream before the first grant of the receiver, in payload bytes.
	InitialCredit = 256 << 10
	// InitialConnCredit is the same for all streams of a connection together.
	InitialConnCredit = 16 << 20
	// MinStreams is how many unfinished streams every end accepts at least.
	MinStreams = 100
	// maxWindow is the most that any credit may grow to.
	maxWindow = 1<<31 - 1
)

// Defaults of [Limits].
const (
	DefaultMaxFrameBytes      = 1 << 20
	DefaultMaxStreams         = 4096
	DefaultMaxAheadFrames     = 64
	DefaultMaxAheadBytes      = 1 << 20
	DefaultMaxQueuedBytes     = 256 << 10
	DefaultMaxControlBytes    = 1 << 20
	DefaultReferenceFromBytes = 16 << 10
	DefaultStreamWindow       = InitialCredit
	DefaultMaxStreamWindow    = 4 << 20
	DefaultConnWindow         = InitialConnCredit
)

// MaxPingsPerSecond bounds the pings of a peer; one more closes the session
// with [ClosePolicy].
const MaxPingsPerSecond = 200

// Limits bounds what a session holds in memory and accepts from its peer. A
// zero field takes its default.
type Limits struct {
	// MaxFrameBytes bounds the payload of a received frame; a longer one
	// closes the session with CloseTooBig.
	MaxFrameBytes int
	// MaxStreams bounds the incoming streams that are unfinished: neither
	// ended nor cancelled. The peer is told; one more closes the session with
	// ClosePolicy. A stream whose end follows its beginning at once does not
	// count, and neither does one that has ended and was not released: what a
	// [Receiver] holds beyond the end is for it to bound. At least MinStreams.
	MaxStreams int
	// MaxAheadFrames bounds the frames of one stream that are held because
	// an earlier sequence number is missing.
	MaxAheadFrames int
	// MaxAheadBytes bounds the payload bytes of all frames held that way.
	MaxAheadBytes int
	// MaxQueuedBytes bounds the bytes that are copied to wait for the writer;
	// beyond it senders wait themselves. At least ChunkBytes.
	MaxQueuedBytes int
	// MaxControlBytes bounds the waiting bytes that may not block: grants,
	// cancellations, pongs, and answers from the read loop. A peer that makes this end produce more
	// without reading them is closed with ClosePolicy.
	MaxControlBytes int
	// ReferenceFromBytes is the size from which a slice is handed to the
	// transport by reference instead of being copied into the queue.
	ReferenceFromBytes int
	// StreamWindow is what the peer may have under way on a new stream. At
	// least InitialCredit.
	StreamWindow int
	// MaxStreamWindow is how large the window of a stream may grow, when its
	// sender keeps being held up by the round trip.
	MaxStreamWindow int
	// ConnWindow is what the peer may have under way on all streams together.
	// At least InitialConnCredit.
	ConnWindow int
}

// withDefaults fills zero fields and refuses values that cannot work.
func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name     string
		value    *int
		fallback int
		least    int
	}{
		{"MaxFrameBytes", &l.MaxFrameBytes, DefaultMaxFrameBytes, ChunkBytes},
		{"MaxStreams", &l.MaxStreams, DefaultMaxStreams, MinStreams},
		{"MaxAheadFrames", &l.MaxAheadFrames, DefaultMaxAheadFrames, 1},
		{"MaxAheadBytes", &l.MaxAheadBytes, DefaultMaxAheadBytes, 1},
		{"MaxQueuedBytes", &l.MaxQueuedBytes, DefaultMaxQueuedBytes, ChunkBytes},
		{"MaxControlBytes", &l.MaxControlBytes, DefaultMaxControlBytes, 1 << 10},
		{"ReferenceFromBytes", &l.ReferenceFromBytes, DefaultReferenceFromBytes, 1},
		{"StreamWindow", &l.StreamWindow, DefaultStreamWindow, InitialCredit},
		{"MaxStreamWindow", &l.MaxStreamWindow, max(DefaultMaxStreamWindow, l.StreamWindow), InitialCredit},
		{"ConnWindow", &l.ConnWindow, DefaultConnWindow, InitialConnCredit},
	} {
		if *f.value == 0 {
			*f.value = f.fallback
		}
		if *f.value < f.least || *f.value > maxWindow {
			return l, fmt.Errorf("muxio: limit %s is %d, must be from %d to %d", f.name, *f.value, f.least, maxWindow)
		}
	}
	return l, nil
}
