package muxiotest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// connectionID stands as the stream of frames that concern the connection.
const connectionID = 1<<32 - 1

// Monitor watches what both ends of a connection say and holds it against
// WIRE.md: it knows the rules and shares no code with what it watches, but for the
// parser of frames. Its methods are safe for concurrent use.
type Monitor struct {
	mu   sync.Mutex
	ways [2]way // by the role of the sender
	err  error
}

// way is what one end says.
type way struct {
	settled  bool
	goneAway bool
	window   int64 // credit of each new stream to this end, as it said
	streams  map[uint32]*stream
	left     int64 // connection credit that this end still has
	sent     int64 // payload bytes of streams
	granted  int64 // to this end, for the connection
	pings    int   // that the other end has not answered

	unfinished int64 // streams
	most       int64 // of them, as the other end said
	newest     uint32
}

// stream is one stream of a way.
type stream struct {
	next      uint32
	left      int64 // credit
	ended     bool
	cancelled bool
}

const (
	defaultWindow     = muxio.InitialCredit
	defaultConnWindow = muxio.InitialConnCredit
	maxCredit         = 1<<31 - 1
)

// Watch returns transports that do what a and b do, and what watches over them.
// The first is that of the initiator.
func Watch(a, b muxio.Transport) (wa, wb muxio.Transport, m *Monitor) {
	m = &Monitor{}
	for i := range m.ways {
		m.ways[i] = way{window: defaultWindow, left: defaultConnWindow, most: muxio.MinStreams, streams: make(map[uint32]*stream)}
	}
	return &watched{a, m, muxio.Initiator}, &watched{b, m, muxio.Responder}, m
}

// Err returns the first breach of the rules.
func (m *Monitor) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Outstanding returns how many payload bytes an end has sent and not been given
// back for the connection.
func (m *Monitor) Outstanding(from muxio.Role) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ways[from].sent - m.ways[from].granted
}

// Unfinished returns the streams that an end has opened and neither ended nor
// cancelled.
func (m *Monitor) Unfinished(from muxio.Role) (ids []uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.ways[from].streams {
		if !s.ended && !s.cancelled {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// watched is one end's transport.
type watched struct {
	muxio.Transport
	monitor *Monitor
	role    muxio.Role
}

func (w *watched) WriteMessage(pieces [][]byte) error {
	w.monitor.message(w.role, slices.Concat(pieces...))
	return w.Transport.WriteMessage(pieces)
}

// message takes what one end is about to send.
func (m *Monitor) message(from muxio.Role, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(b) > 0 && m.err == nil {
		f, rest, ok, err := muxio.Layout13.Parse(b, muxio.ChunkBytes)
		switch {
		case err != nil:
			m.err = err
		case !ok:
			m.err = fmt.Errorf("muxiotest: a message ends with a part of a frame, %d bytes", len(b))
		default:
			if err := m.frame(from, f); err != nil {
				m.err = fmt.Errorf("muxiotest: role %d, stream %#x, seq %d, kind %d, %d bytes: %w", from, f.Stream, f.Seq, f.Kind, len(f.Payload), err)
			}
		}
		b = rest
	}
}

// breach is what a frame does wrong.
type breach string

func (b breach) Error() string { return string(b) }

func (m *Monitor) frame(from muxio.Role, f muxio.Frame) error {
	w, other := &m.ways[from], &m.ways[1-from]
	if (f.Kind == muxio.Settings) == w.settled {
		return breach("settings must come first and once")
	}
	if w.unfinished > w.most && (f.Kind != muxio.End || f.Stream != w.newest) {
		return breach(fmt.Sprintf("%d streams were unfinished, the other end accepts %d", w.unfinished, w.most))
	}
	own := f.Stream>>31 == uint32(from)
	switch {
	case f.Stream == connectionID:
		return w.connection(other, f)
	case f.Kind > muxio.Credit:
		return breach("not for a stream")
	case f.Stream&^(1<<31) == connectionID&^(1<<31):
		return breach("not a stream")
	case f.Kind == muxio.Credit && !own:
		return other.credit(f)
	case !own || f.Kind == muxio.Credit:
		return breach("id of the other half")
	}
	return w.stream(other, f)
}

// connection takes a frame for the connection.
func (w *way) connection(other *way, f muxio.Frame) error {
	if f.Seq != 0 {
		return breach("a number that is not counted")
	}
	switch f.Kind {
	case muxio.Settings:
		w.settled = true
		return w.settings(other, f.Payload)
	case muxio.Credit:
		return other.credit(f)
	case muxio.Ping:
		if w.pings++; len(f.Payload) != 8 {
			return breach("malformed")
		}
	case muxio.Pong:
		if other.pings--; other.pings < 0 || len(f.Payload) != 8 {
			return breach("nobody asked, or malformed")
		}
	case muxio.GoAway:
		if len(f.Payload) < 2 || len(f.Payload) > 2+muxio.MaxCloseText {
			return breach("malformed")
		}
		w.goneAway = true
	default:
		return breach("not for the connection")
	}
	return nil
}

// settings takes what w accepts from the other end.
func (w *way) settings(other *way, b []byte) error {
	for ; len(b) >= 10; b = b[10:] {
		value := int64(binary.LittleEndian.Uint64(b[2:]))
		switch binary.LittleEndian.Uint16(b) {
		case 2:
			for _, s := range other.streams {
				s.left += value - w.window
			}
			w.window = value
		case 3:
			other.left += value - defaultConnWindow
		case 5:
			other.most = value
		}
	}
	if len(b) > 0 {
		return breach("malformed")
	}
	return nil
}

// credit takes what the other end grants to w.
func (w *way) credit(f muxio.Frame) error {
	if len(f.Payload) != 4 || f.Seq != 0 {
		return breach("malformed")
	}
	n := int64(binary.LittleEndian.Uint32(f.Payload))
	left := &w.left
	if f.Stream != connectionID {
		s := w.streams[f.Stream]
		if s == nil {
			return breach("credit for a stream that has not begun")
		}
		left = &s.left
	} else {
		w.granted += n
	}
	if *left += n; *left > maxCredit {
		return breach("more credit than there may be")
	}
	if w.granted > w.sent {
		return breach("the connection gets back more than it sent")
	}
	return nil
}

// stream takes a frame of a stream of w.
func (w *way) stream(other *way, f muxio.Frame) error {
	s := w.streams[f.Stream]
	if f.Kind == muxio.Cancel {
		switch {
		case s == nil:
			return breach("cancel of a stream that has not begun")
		case s.cancelled:
			return breach("cancelled twice")
		case f.Seq != 0 || len(f.Payload) != 0 && len(f.Payload) != 4:
			return breach("malformed")
		}
		s.cancelled = true
		if !s.ended {
			w.unfinished--
		}
		return nil
	}
	if s == nil {
		s = &stream{left: other.window}
		w.streams[f.Stream] = s
		w.unfinished++
		w.newest = f.Stream
	}
	switch {
	case s.ended || s.cancelled:
		return breach("after the end")
	case f.Seq != s.next:
		return breach(fmt.Sprintf("number %d was due", s.next))
	case (f.Kind == muxio.Open) != (f.Seq == 0):
		return breach("a stream begins with Open, once")
	case f.Kind == muxio.End && len(f.Payload) > 0:
		return breach("bytes at the end")
	}
	n := int64(len(f.Payload))
	s.next++
	if s.ended = f.Kind == muxio.End; s.ended {
		w.unfinished--
	}
	s.left -= n
	w.left -= n
	w.sent += n
	if s.left < 0 || w.left < 0 {
		return breach(fmt.Sprintf("more bytes than were granted: %d left for the stream, %d for the connection", s.left, w.left))
	}
	return nil
}
