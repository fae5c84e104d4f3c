package drive

import (
	"errors"
	"runtime/debug"
	"sync"
)

const (
	// maxGroupOperations is how many operations share a sync at most.
	maxGroupOperations = 1024
	// maxGroupBytes is how many bytes of them are gathered before a group is closed.
	maxGroupBytes = 16 << 20
)

// commitGroup lets operations that wait at the same time share a write and a sync
// (SyncAlways). Whoever finds nobody at work leads: it commits what is waiting,
// itself first, and hands the lead to the next that came meanwhile. So a lone
// operation waits for nobody, and the more wait the more share.
type commitGroup struct {
	s *Store

	mu      sync.Mutex // held for moments only
	queue   []*waiter  // in the order of arrival; the leader's own is the first
	leading bool       // somebody leads; queue is empty otherwise
}

// waiter is an operation in the queue.
type waiter struct {
	op   operation
	tail int64
	err  error
	done bool
	turn chan bool // receives once: true to lead, false when done
}

// do commits op and returns the tail after it.
func (c *commitGroup) do(op operation) (int64, error) {
	w := &waiter{op: op, turn: make(chan bool, 1)}
	c.mu.Lock()
	c.queue = append(c.queue, w)
	lead := !c.leading
	c.leading = true
	c.mu.Unlock()
	if lead || <-w.turn {
		c.lead()
	}
	return w.tail, w.err
}

// lead commits the first of the queue, the leader's own among them, tells those,
// and passes the lead on.
func (c *commitGroup) lead() {
	c.s.mu.Lock()
	group := c.next()
	n := c.s.commitGroupLocked(group)
	c.s.mu.Unlock()

	c.mu.Lock()
	c.queue = c.queue[n:]
	if c.leading = len(c.queue) > 0; c.leading {
		c.queue[0].turn <- true
	} else {
		c.queue = nil
	}
	c.mu.Unlock()
	for _, w := range group[1:n] {
		w.turn <- false
	}
}

// next returns the first of the queue, as many as may share a sync.
func (c *commitGroup) next() []*waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, bytes := 0, int64(0)
	for n < len(c.queue) && n < maxGroupOperations && bytes < maxGroupBytes {
		bytes += c.queue[n].op.size()
		n++
	}
	return c.queue[:n:n]
}

// commitGroupLocked commits operations together and returns how many it has taken,
// one at least; the others need what these write. s.mu must be held.
func (s *Store) commitGroupLocked(group []*waiter) (n int) {
	g, err := s.writableLocked()
	if err != nil {
		return finishGroup(group, err)
	}
	b := &s.batch
	b.start(g)
	defer b.release()
	for _, w := range group[1:] {
		b.hold = b.hold || w.op.atomic()
	}
	b.hold = b.hold || len(group) > 1 && group[0].op.atomic()
	n, err = s.addGroupLocked(group)
	return finishGroup(group[:n], s.settleLocked(err))
}

// addGroupLocked plans and adds operations. It returns how many, and why adding
// failed.
func (s *Store) addGroupLocked(group []*waiter) (n int, err error) {
	// A value may be mapped memory, of a drive that somebody has cut; its owner's goroutine may be prepared for
	// that, and this one must be.
	defer func(old bool) {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			if _, fault := r.(interface{ Addr() uintptr }); !fault {
				panic(r)
			}
			n, err = max(n, 1), errValueFault
		}
	}(debug.SetPanicOnFault(true))
	for i, w := range group {
		s.batch.nextOperation()
		err := s.planLocked(w.op, len(group) == 1)
		if errors.Is(err, errNextBatch) {
			return n, nil
		}
		n = i + 1
		if err != nil {
			w.err, w.done = err, true
			continue
		}
		if err := w.op.add(&s.batch); err != nil {
			return n, err
		}
		w.tail = s.batch.end
	}
	return n, nil
}

// finishGroup notes the outcome of operations that were not refused by themselves,
// and returns how many operations there are.
func finishGroup(group []*waiter, err error) int {
	for _, w := range group {
		if !w.done && err != nil {
			w.tail, w.err = 0, err
		}
	}
	return len(group)
}
