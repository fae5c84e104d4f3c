package muxio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
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
	// Layout is the frame header; the zero value means [Layout13].
	Layout Layout
	// Limits bounds the session; zero fields take their defaults.
	Limits Limits
	// Accept is called from the read loop for each stream that the peer
	// opens, before its first bytes are delivered. It must not block.
	Accept func(*RecvStream) Receiver
}

// Session multiplexes streams in both directions over one transport. Each
// stream runs one way, from the end that opened it to the other.
//
// A session has two goroutines, started by [NewSession]: the read loop, which
// ends when the transport fails or is closed, and the writer, which ends when
// the queue is closed and written or the transport fails. [Session.Close]
// waits for both.
//
// Methods are safe for concurrent use.
type Session struct {
	transport Transport
	layout    Layout
	role      Role
	limits    Limits
	accept    func(*RecvStream) Receiver
	queue     *writeQueue
	opened    atomic.Uint32 // streams opened by this end
	loops     sync.WaitGroup
	done      chan struct{}
	over      sync.Once

	aheadBytes int // of the read loop

	mu        sync.Mutex
	receivers map[uint32]*RecvStream // unfinished, or not released
	senders   map[uint32]*SendStream // may wait for grants
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
		layout:    cfg.Layout,
		role:      cfg.Role,
		limits:    limits,
		accept:    cfg.Accept,
		queue:     newWriteQueue(cfg.Layout, limits),
		done:      make(chan struct{}),
		receivers: make(map[uint32]*RecvStream),
		senders:   make(map[uint32]*SendStream),
	}
	s.loops.Add(2)
	go s.readLoop()
	go s.writeLoop()
	return s, nil
}

// OpenStream returns a new stream to the peer. Nothing is sent until the first
// Send.
func (s *Session) OpenStream() *SendStream {
	id := (s.opened.Add(1) - 1) &^ responderBit
	if s.role == Responder {
		id |= responderBit
	}
	return &SendStream{session: s, id: id, credit: InitialCredit}
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
// [Receiver]. Further calls wait in the same way.
func (s *Session) Close(reason CloseReason) error {
	s.queue.close(ErrClosed)
	ctx, stop := context.WithTimeout(context.Background(), CloseFlushTimeout)
	flushErr := s.queue.waitFlushed(ctx)
	stop()
	s.end(ErrClosed, reason)
	s.loops.Wait()
	if errors.Is(flushErr, ErrClosed) {
		flushErr = nil
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
// transport. The read loop notices and tells the receivers.
func (s *Session) end(err error, reason CloseReason) {
	s.over.Do(func() {
		s.mu.Lock()
		s.err = err
		senders := make([]*SendStream, 0, len(s.senders))
		for _, w := range s.senders {
			senders = append(senders, w)
		}
		s.mu.Unlock()
		s.queue.close(err)
		close(s.done)
		for _, w := range senders {
			w.stop(err)
		}
		_ = s.transport.Close(reason) // the reason for the end is already known
	})
}

// writeLoop is the only goroutine that writes to the transport. Everything
// that is queued when it comes round goes out as one message.
func (s *Session) writeLoop() {
	defer s.loops.Done()
	defer s.queue.endWriter()
	var pieces [][]byte
	for {
		b := s.queue.take()
		if b == nil {
			return
		}
		pieces = b.pieces(pieces[:0])
		err := s.transport.WriteMessage(pieces)
		clear(pieces)
		if err != nil {
			s.writeFailed(fmt.Errorf("muxio: writing: %w", err))
			return
		}
		s.queue.wrote(b)
	}
}

// writeFailed closes the transport and leaves it to the read loop to end the
// session: a peer that closed may have said why, and that explains more than
// the failed write.
func (s *Session) writeFailed(err error) {
	s.queue.close(err)
	s.mu.Lock()
	s.writeErr = err
	s.mu.Unlock()
	_ = s.transport.Close(CloseReason{Code: CloseGoingAway, Text: "write failed"})
}

// readLoop is the only goroutine that reads from the transport and the only
// one that calls receivers.
func (s *Session) readLoop() {
	defer s.loops.Done()
	err := s.readMessages()
	s.mu.Lock()
	writeErr := s.writeErr
	s.mu.Unlock()
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

// readMessages reads until the transport or the peer's conduct ends it. Frames
// may begin in one message and end in a later one.
func (s *Session) readMessages() error {
	var carry []byte // the beginning of a frame
	for {
		message, err := s.transport.ReadMessage()
		if err != nil {
			return err
		}
		if len(carry) > 0 {
			carry = append(carry, message...)
			message = carry
		}
		for {
			f, rest, ok, err := s.layout.Parse(message, s.limits.MaxFrameBytes)
			if err != nil {
				return err
			}
			message = rest
			if !ok {
				break
			}
			if err := s.dispatch(f); err != nil {
				return err
			}
		}
		carry = append(carry[:0], message...)
	}
}

// dispatch hands one frame to its stream.
func (s *Session) dispatch(f Frame) error {
	own := f.Stream&responderBit != 0 == (s.role == Responder)
	if f.Kind == Credit {
		return s.credit(f, own)
	}
	if own {
		return violation(CloseProtocolError, "stream %d: id of the other end's half", f.Stream)
	}
	s.mu.Lock()
	r := s.receivers[f.Stream]
	if r != nil {
		s.mu.Unlock()
		return r.frame(f)
	}
	if f.Kind == Cancel { // of a stream that is finished on both sides
		s.mu.Unlock()
		return nil
	}
	if len(s.receivers) >= s.limits.MaxStreams {
		s.mu.Unlock()
		return violation(ClosePolicy, "more than %d unfinished streams, limit MaxStreams", s.limits.MaxStreams)
	}
	r = &RecvStream{session: s, id: f.Stream}
	s.receivers[f.Stream] = r
	s.mu.Unlock()
	r.window.Store(InitialCredit)
	r.receiver = s.accept(r)
	return r.frame(f)
}

// credit passes a grant to the stream that it is for. Streams that have ended
// need none.
func (s *Session) credit(f Frame, own bool) error {
	if !own || len(f.Payload) != 4 {
		return violation(CloseProtocolError, "malformed grant for stream %d", f.Stream)
	}
	s.mu.Lock()
	w := s.senders[f.Stream]
	s.mu.Unlock()
	if w == nil {
		return nil
	}
	return w.grant(binary.LittleEndian.Uint32(f.Payload))
}

func (s *Session) registerSender(w *SendStream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.senders[w.id] = w
	return nil
}

func (s *Session) unregisterSender(w *SendStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.senders[w.id] == w {
		delete(s.senders, w.id)
	}
}

func (s *Session) isReleased(r *RecvStream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.released
}

// release marks r as no longer wanted by this end, and forgets it if the peer
// has ended it.
func (s *Session) release(r *RecvStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.released = true
	if r.ended.Load() {
		s.forgetLocked(r)
	}
}

// peerEnded forgets r if this end has released it.
func (s *Session) peerEnded(r *RecvStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.released {
		s.forgetLocked(r)
	}
}

func (s *Session) forgetLocked(r *RecvStream) {
	if s.receivers[r.id] == r {
		delete(s.receivers, r.id)
	}
}

// cancelReceivers tells every stream that the session has ended.
func (s *Session) cancelReceivers(cause error) {
	s.mu.Lock()
	open := make([]*RecvStream, 0, len(s.receivers))
	for _, r := range s.receivers {
		if !r.released {
			open = append(open, r)
		}
	}
	clear(s.receivers)
	s.mu.Unlock()
	for _, r := range open {
		r.ended.Store(true)
		r.receiver.Cancel(cause)
	}
}
