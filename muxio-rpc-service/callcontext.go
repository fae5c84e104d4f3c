package rpc

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/simd-drive/go/muxio"
)

// callContext is the context of a handler. It is made for one call and costs no
// goroutine, and no channel unless somebody asks for it. The handlers of a
// connection are many and short, which is why it is not one of package context, and
// why what most calls do not have stands apart. It is never used for a second call:
// handlers may leave it to goroutines that outlive them.
type callContext struct {
	conn *Conn
	said *said // nil for a call that said nothing

	mu     sync.Mutex
	gone   bool // the caller has given the call up
	err    error
	done   chan struct{} // made by Done
	asides *asides       // nil for most
}

// said is what the caller said in the header of the call.
type said struct {
	metadata Metadata
	priority muxio.Priority
	deadline time.Time   // zero for none
	timer    *time.Timer // nil for none
}

// asides is what handlers seldom ask of a context.
type asides struct {
	left     chan struct{} // closed when the caller has gone; made by sendContext
	after    []*afterFunc
	response Metadata
}

// callKey is how MetadataFrom finds the context.
type callKey struct{}

var _ context.Context = (*callContext)(nil)

// newCallContext returns the context of a call that begins now.
func newCallContext(conn *Conn, f fields) *callContext {
	c := &callContext{conn: conn}
	if f.timeout > 0 || f.priority != muxio.Normal || f.metadata.Len() > 0 {
		c.said = &said{metadata: f.metadata, priority: f.priority}
	}
	if f.timeout > 0 {
		c.said.deadline = time.Now().Add(f.timeout)
		c.said.timer = time.AfterFunc(f.timeout, func() { c.cancel(context.DeadlineExceeded) })
	}
	return c
}

// asidesLocked returns the asides, which are made if there are none.
func (c *callContext) asidesLocked() *asides {
	if c.asides == nil {
		c.asides = new(asides)
	}
	return c.asides
}

// priority returns that of the answer.
func (c *callContext) priority() muxio.Priority {
	if c.said == nil {
		return muxio.Normal
	}
	return c.said.priority
}

// metadata returns what the caller sent.
func (c *callContext) metadata() Metadata {
	if c.said == nil {
		return Metadata{}
	}
	return c.said.metadata
}

// Deadline implements [context.Context].
func (c *callContext) Deadline() (time.Time, bool) {
	if c.said == nil {
		return time.Time{}, false
	}
	return c.said.deadline, !c.said.deadline.IsZero()
}

// Done implements [context.Context].
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements [context.Context].
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Value implements [context.Context].
func (c *callContext) Value(key any) any {
	switch key.(type) {
	case peerKey:
		return c.conn
	case callKey:
		return c
	}
	return nil
}

// afterFunc is a function to be called at the end of the context.
type afterFunc struct{ fn func() }

// AfterFunc lets package context derive contexts without a goroutine for each.
func (c *callContext) AfterFunc(fn func()) (stop func() bool) {
	a := &afterFunc{fn}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go fn() // as package context does; fn ends by itself
		return func() bool { return false }
	}
	o := c.asidesLocked()
	o.after = append(o.after, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(o.after, a)
		if i >= 0 {
			o.after = slices.Delete(o.after, i, i+1)
		}
		return i >= 0
	}
}

// cancel ends the context.
func (c *callContext) cancel(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	var after []*afterFunc
	if c.asides != nil {
		after, c.asides.after = c.asides.after, nil
	}
	c.mu.Unlock()
	for _, a := range after {
		a.fn()
	}
}

// giveUp implements running: the caller waits no more. A timeout may have come before.
func (c *callContext) giveUp(error) {
	c.mu.Lock()
	if !c.gone && c.asides != nil && c.asides.left != nil {
		close(c.asides.left)
	}
	c.gone = true
	c.mu.Unlock()
	c.cancel(context.Canceled)
}

// abandoned tells that the caller waits no more. After a timeout it may, and gets
// the answer.
func (c *callContext) abandoned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// end is cancel when the handler has returned.
func (c *callContext) end() {
	if c.said != nil && c.said.timer != nil {
		c.said.timer.Stop()
	}
	c.cancel(context.Canceled)
}

// responseMetadata returns what the handler set.
func (c *callContext) responseMetadata() Metadata {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asides == nil {
		return Metadata{}
	}
	return c.asides.response
}

// sendContext is the context under which an answer is sent: it ends when the caller
// gives the call up. A timeout that has passed does not keep the answer back, for
// the caller may have a slower clock.
type sendContext struct{ *callContext }

// Done implements [context.Context].
func (c sendContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.asidesLocked()
	if o.left == nil {
		o.left = make(chan struct{})
		if c.gone {
			close(o.left)
		}
	}
	return o.left
}

// Err implements [context.Context].
func (c sendContext) Err() error {
	if c.abandoned() {
		return context.Canceled
	}
	return nil
}
