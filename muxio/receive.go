package muxio

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
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
	// Cancel tells that the stream will not be completed: a [*CanceledError]
	// by the peer, or the error with which the session ended.
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

	ended atomic.Bool // End or Cancel arrived

	mu       sync.Mutex
	window   int64 // bytes that the peer may still send
	size     int64 // of the window
	owed     int64 // bytes received and not yet dealt with
	pending  int64 // bytes to grant, not yet sent
	released bool

	// Since the window was looked at last.
	since time.Time
	used  int64 // bytes granted
}

// grantBytes is how much room is collected before it is granted. Small steps let a
// small window keep a fast sender going.
const grantBytes = ChunkBytes

func (s *Session) newReceiver(id uint32) *RecvStream {
	size := int64(s.limits.StreamWindow)
	if s.original {
		size = unlimited.streamWindow
	}
	return &RecvStream{session: s, id: id, window: size, size: size}
}

// ID returns the stream's id, unique among the streams of the peer.
func (r *RecvStream) ID() uint32 { return r.id }

// Grant allows the peer n more bytes on this stream, because as many have been
// dealt with. Grants are collected and sent in larger steps. It never blocks
// and may be called from any goroutine; after Release, and on a nil RecvStream, it
// does nothing.
func (r *RecvStream) Grant(n int) {
	if n <= 0 || r == nil || r.session.original {
		return
	}
	r.mu.Lock()
	dealt := min(int64(n), r.owed)
	r.owed -= dealt
	r.pending += dealt
	grant := r.grantLocked()
	r.mu.Unlock()
	if grant > 0 {
		r.session.check(r.session.out.grant(r.id, grant))
	}
	r.session.dealt(dealt)
}

// grantLocked returns what is to be granted now. While other messages come on the
// connection, a window does without its growth: what a stream has under way, small
// messages wait behind.
func (r *RecvStream) grantLocked() int64 {
	size, first := r.size, int64(r.session.limits.StreamWindow)
	shared := size > first && r.session.isShared()
	if shared {
		size = first
	}
	n := min(r.pending, size-r.window)
	if r.ended.Load() || n < min(size/2, grantBytes) {
		return 0
	}
	r.pending -= n
	if !shared {
		n += r.growLocked(n)
	}
	r.window += n
	return n
}

// growLocked makes the window larger when two of it were used up within four round
// trips, so that the sender must have been waiting for grants. It returns by how much.
// n is what is going to be granted.
func (r *RecvStream) growLocked(n int64) int64 {
	now, rtt := time.Now(), r.session.measuredRTT()
	if r.since.IsZero() {
		r.since = now
		return 0
	}
	if r.used += n; r.used < 2*r.size {
		return 0
	}
	took := now.Sub(r.since)
	r.since, r.used = now, 0
	if rtt == 0 || took >= 4*rtt {
		return 0
	}
	more := min(r.size, int64(r.session.limits.MaxStreamWindow)-r.size)
	r.size += more
	return more
}

// Release tells that this end is done with the stream. What still arrives on
// it is dropped; its id becomes free when the peer has ended it too. Until then the
// peer must not use the id again, so whoever is told of the end bounds how many
// streams it holds without releasing them. Releasing a nil RecvStream does nothing.
func (r *RecvStream) Release() {
	if r == nil {
		return
	}
	r.mu.Lock()
	owed := r.owed
	r.owed, r.released = 0, true
	r.mu.Unlock()
	r.session.dealt(owed)
	if r.ended.Load() {
		r.session.forget(r)
	}
}

func (r *RecvStream) isReleased() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.released
}

// frame takes one frame of the stream from the read loop.
func (r *RecvStream) frame(f Frame) error {
	if f.Kind == Cancel {
		return r.cancel(f)
	}
	if r.ended.Load() {
		return violation(CloseProtocolError, "stream %d: frame after its end", r.id)
	}
	if f.Seq != r.next {
		return r.hold(f)
	}
	if err := r.deliver(f); err != nil {
		return err
	}
	return r.deliverAhead()
}

// deliverAhead delivers held frames whose turn has come.
func (r *RecvStream) deliverAhead() error {
	for len(r.ahead) > 0 && !r.ended.Load() {
		f, ok := r.ahead[r.next]
		if !ok {
			return nil
		}
		delete(r.ahead, r.next)
		r.session.aheadBytes -= len(f.Payload)
		if err := r.deliver(f); err != nil {
			return err
		}
	}
	return nil
}

// cancel takes a Cancel frame.
func (r *RecvStream) cancel(f Frame) error {
	if r.cancelled {
		return violation(CloseProtocolError, "stream %d: cancelled twice", r.id)
	}
	cause, err := canceled(f)
	if err != nil {
		return err
	}
	r.cancelled = true
	r.finished()
	if err := r.dropAhead(); err != nil {
		return err
	}
	if !r.forgetIfReleased() {
		r.receiver.Cancel(cause)
	}
	return nil
}

// canceled returns what a Cancel frame says.
func canceled(f Frame) (*CanceledError, error) {
	switch len(f.Payload) {
	case 0:
		return &CanceledError{}, nil
	case 4:
		return &CanceledError{Code: binary.LittleEndian.Uint32(f.Payload)}, nil
	}
	return nil, violation(CloseProtocolError, "stream %d: malformed Cancel", f.Stream)
}

// hold keeps a frame that came before its turn.
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

// dropAhead lets go of frames whose turn does not come.
func (r *RecvStream) dropAhead() error {
	dropped := 0
	for _, f := range r.ahead {
		dropped += len(f.Payload)
	}
	r.ahead = nil
	r.session.aheadBytes -= dropped
	if err := r.session.received(int64(dropped)); err != nil {
		return err
	}
	r.session.dealt(int64(dropped))
	return nil
}

// deliver passes the frame that is next in order to the receiver.
func (r *RecvStream) deliver(f Frame) error {
	r.next++
	if f.Kind == End {
		return r.end(len(f.Payload))
	}
	return r.payload(f.Payload)
}

// payload passes the next bytes of the stream to the receiver.
func (r *RecvStream) payload(p []byte) error {
	n := int64(len(p))
	if n == 0 {
		return nil
	}
	if err := r.session.received(n); err != nil {
		return err
	}
	r.mu.Lock()
	r.window -= n
	over, released := r.window < 0, r.released
	if !released {
		r.owed += n
	}
	r.mu.Unlock()
	switch {
	case over:
		return violation(CloseProtocolError, "stream %d: more bytes than were granted", r.id)
	case released:
		r.session.dealt(n)
	default:
		r.receiver.Data(p)
	}
	return nil
}

// end takes an End frame with n bytes.
func (r *RecvStream) end(n int) error {
	if n > 0 {
		return violation(CloseProtocolError, "stream %d: bytes in its End frame", r.id)
	}
	if len(r.ahead) > 0 {
		return violation(CloseProtocolError, "stream %d: frame after its end", r.id)
	}
	r.finished()
	if !r.forgetIfReleased() {
		r.receiver.End()
	}
	return nil
}

// forgetIfReleased makes the id of a stream that has ended free, if this end is done with
// it, which it reports; in the original protocol in any case: its peers may use it again at
// once.
func (r *RecvStream) forgetIfReleased() bool {
	released := r.isReleased()
	if released || r.session.original {
		r.session.forget(r)
	}
	return released
}

// finished counts the stream out when its End or Cancel has its turn.
func (r *RecvStream) finished() {
	if !r.ended.Swap(true) {
		r.session.unfinished--
	}
}

// received counts payload bytes of the peer against the connection's window.
func (s *Session) received(n int64) error {
	if s.window.Add(-n) < 0 {
		return violation(CloseProtocolError, "more bytes than were granted to the connection")
	}
	return nil
}

// dealt gives room for n bytes back to the connection, in larger steps.
func (s *Session) dealt(n int64) {
	if n <= 0 || s.original || s.pending.Add(n) < int64(s.limits.ConnWindow)/4 {
		return
	}
	if total := s.pending.Swap(0); total > 0 {
		s.window.Add(total)
		s.check(s.out.grant(connectionID, total))
	}
}

// CanceledError reports that the peer cancelled the stream.
type CanceledError struct {
	// Code says why, in terms of the layer above; 0 says nothing.
	Code uint32
}

// Error tells the code.
func (e *CanceledError) Error() string {
	if e.Code == 0 {
		return ErrCanceled.Error()
	}
	return fmt.Sprintf("%v with code %d", ErrCanceled, e.Code)
}

// Is makes every CanceledError match [ErrCanceled].
func (e *CanceledError) Is(target error) bool { return target == ErrCanceled }
