package rpc

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/simd-drive/go/muxio"
)

// simLink is a connection in memory and in virtual time. What it does to bytes
// follows from a seed: where they are cut, how long they take, when it dies. The
// bytes of one direction keep their order; those of several links overtake each
// other.
type simLink struct {
	dead chan struct{} // closed when the link dies, with what is under way
	once sync.Once
	ways [2]*simWay // by the role of the sender
}

// simWay is one direction.
type simWay struct {
	link    *simLink
	pieces  chan simPiece
	closed  chan struct{} // closed when its sender closes
	once    sync.Once
	reason  muxio.CloseReason
	random  *rand.Rand // of the writer
	largest int        // a piece
	delay   time.Duration
	last    time.Time // when the last piece arrives
}

type simPiece struct {
	bytes []byte
	at    time.Time
}

// simPieces is how many pieces are under way at most.
const simPieces = 256

// newSimLink returns a link. Its pieces have up to largest bytes and take up to
// delay.
func newSimLink(seed uint64, largest int, delay time.Duration) *simLink {
	l := &simLink{dead: make(chan struct{})}
	for i := range l.ways {
		l.ways[i] = &simWay{
			link: l, pieces: make(chan simPiece, simPieces), closed: make(chan struct{}),
			random: rand.New(rand.NewPCG(seed, uint64(i))), largest: largest, delay: delay,
		}
	}
	return l
}

// ends returns the transports of both ends, that of the initiator first.
func (l *simLink) ends() (a, b muxio.Transport) {
	return &simEnd{out: l.ways[0], in: l.ways[1]}, &simEnd{out: l.ways[1], in: l.ways[0]}
}

// kill lets the link die.
func (l *simLink) kill() { l.once.Do(func() { close(l.dead) }) }

// simEnd is a [muxio.Transport].
type simEnd struct{ in, out *simWay }

// ReadMessage waits for the next piece. What was sent before a close arrives, what was
// under way at a death does not.
func (e *simEnd) ReadMessage() ([]byte, error) {
	var p simPiece
	select {
	case p = <-e.in.pieces:
	case <-e.in.link.dead:
		return nil, io.ErrUnexpectedEOF
	case <-e.out.closed: // by this end
		return nil, io.ErrClosedPipe
	case <-e.in.closed:
		select {
		case p = <-e.in.pieces:
		default:
			if e.in.reason.Code == muxio.CloseNormal {
				return nil, io.EOF
			}
			return nil, &muxio.CloseError{CloseReason: e.in.reason, Remote: true}
		}
	}
	select {
	case <-time.After(time.Until(p.at)):
		return p.bytes, nil
	case <-e.in.link.dead:
		return nil, io.ErrUnexpectedEOF
	}
}

// WriteMessage cuts the message and sends the pieces on their way.
func (e *simEnd) WriteMessage(pieces [][]byte) error {
	w := e.out
	b := slices.Concat(pieces...)
	for len(b) > 0 {
		n := min(len(b), 1+w.random.IntN(w.largest))
		at := time.Now().Add(time.Duration(w.random.Int64N(int64(w.delay))))
		if at.Before(w.last) {
			at = w.last
		}
		w.last = at
		select {
		case <-w.closed:
			return io.ErrClosedPipe
		case <-w.link.dead:
			return io.ErrClosedPipe
		case w.pieces <- simPiece{bytes.Clone(b[:n]), at}:
		}
		b = b[n:]
	}
	return nil
}

func (e *simEnd) Close(reason muxio.CloseReason) error {
	e.out.once.Do(func() {
		e.out.reason = reason
		close(e.out.closed)
	})
	return nil
}
