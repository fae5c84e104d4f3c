package muxio

import (
	"encoding/binary"
	"sync/atomic"
)

// Receiver takes what arrives on one incoming stream. The session calls its
// methods from its read loop, one at a time and in order, so they must not
// block: whatever takes time belongs into another goroutine.
//
// Data is called any number of times, then End or Cancel. Cancel may follow
// End when the stream has not been released: the peer no longer wants the
// result.
type Receiver interface {
	// Data takes the next bytes of the stream; they are valid during the call.
	// Who has dealt with them gives the room back by [RecvStream.Grant].
	Data(p []byte)
	// End tells that the stream is complete.
	End()
	// Cancel tells that the stream will not be completed: [ErrCanceled] by
	// the peer, or the error with which the session ended.
	Cancel(cause error)
}

// RecvStream is the receiving end of a stream.
type RecvStream struct {
	session  *Session
	id       uint32
	receiver Receiver

	// Of the read loop.
	next      uint32           // the expected sequence number
	ahead     map[uint32]Frame // frames that wait for an earlier one
	cancelled bool             // a Cancel frame arrived

	window  atomic.Int64 // bytes the peer may still send
	pending atomic.Int64 // bytes to grant, not yet sent
	ended   atomic.Bool  // End or Cancel arrived

	released bool // guarded by session.mu
}

// ID returns the stream's id, unique among the streams of the peer.
func (r *RecvStream) ID() uint32 { return r.id }

// Grant allows the peer n more bytes on this stream, because as many have been
// dealt with. Grants are collected and sent in larger steps. It never blocks
// and may be called from any goroutine.
func (r *RecvStream) Grant(n int) {
	if n <= 0 || r.pending.Add(int64(n)) < InitialCredit/2 || r.ended.Load() {
		return
	}
	total := r.pending.Swap(0)
	if total <= 0 {
		return
	}
	r.window.Add(total)
	var payload [4]byte
	binary.LittleEndian.PutUint32(payload[:], uint32(min(total, maxGrant)))
	q := r.session.queue
	q.mu.Lock()
	err := q.controlLocked(r.id, 0, Credit, payload[:])
	q.unlockAndWake()
	r.session.check(err)
}

// maxGrant is the largest number that one Credit frame carries.
const maxGrant = 1<<32 - 1

// Release tells that this end is done with the stream. What still arrives on
// it is dropped; its id becomes free when the peer has ended it too.
func (r *RecvStream) Release() { r.session.release(r) }

// frame takes one frame of the stream from the read loop.
func (r *RecvStream) frame(f Frame) error {
	if f.Kind == Cancel {
		if r.cancelled {
			return violation(CloseProtocolError, "stream %d: cancelled twice", r.id)
		}
		r.cancelled = true
		r.ended.Store(true)
		r.session.peerEnded(r)
		r.dropAhead()
		if !r.session.isReleased(r) {
			r.receiver.Cancel(ErrCanceled)
		}
		return nil
	}
	if r.ended.Load() {
		return violation(CloseProtocolError, "stream %d: frame after its end", r.id)
	}
	if f.Seq != r.next {
		return r.hold(f)
	}
	for {
		if err := r.deliver(f); err != nil {
			return err
		}
		held, ok := r.ahead[r.next]
		if !ok {
			return nil
		}
		delete(r.ahead, r.next)
		r.session.aheadBytes -= len(held.Payload)
		f = held
	}
}

// hold keeps a frame whose predecessors are missing.
func (r *RecvStream) hold(f Frame) error {
	limits := &r.session.limits
	if _, twice := r.ahead[f.Seq]; twice || f.Seq < r.next {
		return violation(CloseProtocolError, "stream %d: sequence number %d repeated", r.id, f.Seq)
	}
	if len(r.ahead) >= limits.MaxAheadFrames {
		return violation(ClosePolicy, "stream %d: more than %d frames ahead of number %d", r.id, limits.MaxAheadFrames, r.next)
	}
	if r.session.aheadBytes+len(f.Payload) > limits.MaxAheadBytes {
		return violation(ClosePolicy, "more than %d bytes ahead of missing frames", limits.MaxAheadBytes)
	}
	if r.ahead == nil {
		r.ahead = make(map[uint32]Frame)
	}
	f.Payload = append([]byte(nil), f.Payload...)
	r.ahead[f.Seq] = f
	r.session.aheadBytes += len(f.Payload)
	return nil
}

func (r *RecvStream) dropAhead() {
	for _, f := range r.ahead {
		r.session.aheadBytes -= len(f.Payload)
	}
	r.ahead = nil
}

// deliver passes the frame that is next in order to the receiver.
func (r *RecvStream) deliver(f Frame) error {
	r.next++
	if r.window.Add(-int64(len(f.Payload))) < 0 {
		return violation(CloseProtocolError, "stream %d: more bytes than were granted", r.id)
	}
	released := r.session.isReleased(r)
	if f.Kind != End {
		if len(f.Payload) > 0 && !released {
			r.receiver.Data(f.Payload)
		}
		return nil
	}
	if len(f.Payload) > 0 {
		return violation(CloseProtocolError, "stream %d: bytes in its End frame", r.id)
	}
	if len(r.ahead) > 0 {
		return violation(CloseProtocolError, "stream %d: frame after its end", r.id)
	}
	r.ended.Store(true)
	if !released {
		r.receiver.End()
	}
	r.session.peerEnded(r)
	return nil
}
