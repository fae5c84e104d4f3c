package wsconn

import (
	"slices"
	"sync"
	"time"
)

// rearmPart is the part of PongTimeout by which the read deadline may be late.
// The deadline is moved at most once in that time: moving it for every piece
// of data would cost more than the data.
const rearmPart = 8

// arm moves the read deadline, because this end begins to wait.
func (t *Transport) arm() {
	now := time.Now()
	slack := t.cfg.PongTimeout / rearmPart
	t.deadlineMu.Lock()
	defer t.deadlineMu.Unlock()
	if t.closing || now.Sub(t.armed) < slack {
		return
	}
	t.armed = now
	// The connection reports a failure of its own at the next read.
	_ = t.conn.SetReadDeadline(now.Add(t.cfg.PongTimeout + slack))
}

// orders are pings and pongs that wait to be written. A goroutine that writes them is
// there only while there are some, so that neither a read nor a timer waits for a write.
type orders struct {
	mu      sync.Mutex
	waiting []controlFrame // the oldest first, MaxPendingPongs at most
	busy    bool           // writers has a goroutine
	over    bool           // Close began: no more are taken
	timer   *time.Timer    // runs tick

	writers sync.WaitGroup // Go is called with mu held, and not over
}

type controlFrame struct {
	opcode  byte
	payload []byte
}

// startPings starts the timer, which Close stops.
func (t *Transport) startPings() {
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	t.orders.timer = time.AfterFunc(t.cfg.PingInterval, t.tick)
}

// tick orders a ping and the next tick.
func (t *Transport) tick() {
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	if !t.orders.over {
		t.orders.timer.Reset(t.cfg.PingInterval)
		t.orderLocked(controlFrame{opcode: pingMessage})
	}
}

// order has a control frame written.
func (t *Transport) order(f controlFrame) {
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	if !t.orders.over {
		t.orderLocked(f)
	}
}

func (t *Transport) orderLocked(f controlFrame) {
	o := &t.orders
	if len(o.waiting) >= MaxPendingPongs {
		o.waiting = slices.Delete(o.waiting, 0, 1)
	}
	o.waiting = append(o.waiting, f)
	if !o.busy {
		o.busy = true
		o.writers.Go(t.writeOrders) // ends when nothing waits, or with Close, which waits for it
	}
}

// writeOrders writes what waits.
func (t *Transport) writeOrders() {
	for f, ok := t.nextOrder(); ok; f, ok = t.nextOrder() {
		if err := t.writeControl(f.opcode, f.payload, time.Now().Add(t.cfg.WriteTimeout)); err != nil {
			t.writeFailed(err)
		}
	}
}

// nextOrder returns what to write next; ok is false when the goroutine is to end.
func (t *Transport) nextOrder() (f controlFrame, ok bool) {
	o := &t.orders
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over || len(o.waiting) == 0 {
		o.busy = false
		return controlFrame{}, false
	}
	f = o.waiting[0]
	o.waiting = slices.Delete(o.waiting, 0, 1)
	return f, true
}

// end takes no further orders, and lets none wait.
func (o *orders) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.timer.Stop() // a tick that has begun finds that it is over
}

// writeFailed ends the connection when the peer takes no bytes. Other failures
// need nothing done: the reading side meets them too, or a close frame has been
// sent already.
func (t *Transport) writeFailed(err error) {
	if !isTimeout(err) {
		return
	}
	t.failMu.Lock()
	t.failure = t.writeError(err)
	t.failMu.Unlock()
	_ = t.conn.Close() // wakes the reader, which reports the failure
}
