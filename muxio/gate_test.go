package muxio

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// gate is a transport whose messages leave one by one, as the test lets them. It
// watches over the slices that it is given: their bytes must not change before it
// lets go of them.
type gate struct {
	t      *testing.T
	in     Transport         // where it reads
	offers chan []byte       // messages that want to leave
	leave  chan error        // lets the offered one leave, or fail
	closed chan struct{}     // ends reads and waits
	pieces func(p [][]byte)  // told of the pieces of each message; may be nil
	reason chan *CloseReason // of Close
}

// newGate returns a gate, and the transport that feeds its reads.
func newGate(t *testing.T) (g *gate, feed Transport) {
	t.Helper()
	feed, in := Pipe()
	return &gate{
		t: t, in: in, offers: make(chan []byte), leave: make(chan error),
		closed: make(chan struct{}), reason: make(chan *CloseReason, 1),
	}, feed
}

func (g *gate) ReadMessage() ([]byte, error) { return g.in.ReadMessage() }

func (g *gate) WriteMessage(pieces [][]byte) error {
	if g.pieces != nil {
		g.pieces(pieces)
	}
	message := bytes.Join(pieces, nil)
	select {
	case g.offers <- message:
	case <-g.closed:
		return io.ErrClosedPipe
	}
	var err error
	select {
	case err = <-g.leave:
	case <-g.closed:
		err = io.ErrClosedPipe
	}
	if !bytes.Equal(message, bytes.Join(pieces, nil)) {
		g.t.Error("bytes changed while they were being written")
	}
	return err
}

// Close ends the transport for its session.
func (g *gate) Close(reason CloseReason) error {
	select {
	case g.reason <- &reason:
		close(g.closed)
	default:
	}
	return g.in.Close(reason)
}

// next returns the frames of the message that wants to leave.
func (g *gate) next() []Frame {
	g.t.Helper()
	return parseAll(g.t, await(g.t, g.offers))
}

// pass lets the message leave that next returned, and returns the next one.
func (g *gate) pass() []Frame {
	g.t.Helper()
	g.leave <- nil
	return g.next()
}

// parseAll returns the frames of a message.
func parseAll(t *testing.T, message []byte) (frames []Frame) {
	t.Helper()
	for len(message) > 0 {
		f, rest, ok, err := Layout13.Parse(message, DefaultMaxFrameBytes)
		if err != nil || !ok {
			t.Fatalf("message ends with %x, %v", message, err)
		}
		frames = append(frames, f)
		message = rest
	}
	return frames
}

var errGate = errors.New("broken by the test")

// gatedSession starts a session behind a gate whose settings have left and whose
// peer's have arrived.
func gatedSession(t *testing.T, limits Limits) (*end, *gate, Transport) {
	t.Helper()
	g, feed := newGate(t)
	s := newEnd(t, g, Initiator, limits, true)
	writeFrames(t, feed, settingsFrame())
	if f := g.next(); len(f) != 1 || f[0].Kind != Settings {
		t.Fatalf("first message is %+v", f)
	}
	return s, g, feed
}
