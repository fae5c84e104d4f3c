package muxio

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// CloseFlushTimeout is how long [Session.Close] waits for queued bytes to be
// written before it closes the transport all the same.
const CloseFlushTimeout = 5 * time.Second

// Config sets up a [Session].
type Config struct {
	// Role says which half of the id space this end allocates from.
	Role Role
	// Layout is how frames stand on the wire; the zero value means [Layout13].
	// With an original one, such as [LayoutOriginal], the session speaks the
	// protocol from before muxio.v1.
	Layout Layout
	// Limits bounds the session; zero fields take their defaults.
	Limits Limits
	// Accept is called from the read loop for each stream that the peer
	// opens, before its first bytes are delivered. It must not block.
	Accept func(*RecvStream) Receiver
	// Message, unless nil, takes a stream that arrived as a whole in one
	// transport message, instead of Accept. payload is valid during the call,
	// which must not block.
	Message func(id uint32, payload []byte)
	// Canceled, unless nil, is told that the peer gives up a stream that went
	// to Message.
	Canceled func(id uint32, cause *CanceledError)
	// GoingAway, unless nil, is told once that the peer accepts no new calls.
	// Like the others it is called from the read loop and must not block.
	GoingAway func(CloseReason)
	// MoreSoon, unless nil, tells whether other sends are likely to follow at
	// once: then the writer lets their goroutines run first, so that many
	// frames share a message. When it reports false, small messages are
	// written by the goroutine that sends them.
	MoreSoon func() bool
}

// Session multiplexes streams in both directions over one transport. Each
// stream runs one way, from the end that opened it to the other.
//
// A session has two goroutines, started by [NewSession]: the read loop, which
// ends when the transport fails or is closed, and the writer, which ends when
// the queue is closed and written or the transport fails. [Session.Close]
// waits for both. Goroutines that send may write as well, one at a time.
//
// Methods are safe for concurrent use.
type Session struct {
	transport Transport
	original  bool // the protocol is the original one
	role      Role
	limits    Limits
	cfg       Config
	out       *outbound
	opened    atomic.Uint64 // ids taken by this end
	loops     sync.WaitGroup
	done      chan struct{}
	over      atomic.Bool   // end was called
	closed    chan struct{} // closed when the transport is

	shared  atomic.Int64 // when a whole message came last, in nanoseconds since 1970
	window  atomic.Int64 // payload bytes that the peer may still send
	pending atomic.Int64 // bytes to grant to the connection, not yet sent
	pings   pings

	pieces [][]byte // of who writes: scratch

	acknowledger Acknowledger // nil unless the peer needs one
	tryWriter    TryWriter    // nil if the transport is none

	// Of the read loop.
	reading    reading
	aheadBytes int
	settled    bool   // the peer's settings arrived
	unfinished int    // streams of the peer
	newest     uint32 // the last of them
	goingAway  *CloseReason

	mu        sync.Mutex
	receivers map[uint32]*RecvStream // unfinished, or ended and not released
	err       error                  // why the session ended
	writeErr  error                  // why the writer ended
}

// NewSession starts a session over t, which it owns from now on.
func NewSession(t Transport, cfg Config) (*Session, error) {
	limits, err := cfg.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Layout == (Layout{}) {
		cfg.Layout = Layout13
	}
	if cfg.Accept == nil {
		return nil, errors.New("muxio: Config.Accept is missing")
	}
	s := &Session{
		transport: t,
		original:  cfg.Layout.original,
		role:      cfg.Role,
		limits:    limits,
		cfg:       cfg,
		out:       newOutbound(cfg.Layout, limits),
		done:      make(chan struct{}),
		closed:    make(chan struct{}),
		receivers: make(map[uint32]*RecvStream),
	}
	s.reading.layout = cfg.Layout
	s.out.moreSoon = cfg.MoreSoon
	s.tryWriter, _ = t.(TryWriter)
	if s.original {
		s.settled = true
		s.window.Store(unlimited.connWindow)
		s.out.settled(unlimited)
		s.acknowledger, _ = t.(Acknowledger)
	} else {
		s.window.Store(int64(limits.ConnWindow))
		if err := s.out.control(connectionID, Settings, appendSettings(nil, limits.settings())); err != nil {
			return nil, err
		}
	}
	s.loops.Add(2)
	go s.readLoop()
	go s.writeLoop()
	return s, nil
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns why the session ended: [ErrClosed] after Close, [io.EOF] when
// the peer closed in good order, else what went wrong. It is nil before.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close refuses further sends, writes what is queued (for at most
// [CloseFlushTimeout]), closes the transport with the reason and waits until
// the session's goroutines have ended. It must not be called from a
// [Receiver]. Its error says that what was queued could not be written. A
// session that has ended before, why ever, is closed without one: [Session.Err]
// says why it ended. Further calls wait in the same way.
func (s *Session) Close(reason CloseReason) error {
	ended := s.over.Load()
	s.out.close(ErrClosed)
	ctx, stop := context.WithTimeout(context.Background(), CloseFlushTimeout)
	flushErr := s.out.waitFlushed(ctx)
	stop()
	s.end(ErrClosed, reason)
	s.loops.Wait()
	if ended || errors.Is(flushErr, ErrClosed) {
		return nil
	}
	return flushErr
}

// check ends the session when err is a violation of the peer; other errors are
// consequences of an end that is under way.
func (s *Session) check(err error) {
	var broken *CloseError
	if errors.As(err, &broken) && !broken.Remote {
		s.end(err, broken.CloseReason)
	}
}

// end ends the session once: it records why, closes the queue and the
// transport. The read loop notices and tells the receivers. Further calls wait
// until the transport is closed.
func (s *Session) end(err error, reason CloseReason) {
	if !s.over.CompareAndSwap(false, true) {
		<-s.closed // a channel, not a mutex, so that testing/synctest sees the wait
		return
	}
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	s.out.close(err)
	close(s.done)
	s.out.stopAll(err)
	_ = s.transport.Close(reason) // the reason for the end is already known
	close(s.closed)
}

// readLoop is the only goroutine that reads from the transport and the only
// one that calls receivers.
func (s *Session) readLoop() {
	defer s.loops.Done()
	err := s.readMessages()
	s.mu.Lock()
	writeErr := s.writeErr
	s.mu.Unlock()
	if s.goingAway != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		// A transport without a goodbye of its own: the last GoAway is it.
		err = &CloseError{CloseReason: *s.goingAway, Remote: true}
		if s.goingAway.Code == CloseNormal {
			err = io.EOF
		}
	}
	var closed *CloseError
	switch {
	case errors.As(err, &closed) && !closed.Remote:
		s.end(err, closed.CloseReason)
	case errors.As(err, &closed):
		s.end(err, CloseReason{Code: CloseNormal})
	case errors.Is(err, io.EOF):
		s.end(io.EOF, CloseReason{Code: CloseNormal})
	case writeErr != nil:
		s.end(writeErr, CloseReason{Code: CloseGoingAway})
	default:
		s.end(err, CloseReason{Code: CloseGoingAway})
	}
	s.cancelReceivers(s.Err())
}

// dispatch hands one frame to its stream. It returns what follows the frame in
// its message, which may be one more that it has taken.
func (s *Session) dispatch(f Frame, rest []byte) ([]byte, error) {
	if err := s.checkFrame(f); err != nil {
		return rest, err
	}
	switch {
	case s.original: // every frame is of a stream of the peer
	case f.Kind > Credit || f.Stream|responderBit == connectionID: // neither half has the last id
		return rest, s.connectionFrame(f)
	case f.Kind == Credit && !s.isIncoming(f):
		return rest, s.credit(f)
	case f.Kind == Credit || !s.isIncoming(f):
		return rest, violation(CloseProtocolError, "stream %d: id of the wrong half for kind %d", f.Stream, f.Kind)
	}
	r := s.receiverOf(f.Stream)
	if r != nil {
		return rest, r.frame(f)
	}
	if f.Kind == Cancel { // of a stream that is finished
		cause, err := canceled(f)
		if err == nil && s.cfg.Canceled != nil && !s.original { // whose ids may be in use again
			s.cfg.Canceled(f.Stream, cause)
		}
		return rest, err
	}
	if after, ok := s.wholeMessage(f, rest); ok {
		if err := s.received(int64(len(f.Payload))); err != nil {
			return after, err
		}
		s.reading.messages = true
		s.cfg.Message(f.Stream, f.Payload)
		s.dealt(int64(len(f.Payload)))
		return after, nil
	}
	r = s.accept(f.Stream)
	return rest, r.frame(f)
}

// isIncoming tells whether f is of a stream that the peer opened.
func (s *Session) isIncoming(f Frame) bool {
	if s.original {
		return true
	}
	return f.Stream&responderBit != 0 != (s.role == Responder) && f.Stream|responderBit != connectionID
}

// checkFrame tells whether f may come, whatever is in it.
func (s *Session) checkFrame(f Frame) error {
	switch {
	case !s.settled && f.Kind != Settings:
		return violation(CloseProtocolError, "frame of kind %d before the settings", f.Kind)
	case f.isMisnumbered():
		return violation(CloseProtocolError, "stream %d: frame of kind %d with number %d", f.Stream, f.Kind, f.Seq)
	case s.unfinished > s.limits.MaxStreams && (f.Kind != End || f.Stream != s.newest):
		return violation(ClosePolicy, "more than %d unfinished streams, limit MaxStreams", s.limits.MaxStreams)
	}
	return nil
}

// receiverOf returns the receiving end of a stream of the peer, nil if there is none.
func (s *Session) receiverOf(id uint32) *RecvStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receivers[id]
}

// accept returns the receiving end of a new stream.
func (s *Session) accept(id uint32) *RecvStream {
	r := s.newReceiver(id)
	s.mu.Lock()
	s.receivers[id] = r
	s.mu.Unlock()
	s.unfinished++ // the next frame tells whether it is one too many
	s.newest = id
	r.receiver = s.cfg.Accept(r)
	return r
}

// wholeMessage tells whether f is all of a stream: its End frame follows in the
// same message. Then it returns what comes after that.
func (s *Session) wholeMessage(f Frame, rest []byte) (after []byte, ok bool) {
	if s.cfg.Message == nil || f.Kind != Open || len(f.Payload) > InitialCredit {
		return rest, false
	}
	end, after, ok, err := s.reading.layout.Parse(rest, s.limits.MaxFrameBytes)
	if !ok || err != nil || end.Kind != End || end.Stream != f.Stream || end.Seq != 1 || len(end.Payload) > 0 {
		return rest, false
	}
	return after, true
}

// forget makes the id of r free: both ends are done with it.
func (s *Session) forget(r *RecvStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receivers[r.id] == r {
		delete(s.receivers, r.id)
	}
}

// cancelReceivers tells every stream that the session has ended.
func (s *Session) cancelReceivers(cause error) {
	s.mu.Lock()
	open := make([]*RecvStream, 0, len(s.receivers))
	for _, r := range s.receivers {
		open = append(open, r)
	}
	clear(s.receivers)
	s.mu.Unlock()
	for _, r := range open {
		if r.isReleased() {
			continue
		}
		r.ended.Store(true)
		r.receiver.Cancel(cause)
	}
}
