package rpc

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of a handler. It is made for one call and costs no
// goroutine, and no channel unless somebody asks for it. The handlers of a
// connection are many and short, which is why it is not one of package context.
type callContext struct {
	conn   *Conn
	fields fields // of the call

	deadline time.Time // zero for none
	timer    *time.Timer

	mu       sync.Mutex
	done     chan struct{} // made by Done
	err      error
	gone     bool          // the caller has given the call up
	left     chan struct{} // closed then; made by sendContext
	after    []*afterFunc
	response Metadata
}

// callKey is how MetadataFrom finds the context.
type callKey struct{}

var _ context.Context = (*callContext)(nil)

// start begins the life of the context.
func (c *callContext) start(conn *Conn, f fields) {
	c.conn, c.fields = conn, f
	if f.timeout > 0 {
		c.deadline = time.Now().Add(f.timeout)
		c.timer = time.AfterFunc(f.timeout, func() { c.cancel(context.DeadlineExceeded) })
	}
}

// Deadline implements [context.Context].
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

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
	c.after = append(c.after, a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, x := range c.after {
			if x == a {
				c.after = append(c.after[:i], c.after[i+1:]...)
				return true
			}
		}
		return false
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
	after := c.after
	c.after = nil
	c.mu.Unlock()
	for _, a := range after {
		a.fn()
	}
}

// giveUp is cancel when the caller waits no more. A timeout may have come before.
func (c *callContext) giveUp() {
	c.mu.Lock()
	if !c.gone && c.left != nil {
		close(c.left)
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
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel(context.Canceled)
}

// responseMetadata returns what the handler set.
func (c *callContext) responseMetadata() Metadata {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.response
}

// sendContext is the context under which an answer is sent: it ends when the caller
// gives the call up. A timeout that has passed does not keep the answer back, for
// the caller may have a slower clock.
type sendContext struct{ *callContext }

// Done implements [context.Context].
func (c sendContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = make(chan struct{})
		if c.gone {
			close(c.left)
		}
	}
	return c.left
}

// Err implements [context.Context].
func (c sendContext) Err() error {
	if c.abandoned() {
		return context.Canceled
	}
	return nil
}
