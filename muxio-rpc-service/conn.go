package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simd-drive/go/muxio"
)

// Defaults of [Config].
const (
	DefaultMaxMessageBytes  = 64 << 20
	DefaultMaxCalls         = 1024
	DefaultMaxBufferedBytes = 256 << 20
	DefaultMaxUnsentBytes   = 64 << 20
)

// Config sets up a [Conn]. The zero value is ready to use at a calling end.
type Config struct {
	// Role says which half of the id space this end allocates from: the end
	// that opened the connection is the initiator.
	Role muxio.Role
	// Handler answers the peer's calls; nil answers every call with
	// [Unimplemented].
	Handler Handler
	// Layout is how frames stand on the wire; the zero value means that of
	// muxio.v1. With [muxio.LayoutOriginal] and the like the peer is a program of
	// the original protocol, in which there are unary calls only. Such a peer is
	// told failures as texts, and its calls beyond MaxCalls wait, for as long as
	// [OriginalCallWait].
	Layout muxio.Layout
	// Limits bounds the session below; zero fields take their defaults.
	Limits muxio.Limits
	// MaxMessageBytes bounds one encoded request or response, and one message
	// of a streaming call; 0 means [DefaultMaxMessageBytes].
	MaxMessageBytes int
	// MaxCalls bounds the calls of the peer that run at a time; further ones
	// fail with [ResourceExhausted]. 0 means [DefaultMaxCalls].
	MaxCalls int
	// MaxBufferedBytes bounds the memory of unary requests and responses of the
	// whole connection that are being received, together; what exceeds it fails
	// with [ResourceExhausted]. 0 means [DefaultMaxBufferedBytes].
	MaxBufferedBytes int
	// MaxUnsentBytes bounds the unary responses that wait to be sent because the
	// peer is slow to take them: when they reach it, no further handler begins,
	// and calls wait in their turn. Handlers that have begun may go beyond it.
	// 0 means [DefaultMaxUnsentBytes].
	MaxUnsentBytes int
	// Ended, unless nil, is called once when the connection has ended and every
	// handler has returned, from a goroutine of the connection. [Conn.Wait]
	// returns after it.
	Ended func(*Conn)
	// Observer is told of every call; nil is allowed.
	Observer Observer
	// Logger receives what goes wrong on the connection; nil is silent.
	Logger *slog.Logger
}

// withDefaults fills zero fields and refuses values that cannot work.
func (cfg Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"MaxMessageBytes", &cfg.MaxMessageBytes, DefaultMaxMessageBytes},
		{"MaxCalls", &cfg.MaxCalls, DefaultMaxCalls},
		{"MaxBufferedBytes", &cfg.MaxBufferedBytes, DefaultMaxBufferedBytes},
		{"MaxUnsentBytes", &cfg.MaxUnsentBytes, DefaultMaxUnsentBytes},
	} {
		if *f.value == 0 {
			*f.value = f.fallback
		}
		if *f.value < 0 {
			return cfg, fmt.Errorf("rpc: %s is %d, must not be negative", f.name, *f.value)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

// Conn is a connection over which both ends may call each other. All methods
// are safe for concurrent use.
//
// Beside the session's goroutines a connection has one that waits for the
// session's end, started by [NewConn], one for each streaming call of the peer that
// is being answered, and workers for the unary ones. [Conn.Wait] waits for all of
// them.
type Conn struct {
	cfg      Config
	session  *muxio.Session
	original bool         // the peer speaks the original protocol
	buffered atomic.Int64 // bytes of unary messages being received

	base    context.Context // of handlers that run in the read loop; ends with the session
	running sync.WaitGroup  // the handlers
	over    chan struct{}   // closed when all of it has ended
	going   chan struct{}   // closed when the peer accepts no new calls

	unaryCalls sync.Pool // of *unaryCall, for further calls
	numbered   uint32    // calls of an original peer; of the read loop
	crowded    bool      // the last of them found no room; of the read loop

	mu       sync.Mutex
	pending  map[uint32]responder // own calls by request id
	answers  map[uint32]running   // calls of the peer that run, by the id of their stream
	calls    int                  // how many
	room     chan struct{}        // holds a token when calls has got less
	queue    callQueue            // those that no worker has taken yet
	ordered  callQueue            // those that are run one after the other
	unsent   int                  // bytes of responses that are being sent
	inFlight atomic.Int64         // own calls that wait, and those of the peer that run
	draining bool
	idle     chan struct{} // closed when draining and calls is 0
	ended    error         // fails new calls
	refused  *Error        // fails new calls while those in flight go on
}

// State is what a connection is good for.
type State int

// The states of a connection, in the order in which it goes through them.
const (
	// Open: both ends may make calls.
	Open State = iota
	// GoingAway: the peer accepts no new calls; those in flight go on.
	GoingAway
	// Closed: the connection has ended, and [Conn.Err] tells why.
	Closed
)

// String returns the state in words.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case GoingAway:
		return "going away"
	case Closed:
		return "closed"
	}
	return "unknown state"
}

// running is a call of the peer that is being answered.
type running interface {
	// giveUp ends its context: the peer gave the call up, or the connection
	// ended.
	giveUp(cause error)
}

// responder takes the response to an own call.
type responder interface {
	// respond is called from the read loop when the header of the response
	// has arrived; it returns what takes the rest.
	respond(h header, stream *muxio.RecvStream) sink
	// respondWhole is called instead when all of the response has arrived;
	// payload is valid during the call.
	respondWhole(h header, payload []byte)
	// abort fails a call whose response has not begun.
	abort(err error)
}

// NewConn starts a connection over t, which it owns from now on, also when an
// error is returned: cfg holds a value that cannot work.
func NewConn(t muxio.Transport, cfg Config) (*Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		_ = t.Close(muxio.CloseReason{Code: muxio.CloseInternal})
		return nil, err
	}
	c := &Conn{
		cfg: cfg, original: cfg.Layout.IsOriginal(), pending: make(map[uint32]responder), answers: make(map[uint32]running),
		room: make(chan struct{}, 1), idle: make(chan struct{}), going: make(chan struct{}), over: make(chan struct{}),
	}
	c.queue.init(c, false)
	c.ordered.init(c, true)
	base, cancel := context.WithCancel(context.Background())
	c.base = context.WithValue(WithPeer(base, c), inlineKey{}, true)
	ready := make(chan struct{}) // the read loop may start before c.session is set
	c.session, err = muxio.NewSession(t, muxio.Config{
		Role:   cfg.Role,
		Layout: cfg.Layout,
		Limits: cfg.Limits,
		Accept: func(s *muxio.RecvStream) muxio.Receiver {
			<-ready
			return &incoming{conn: c, stream: s}
		},
		Message: func(id uint32, payload []byte) {
			<-ready
			c.message(id, payload)
		},
		Canceled:  func(id uint32, cause *muxio.CanceledError) { c.giveUp(id, cause) },
		GoingAway: c.goingAway,
		MoreSoon:  func() bool { return c.inFlight.Load() > 1 },
	})
	if err != nil {
		cancel()
		_ = t.Close(muxio.CloseReason{Code: muxio.CloseInternal})
		return nil, err
	}
	go c.watch(cancel) // Wait waits for it
	close(ready)
	return c, nil
}

// watch fails the pending calls and cancels the handlers when the session
// ends, and waits for the handlers.
func (c *Conn) watch(cancel context.CancelFunc) {
	defer close(c.over)
	<-c.session.Done()
	cause := c.session.Err()
	var broken *muxio.CloseError
	if errors.As(cause, &broken) && !broken.Remote {
		c.cfg.Logger.Warn("connection closed after a violation by the peer", "error", cause)
	}
	c.mu.Lock()
	c.ended = unavailable(cause)
	pending, answers := c.pending, c.answers
	c.pending, c.answers = nil, nil
	waiting, inOrder := c.queue.takeAllLocked(), c.ordered.takeAllLocked()
	c.mu.Unlock()
	cancel()
	for _, a := range answers {
		a.giveUp(cause)
	}
	for _, p := range pending {
		p.abort(c.ended)
	}
	c.drop(waiting)
	c.drop(inOrder)
	c.running.Wait()
	if c.cfg.Ended != nil {
		c.cfg.Ended(c)
	}
}

// unavailable is the error of calls on a connection that ended with cause.
func unavailable(cause error) *Error {
	if errors.Is(cause, io.EOF) {
		return &Error{Code: Unavailable, Message: "the peer closed the connection"}
	}
	return &Error{Code: Unavailable, Message: cause.Error()}
}

// goingAway is told that the peer accepts no new calls.
func (c *Conn) goingAway(reason muxio.CloseReason) {
	text := "the peer accepts no new calls"
	if reason.Text != "" {
		text += ": " + reason.Text
	}
	c.mu.Lock()
	c.refused = &Error{Code: Unavailable, Reason: ReasonNotStarted, Message: text}
	c.mu.Unlock()
	close(c.going)
}

// GoingAway is closed when the peer has told that it accepts no new calls: further
// ones fail with [Unavailable] and are retriable elsewhere.
func (c *Conn) GoingAway() <-chan struct{} { return c.going }

// State tells what the connection is good for.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended != nil:
		return Closed
	case c.refused != nil:
		return GoingAway
	}
	return Open
}

// IsOriginal tells whether the peer speaks the original protocol, by [Config.Layout].
func (c *Conn) IsOriginal() bool { return c.original }

// Ping measures the time to the peer and back. A peer of the original protocol has no
// answer to it: the error is an [Unimplemented] one.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	rtt, err := c.session.Ping(ctx)
	return rtt, c.callError(err)
}

// giveUp cancels a call of the peer, if it runs.
func (c *Conn) giveUp(id uint32, cause error) {
	c.mu.Lock()
	a := c.answers[id]
	c.mu.Unlock()
	if a != nil {
		a.giveUp(cause)
	}
}

// Drain tells the peer that this end accepts no new calls and refuses those that
// come all the same with [Unavailable], waits until those in flight are answered or ctx ends, then closes the connection with reason. It
// returns ctx's error when calls were cut off.
func (c *Conn) Drain(ctx context.Context, reason muxio.CloseReason) error {
	c.mu.Lock()
	first := !c.draining
	c.draining = true
	c.closeIfIdleLocked()
	c.mu.Unlock()
	if first {
		_ = c.session.GoAway(reason) // fails only when the session has ended
	}
	var err error
	select {
	case <-c.idle:
	case <-c.session.Done():
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, c.Close(reason))
}

// Close writes what is queued and closes the connection; pending calls fail
// with [Unavailable] and the contexts of handlers end. It waits for the
// session's goroutines, not for handlers: they may call it themselves.
func (c *Conn) Close(reason muxio.CloseReason) error { return c.session.Close(reason) }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.session.Done() }

// Err returns why the connection ended: [muxio.ErrClosed] after Close, [io.EOF]
// when the peer closed it in good order, else what went wrong. It is nil while
// the connection is alive.
func (c *Conn) Err() error { return c.session.Err() }

// Wait blocks until the connection has ended and every handler has returned.
func (c *Conn) Wait() {
	<-c.over
}

// addPending makes p known as the call that awaits the response to id.
func (c *Conn) addPending(id uint32, p responder) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending == nil {
		return c.endedLocked()
	}
	if c.refused != nil {
		return c.refused
	}
	if _, taken := c.pending[id]; taken { // after 2^31 calls
		return Errorf(ResourceExhausted, "call id %d is still in use", id)
	}
	c.pending[id] = p
	c.inFlight.Add(1)
	return nil
}

func (c *Conn) endedLocked() error {
	e := unavailable(muxio.ErrClosed)
	if ended, ok := c.ended.(*Error); ok { //nolint:errorlint // nothing else is stored there
		e = &Error{Code: ended.Code, Message: ended.Message}
	}
	e.Reason = ReasonNotStarted
	return e
}

// takePending claims the call that awaits the response to id; nil if none
// does, or another response came first.
func (c *Conn) takePending(id uint32) responder {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[id]
	if p != nil {
		c.inFlight.Add(-1)
		delete(c.pending, id)
	}
	return p
}

// beginCall counts a streaming call of the peer in, or returns why it is refused.
func (c *Conn) beginCall(id uint32, a running) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.beginLocked(id, a)
	if e == nil {
		c.running.Add(1)
	}
	return e
}

// beginLocked counts a call of the peer in, or returns why it is refused.
func (c *Conn) beginLocked(id uint32, a running) *Error {
	if e := c.refusalLocked(); e != nil {
		return e
	}
	if _, twice := c.answers[id]; twice {
		return Errorf(InvalidArgument, "stream %d has a call that runs", id)
	}
	c.answers[id] = a
	c.calls++
	c.inFlight.Add(1)
	return nil
}

// refusalLocked returns why calls are refused.
func (c *Conn) refusalLocked() *Error {
	refused := func(code Code, message string) *Error {
		return &Error{Code: code, Reason: ReasonNotStarted, Message: message}
	}
	switch {
	case c.ended != nil: // Wait may have returned already
		return refused(Unavailable, "the connection has ended")
	case c.draining:
		return refused(Unavailable, "this end is shutting down")
	case c.calls >= c.cfg.MaxCalls:
		return refused(ResourceExhausted, fmt.Sprintf("%d calls are running, limit MaxCalls", c.calls))
	}
	return nil
}

// refusal is refusalLocked for a call that is not counted.
func (c *Conn) refusal() *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusalLocked()
}

// endCall counts a call of the peer out.
func (c *Conn) endCall(id uint32) {
	c.mu.Lock()
	delete(c.answers, id)
	c.inFlight.Add(-1)
	c.calledLocked()
	c.mu.Unlock()
}

// holdAnswer counts a call in whose handler has returned and whose answer of n bytes has
// not left, so that it is not cut off and that there are not too many.
func (c *Conn) holdAnswer(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.unsent += n
}

// letAnswerGo counts it out.
func (c *Conn) letAnswerGo(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sentLocked(n)
	c.calledLocked()
}

// calledLocked takes note that one call less is running.
func (c *Conn) calledLocked() {
	c.calls--
	if c.original { // whose calls may wait for that
		select {
		case c.room <- struct{}{}:
		default:
		}
	}
	c.closeIfIdleLocked()
}

func (c *Conn) closeIfIdleLocked() {
	if c.draining && c.calls == 0 {
		select {
		case <-c.idle:
		default:
			close(c.idle)
		}
	}
}

// callError turns an error of the session below into the error of a call.
func (c *Conn) callError(err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrorFrom(err)
	case errors.Is(err, muxio.ErrOriginal):
		return &Error{Code: Unimplemented, Message: err.Error()}
	default:
		return unavailable(err)
	}
}
