//go:build linux

package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// event is what a workload reports: a call is about to be made, or has been answered.
// It has a fixed size, so that it is its own encoding.
type event struct {
	Writer   int32
	Op       int32         // which call, from 1
	Done     bool          // answered; otherwise about to be made
	Sequence uint64        // orders all events of a run
	Position uint64        // records of the disk before a call; after its answer
	At       time.Duration // see monotonic
}

// moment says when something happened.
type moment struct {
	sequence uint64
	position uint64
	at       time.Duration
}

// call is what is known of one call.
type call struct{ issued, acknowledged moment }

// never is the moment of what did not happen.
var never = moment{sequence: 1<<64 - 1, position: 1<<64 - 1, at: 1<<63 - 1}

// history is what happened in one round: each writer's plan and when its calls were
// made and answered.
type history struct {
	mode   mode
	round  int
	plans  []*plan
	calls  [][]call // of each writer, in order
	result *recording
}

// readEvents fills in the calls from what the workload wrote until it ended its
// report with an event of no call; done is true when it did.
func (h *history) readEvents(r io.Reader) (done bool, err error) {
	for {
		var e event
		err := binary.Read(r, binary.LittleEndian, &e)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read events: %w", err)
		}
		if e.Op == 0 {
			return true, nil
		}
		if int(e.Writer) >= len(h.calls) || int(e.Op) > len(h.plans[e.Writer].ops) {
			return false, fmt.Errorf("read events: no call %d of writer %d", e.Op, e.Writer)
		}
		at := moment{e.Sequence, e.Position, e.At}
		calls := h.calls[e.Writer]
		if !e.Done {
			calls = append(calls, call{at, never})
		} else {
			calls[len(calls)-1].acknowledged = at
		}
		if len(calls) != int(e.Op) {
			return false, fmt.Errorf("read events: call %d of writer %d is its %dth", e.Op, e.Writer, len(calls))
		}
		h.calls[e.Writer] = calls
	}
}

// issued returns how many calls of a writer had been made when the disk had seen its
// first n records, and acknowledged how many had been answered.
func (h *history) issued(writer, n int) int {
	return count(h.calls[writer], func(c *call) bool { return c.issued.position < uint64(n) })
}

func (h *history) acknowledged(writer, n int) int {
	return count(h.calls[writer], func(c *call) bool { return c.acknowledged.position <= uint64(n) })
}

// promised returns how many calls of a writer must have effect after a power cut
// behind the first n records.
func (h *history) promised(writer, n int) int {
	if h.mode.acknowledgedIsDurable {
		return h.acknowledged(writer, n)
	}
	// What was answered before a Sync or a Compact was called is durable when that is answered.
	var synced uint64
	for w := range h.calls {
		for i := range h.calls[w] {
			kind, c := h.plans[w].ops[i].kind, &h.calls[w][i]
			if (kind == opSync || kind == opCompact) && c.acknowledged.position <= uint64(n) {
				synced = max(synced, c.issued.sequence)
			}
		}
	}
	low := count(h.calls[writer], func(c *call) bool { return c.acknowledged.sequence < synced })
	if d := h.mode.sync.Interval(); d > 0 {
		since := h.result.time(n) - d - h.syncTime()
		low = max(low, count(h.calls[writer], func(c *call) bool { return c.acknowledged.at < since }))
	}
	return low
}

const (
	// leastSyncTime is what a sync in the background may take in any case.
	leastSyncTime = time.Second
	// syncTimeFactor is how much longer it may take than the longest halt that the writers made.
	syncTimeFactor = 3
)

// syncTime returns how long a sync in the background may take on this machine as it
// was during the run; the promise of an interval is that much wider. It follows from
// the longest time for which a writer heard nothing or did nothing.
func (h *history) syncTime() time.Duration {
	var longest time.Duration
	for _, calls := range h.calls {
		for i := range calls {
			if i > 0 {
				longest = max(longest, calls[i].issued.at-calls[i-1].acknowledged.at)
			}
			if calls[i].acknowledged != never {
				longest = max(longest, calls[i].acknowledged.at-calls[i].issued.at)
			}
		}
	}
	return max(leastSyncTime, syncTimeFactor*longest)
}

// count returns how many of the first calls meet the condition, up to the first that
// does not.
func count(calls []call, is func(c *call) bool) int {
	for i := range calls {
		if !is(&calls[i]) {
			return i
		}
	}
	return len(calls)
}
