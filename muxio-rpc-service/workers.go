package rpc

// Unary calls of the peer wait in a queue of their connection. Workers take them from
// it, one after the other, so that quick handlers cost no goroutine each. As long as
// calls wait, one worker is on its way to the queue: a worker that takes a call while
// others wait starts the next one before it runs the handler, for that may block. A
// worker that finds the queue empty ends. There are never more workers than calls
// are running, which [Config.MaxCalls] bounds, and none takes a call while responses of
// [Config.MaxUnsentBytes] wait to be sent.

// callQueue is guarded by the mutex of its connection.
type callQueue struct {
	first, last *unaryRequest
	starting    bool // a worker was started that has not come yet
}

// queueCall counts a call in and puts it into the queue, or returns why it is refused.
func (c *Conn) queueCall(u *unaryRequest) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.beginLocked(u.id, u.ctx); e != nil {
		return e
	}
	if c.queue.last == nil {
		c.queue.first = u
	} else {
		c.queue.last.next = u
	}
	c.queue.last = u
	c.startWorkerLocked()
	return nil
}

// startWorkerLocked starts a worker if calls wait and none is on its way to them.
func (c *Conn) startWorkerLocked() {
	if c.queue.first == nil || c.queue.starting || c.ended != nil || c.unsent >= c.cfg.MaxUnsentBytes {
		return
	}
	c.queue.starting = true
	c.running.Add(1)
	go c.worker()
}

// work is what a worker does: it answers calls until none waits. [Conn.Wait] waits for
// it.
func (c *Conn) work() {
	defer c.running.Done()
	dst, head := borrowBlock(minBlockBytes), borrowBlock(minBlockBytes)
	defer dst.giveBack()
	defer head.giveBack()
	for u := c.nextCall(true); u != nil; u = c.nextCall(false) {
		u.run(dst.bytes[:0], head.bytes[:0])
	}
}

// nextCall takes a call from the queue. fresh says that the worker has just started.
func (c *Conn) nextCall(fresh bool) *unaryRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fresh {
		c.queue.starting = false
	}
	u := c.queue.first
	if u == nil || c.unsent >= c.cfg.MaxUnsentBytes {
		return nil
	}
	if c.queue.first = u.next; u.next == nil {
		c.queue.last = nil
	}
	u.next = nil
	c.startWorkerLocked()
	return u
}

// drop ends the calls that no worker has taken when the connection ends.
func (c *Conn) drop(u *unaryRequest) {
	for u != nil {
		next, stream := u.next, u.stream
		u.ctx.end()
		c.endCall(u.id)
		u.free()
		stream.Release()
		u = next
	}
}

// sending counts a response of n bytes in that is going to be sent.
func (c *Conn) sending(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent += n
}

// sent counts it out.
func (c *Conn) sent(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sentLocked(n)
}

func (c *Conn) sentLocked(n int) {
	c.unsent -= n
	c.startWorkerLocked()
}

// isBehind tells whether the peer is to take responses before further calls are begun.
func (c *Conn) isBehind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent >= c.cfg.MaxUnsentBytes
}
