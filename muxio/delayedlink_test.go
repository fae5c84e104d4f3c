package muxio

import (
	"io"
	"sync"
	"time"
)

// delayedLink is a transport in memory whose messages take a time to arrive and
// share a bandwidth, for virtual time.
type delayedLink struct {
	in, out *delayedWay
}

// delayedWay is one direction.
type delayedWay struct {
	delay    time.Duration
	perSec   int // bytes
	messages chan delayedMessage
	closed   chan struct{}
	once     sync.Once
}

type delayedMessage struct {
	bytes []byte
	at    time.Time // of its arrival
}

// newDelayedLink returns both ends of a link with the given round trip.
func newDelayedLink(roundTrip time.Duration, bytesPerSecond int) (a, b *delayedLink) {
	way := func() *delayedWay {
		return &delayedWay{
			delay: roundTrip / 2, perSec: bytesPerSecond,
			messages: make(chan delayedMessage, 1<<16), closed: make(chan struct{}),
		}
	}
	ab, ba := way(), way()
	return &delayedLink{in: ba, out: ab}, &delayedLink{in: ab, out: ba}
}

func (l *delayedLink) ReadMessage() ([]byte, error) {
	select {
	case m := <-l.in.messages:
		<-time.After(time.Until(m.at))
		return m.bytes, nil
	case <-l.in.closed:
		return nil, io.EOF
	}
}

// WriteMessage takes as long as the bandwidth says.
func (l *delayedLink) WriteMessage(pieces [][]byte) error {
	var b []byte
	for _, p := range pieces {
		b = append(b, p...)
	}
	select {
	case <-time.After(time.Duration(len(b)) * time.Second / time.Duration(l.out.perSec)):
	case <-l.out.closed:
		return io.ErrClosedPipe
	}
	l.out.messages <- delayedMessage{bytes: b, at: time.Now().Add(l.out.delay)}
	return nil
}

func (l *delayedLink) Close(CloseReason) error {
	for _, w := range []*delayedWay{l.in, l.out} {
		w.once.Do(func() { close(w.closed) })
	}
	return nil
}
