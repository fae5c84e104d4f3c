package rpc

import (
	"encoding/binary"
	"io"
	"sync"

	"github.com/simd-drive/go/muxio"
)

// inbox takes the bytes of an incoming stream from the read loop and gives
// them out as messages. What it holds is bounded by the credit of the stream:
// room is granted to the peer only as messages are taken.
type inbox struct {
	maxMessageBytes int

	mu      sync.Mutex
	changed sync.Cond // of mu; the fields below it
	stream  *muxio.RecvStream
	arrived []byte // not yet taken from offset taken on
	taken   int
	ended   bool  // nothing follows
	failed  error // ends the inbox at once
	refused bool  // by what the peer answered

	message []byte // the last one handed out, reused
}

func (b *inbox) init(maxMessageBytes int) {
	b.maxMessageBytes = maxMessageBytes
	b.changed.L = &b.mu
}

// attach names the stream whose bytes are pushed.
func (b *inbox) attach(stream *muxio.RecvStream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stream = stream
}

// push appends bytes of the stream. It never blocks.
func (b *inbox) push(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		return
	}
	// What was taken makes room before the buffer grows: a reader that never catches
	// up would let it become as long as the stream.
	if left := len(b.arrived) - b.taken; left == 0 || left <= b.taken && len(b.arrived)+len(p) > cap(b.arrived) {
		b.arrived, b.taken = b.arrived[:copy(b.arrived, b.arrived[b.taken:])], 0
	}
	b.arrived = append(b.arrived, p...)
	b.changed.Broadcast()
}

// end tells that the stream is complete.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.changed.Broadcast()
}

// state tells whether the peer has said all, and why the inbox failed.
func (b *inbox) state() (finished bool, failed error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused || b.ended && b.failed == nil, b.failed
}

// refuse is fail for what the peer answered.
func (b *inbox) refuse(err error) {
	b.mu.Lock()
	b.refused = b.refused || b.failed == nil
	b.mu.Unlock()
	b.fail(err)
}

// fail makes this and every later next return err, unless the inbox has failed
// before. What has arrived is dropped.
func (b *inbox) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
		b.arrived = nil
		b.taken = 0
	}
	b.changed.Broadcast()
}

// next waits for the next message. It is valid until the next call. closing is
// true when it is what follows the closing mark. At the end of the stream it
// returns io.EOF.
func (b *inbox) next() (message []byte, closing bool, err error) {
	size, err := b.size()
	if err != nil {
		return nil, false, err
	}
	if size == closingMark {
		message, err = b.fill(-1)
		return message, true, err
	}
	if size-1 > uint64(b.maxMessageBytes) {
		return nil, false, Errorf(ResourceExhausted, "message of %d bytes, limit MaxMessageBytes is %d", size-1, b.maxMessageBytes)
	}
	message, err = b.fill(int(size - 1))
	return message, false, err
}

// size takes the mark in front of a message.
func (b *inbox) size() (uint64, error) {
	b.mu.Lock()
	for {
		v, n := binary.Uvarint(b.arrived[b.taken:])
		switch {
		case b.failed != nil:
			defer b.mu.Unlock()
			return 0, b.failed
		case n < 0, n > 1 && b.arrived[b.taken+n-1] == 0: // over 64 bits, or not the shortest form
			defer b.mu.Unlock()
			return 0, Errorf(Internal, "malformed message size from the peer")
		case n > 0:
			b.taken += n
			stream := b.stream
			b.mu.Unlock()
			stream.Grant(n)
			return v, nil
		case b.ended:
			defer b.mu.Unlock()
			if b.taken < len(b.arrived) {
				return 0, errCutShort
			}
			return 0, io.EOF
		}
		b.changed.Wait()
	}
}

var errCutShort = &Error{Code: Unavailable, Message: "the stream ended within a message"}

// fill takes the next n bytes; n < 0 means all up to the end of the stream, at
// most maxErrorBytes.
func (b *inbox) fill(n int) ([]byte, error) {
	toEnd := n < 0
	if toEnd {
		n = maxErrorBytes
	}
	b.message = b.message[:0]
	for {
		b.mu.Lock()
		for b.failed == nil && !b.ended && b.taken == len(b.arrived) && len(b.message) < n {
			b.changed.Wait()
		}
		if b.failed != nil {
			defer b.mu.Unlock()
			return nil, b.failed
		}
		take := min(n-len(b.message), len(b.arrived)-b.taken)
		b.message = append(b.message, b.arrived[b.taken:b.taken+take]...)
		b.taken += take
		exhausted := b.ended && b.taken == len(b.arrived)
		stream := b.stream
		b.mu.Unlock()
		stream.Grant(take)
		switch {
		case len(b.message) == n && !toEnd, exhausted && toEnd:
			return b.message, nil
		case exhausted:
			return nil, errCutShort
		case toEnd && len(b.message) == n:
			return nil, Errorf(Internal, "error of more than %d bytes from the peer", maxErrorBytes)
		}
	}
}
