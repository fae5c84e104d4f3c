package rpc

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/muxiotest"
)

var (
	simSeeds = flag.Int("simseeds", 40, "how many seeds TestSimulation tries")
	simSeed  = flag.Uint64("simseed", 0, "the one seed that TestSimulation tries, unless 0")
)

// TestSimulation runs whole conversations of several clients with a server in
// virtual time, each from a seed: what is called, what is given up and when, how
// links cut, delay and lose bytes. The order in which goroutines run within one
// instant is not in the seed, but most instants have one event only.
func TestSimulation(t *testing.T) {
	seeds := make([]uint64, 0, *simSeeds)
	for i := range uint64(*simSeeds) {
		seeds = append(seeds, i+1)
	}
	if *simSeed != 0 {
		seeds = []uint64{*simSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newSimWorld(t, rand.New(rand.NewPCG(seed, 77))).run() })
			if t.Failed() {
				t.Logf("again with: go test -run TestSimulation -simseed=%d", seed)
			}
		})
	}
}

// simWorld is one simulation.
type simWorld struct {
	t        *testing.T
	random   *rand.Rand    // of run
	second   time.Duration // what it takes for one
	largest  int           // piece of a link, in bytes
	delay    time.Duration
	bytes    int // about how many a call has
	maxCalls int
	connect  func(seed uint64) (a, b muxio.Transport, kill func())
	observed simObserver
	calls    atomic.Int64
	failed   atomic.Int64
}

func newSimWorld(t *testing.T, r *rand.Rand) *simWorld {
	t.Helper()
	w := &simWorld{t: t, random: r, second: time.Second, bytes: 1 << 17, delay: []time.Duration{time.Microsecond, 20 * time.Millisecond, time.Second}[r.IntN(3)]}
	switch r.IntN(4) {
	case 0:
		w.largest, w.bytes = 1, 200
	case 1:
		w.largest, w.bytes = 50, 5000
	case 2:
		w.largest = 10_000
	default:
		w.largest = 1 << 20
	}
	if r.IntN(3) == 0 {
		w.maxCalls = 1 + r.IntN(5)
	}
	w.connect = func(seed uint64) (a, b muxio.Transport, kill func()) {
		l := newSimLink(seed, w.largest, w.delay)
		a, b = l.ends()
		return a, b, l.kill
	}
	return w
}

// run lets clients come and go.
func (w *simWorld) run() {
	var clients sync.WaitGroup
	for range 1 + w.random.IntN(3) {
		seed := w.random.Uint64()
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 1 + r.IntN(4) {
				w.connection(r)
			}
		})
	}
	clients.Wait()
	w.wantAllEnded()
	w.t.Logf("%d calls, %d of them failed; pieces of up to %d bytes, delays of up to %v", w.calls.Load(), w.failed.Load(), w.largest, w.delay)
}

// wantAllEnded wants every call that began to have ended, at both ends.
func (w *simWorld) wantAllEnded() {
	if begun, ended := w.observed.begun.Load(), w.observed.ended.Load(); begun != ended || begun == 0 {
		w.t.Errorf("the observers saw %d calls begin and %d end", begun, ended)
	}
}

// simConnection is one connection of a client.
type simConnection struct {
	world   *simWorld
	client  *Conn
	server  *Conn
	kill    func() // of the link
	monitor *muxiotest.Monitor
	ended   atomic.Bool // something ends it before its calls have
}

// connection opens a connection, makes calls over it, and ends it in some way.
func (w *simWorld) connection(r *rand.Rand) {
	c := &simConnection{world: w}
	a, b, kill := w.connect(r.Uint64())
	c.kill = kill
	a, b, c.monitor = muxiotest.Watch(a, b)
	cfg := Config{Handler: simRoutes(), Observer: w.observed.observe, MaxCalls: w.maxCalls}
	var err error
	cfg.Role = muxio.Initiator
	if c.client, err = NewConn(a, cfg); err != nil {
		w.t.Error(err)
		return
	}
	cfg.Role = muxio.Responder
	if c.server, err = NewConn(b, cfg); err != nil {
		w.t.Error(err)
		return
	}
	var calls sync.WaitGroup
	for range 1 + r.IntN(25) {
		p := w.plan(r)
		calls.Go(func() { c.try(p) })
	}
	calls.Go(c.fate(r)) // ends with the connection's calls, or ends them
	calls.Wait()
	if !c.ended.Load() {
		c.wantQuiet()
	}
	if err := c.monitor.Err(); err != nil {
		w.t.Error(err)
	}
	normal := muxio.CloseReason{Code: muxio.CloseNormal}
	_ = c.client.Close(normal)
	_ = c.server.Close(normal)
	c.client.Wait()
	c.server.Wait()
}

// fate returns what happens to the connection while calls run, for good or ill.
func (c *simConnection) fate(r *rand.Rand) func() {
	after := c.world.upTo(r, 5)
	reason := muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "fate"}
	happens := func(what func()) func() {
		return func() {
			<-time.After(after)
			c.ended.Store(true)
			what()
		}
	}
	switch r.IntN(8) {
	case 0, 1:
		return happens(c.kill)
	case 2:
		return happens(func() { _ = c.client.Close(reason) })
	case 3:
		return happens(func() { _ = c.server.Close(reason) })
	case 4:
		return happens(func() {
			if err := c.server.Drain(context.Background(), reason); err != nil {
				c.world.t.Errorf("Drain: %v", err)
			}
		})
	}
	return func() {}
}

// simQuiet is how many seconds what is under way may take to arrive, on the slowest
// link.
const simQuiet = 600

// wantQuiet wants nothing to be left of calls that have ended, on a connection that
// lives.
func (c *simConnection) wantQuiet() {
	left := c.left()
	for begin := time.Now(); left != "" && time.Since(begin) < simQuiet*c.world.second; left = c.left() {
		<-time.After(c.world.second)
	}
	if left != "" {
		c.world.t.Error(left)
	}
	for name, conn := range map[string]*Conn{"client": c.client, "server": c.server} {
		if err := conn.Err(); err != nil {
			c.world.t.Errorf("%s: the connection has ended: %v", name, err)
		}
	}
}

// left returns what is left of calls; nothing is "".
func (c *simConnection) left() string {
	for name, conn := range map[string]*Conn{"client": c.client, "server": c.server} {
		conn.mu.Lock()
		pending, answers, calls := len(conn.pending), len(conn.answers), conn.calls
		conn.mu.Unlock()
		if reserved := conn.buffered.Load(); pending+answers+calls > 0 || reserved != 0 {
			return fmt.Sprintf("%s: %d calls are pending, %d run, %d answers wait, %d bytes are reserved", name, pending, answers, calls, reserved)
		}
	}
	for _, from := range []muxio.Role{muxio.Initiator, muxio.Responder} {
		if ids := c.monitor.Unfinished(from); len(ids) > 0 {
			return fmt.Sprintf("role %d has unfinished streams %d", from, ids)
		}
		if n := c.monitor.Outstanding(from); n >= muxio.InitialConnCredit/4 {
			return fmt.Sprintf("role %d is owed %d bytes of the connection's window", from, n)
		}
	}
	return ""
}

// simPlan is one call.
type simPlan struct {
	order    order
	method   MethodID
	begin    time.Duration
	cancel   time.Duration // 0 for never
	timeout  time.Duration // 0 for none
	priority muxio.Priority
}

// upTo returns a time of up to n seconds of the world.
func (w *simWorld) upTo(r *rand.Rand, n int64) time.Duration {
	return 1 + time.Duration(r.Int64N(n*int64(w.second)))
}

// plan makes up a call.
func (w *simWorld) plan(r *rand.Rand) simPlan {
	p := simPlan{
		method:   MethodID(r.Uint64N(6)) + simUnary,
		begin:    w.upTo(r, 1),
		priority: muxio.Priority(r.IntN(3)),
	}
	p.order = order{Seed: r.Uint64(), Size: uint32(r.IntN(w.bytes)), Filler: uint32(r.IntN(w.bytes)), Items: r.Uint32N(6)}
	if r.IntN(2) == 0 {
		p.order.Slow = uint32(w.upTo(r, 3) / time.Microsecond)
	}
	switch r.IntN(10) {
	case 0, 1:
		p.order.Fail = Code(1 + r.IntN(16))
	case 2:
		p.cancel = w.upTo(r, 2)
	case 3:
		p.timeout = w.upTo(r, 2)
	}
	if r.IntN(5) == 0 {
		p.order.Back = uint8(r.IntN(4))
	}
	if r.IntN(20) == 0 { // larger than windows
		p.order.Size *= 8
	}
	return p
}

// try makes a call and holds its outcome against the plan.
func (c *simConnection) try(p simPlan) {
	<-time.After(p.begin)
	ctx, cancel := context.WithCancel(WithPriority(context.Background(), p.priority))
	defer cancel()
	if p.cancel > 0 {
		defer time.AfterFunc(p.cancel, cancel).Stop()
	}
	if p.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
		defer cancel()
	}
	err := p.order.call(ctx, c.client, p.method)
	c.world.calls.Add(1)
	if err != nil {
		c.world.failed.Add(1)
	}
	if why := c.unexpected(p, err); why != "" {
		c.world.t.Errorf("%+v: outcome %v: %s", p, err, why)
	}
}

// unexpected returns why the outcome of a call cannot be.
func (c *simConnection) unexpected(p simPlan, err error) string {
	var e *Error
	switch {
	case err == nil && p.order.Fail != 0:
		return "it should have failed"
	case err == nil && p.method == simUnknown:
		return "nobody answers it"
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return "no *Error"
	case e.Reason == simReason && e.Code == p.order.Fail:
		return ""
	case e.Code == Canceled && p.cancel > 0, e.Code == DeadlineExceeded && p.timeout > 0,
		e.Code == Unavailable && c.ended.Load(), e.Code == Unimplemented && p.method == simUnknown,
		e.Code == ResourceExhausted && e.Retriable() && c.world.maxCalls > 0:
		return ""
	case e.Code == ResourceExhausted && p.order.Back > 0 && c.world.maxCalls > 0:
		return "" // the call back was refused
	}
	return "nothing in the plan leads to it"
}

// simObserver counts calls at all ends.
type simObserver struct{ begun, ended atomic.Int64 }

func (s *simObserver) observe(ctx context.Context, _ CallInfo) (context.Context, func(CallOutcome)) {
	s.begun.Add(1)
	var once atomic.Bool
	return ctx, func(CallOutcome) {
		if !once.CompareAndSwap(false, true) {
			panic("a call has ended twice")
		}
		s.ended.Add(1)
	}
}
