package rpc

// Unary calls of the peer wait in a queue of their connection. Workers take them from
// it, one after the other, so that quick handlers cost no goroutine each. As long as
// calls wait, one worker is on its way to the queue: a worker that takes a call while
// others wait starts the next one before it runs the handler, for that may block. A
// worker that finds the queue empty ends. There are never more workers than calls
// are running, which [Config.MaxCalls] bounds, and none takes a call while responses of
// [Config.MaxUnsentBytes] wait to be sent. Calls of methods that are [Route.Ordered] have
// a queue of their own, with one worker at a time.

// callQueue is guarded by the mutex of its connection.
type callQueue struct {
	conn        *Conn
	first, last *unaryRequest
	ordered     bool   // one worker at a time
	starting    bool   // a worker was started that has not come yet; or, of an ordered one, that has not ended
	worker      func() // is work: a go statement with it allocates nothing
}

func (q *callQueue) init(c *Conn, ordered bool) {
	q.conn, q.ordered = c, ordered
	q.worker = q.work
}

// queueCall counts a call in and puts it into its queue, or returns why it is refused.
func (c *Conn) queueCall(u *unaryRequest) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.beginLocked(u.id, u.ctx); e != nil {
		return e
	}
	q := &c.queue
	if u.route.Ordered {
		q = &c.ordered
	}
	if q.last == nil {
		q.first = u
	} else {
		q.last.next = u
	}
	q.last = u
	q.startWorkerLocked()
	return nil
}

// takeAllLocked takes all calls out, which are linked, when the connection has ended.
func (q *callQueue) takeAllLocked() *unaryRequest {
	first := q.first
	q.first, q.last = nil, nil
	return first
}

// startWorkerLocked starts a worker if calls wait and none is on its way to them.
func (q *callQueue) startWorkerLocked() {
	c := q.conn
	if q.first == nil || q.starting || c.ended != nil || c.unsent >= c.cfg.MaxUnsentBytes {
		return
	}
	q.starting = true
	c.running.Add(1)
	go q.worker()
}

// work is what a worker does: it answers calls until none waits. [Conn.Wait] waits for
// it.
func (q *callQueue) work() {
	defer q.conn.running.Done()
	dst, head := borrowBlock(minBlockBytes), borrowBlock(minBlockBytes)
	defer dst.giveBack()
	defer head.giveBack()
	defer q.leave()
	for u := q.next(true); u != nil; u = q.next(false) {
		u.run(dst.bytes[:0], head.bytes[:0])
	}
}

// next takes a call from the queue. fresh says that the worker has just started.
func (q *callQueue) next(fresh bool) *unaryRequest {
	c := q.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if fresh && !q.ordered {
		q.starting = false
	}
	u := q.first
	if u == nil || c.unsent >= c.cfg.MaxUnsentBytes {
		return nil
	}
	if q.first = u.next; u.next == nil {
		q.last = nil
	}
	u.next = nil
	q.startWorkerLocked()
	return u
}

// leave makes room for the next worker of an ordered queue, also when a handler has
// ended the goroutine.
func (q *callQueue) leave() {
	if !q.ordered {
		return
	}
	q.conn.mu.Lock()
	defer q.conn.mu.Unlock()
	q.starting = false
	q.startWorkerLocked()
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
	c.queue.startWorkerLocked()
	c.ordered.startWorkerLocked()
}

// isBehind tells whether the peer is to take responses before further calls are begun.
func (c *Conn) isBehind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent >= c.cfg.MaxUnsentBytes
}
