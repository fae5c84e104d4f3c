//go:build linux

package powercut

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	drive "github.com/simd-drive/go/drive-core"
)

// driveName is the file that the workload writes, on the recorded disk.
const driveName = "a.drive"

// Files that the workload inherits.
const (
	eventsFD   = 3 // a pipe for its events
	positionFD = 4 // see position
)

// workload is what the process that uses the drive is told to do.
type workload struct {
	Path  string // of the drive
	Mode  string // name of its mode, for what is called how often
	Sync  drive.SyncMode
	Seed  uint64
	Round int
	Calls int  // of each writer
	Busy  bool // which conditions
}

// run does the work in this process, reports it, and then waits until wait ends. It
// leaves the drive open: the power goes without a warning.
func (w workload) run(wait io.Reader) error {
	m, err := modeByName(w.Mode)
	if err != nil {
		return err
	}
	events := os.NewFile(eventsFD, "events")
	pos, err := openPosition(os.NewFile(positionFD, "position"))
	if err != nil {
		return err
	}
	store, err := drive.Open(w.Path, drive.Options{Sync: w.Sync})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	around := quiet
	if w.Busy {
		around = busy
	}
	var writers, background sync.WaitGroup
	// Ends when the writers have; waited for below.
	background.Go(func() { around.run(ctx, w.Path, w.Seed, cancel) })
	sequence := new(atomic.Uint64)
	for i := range m.writers {
		id := writerID{w.Round, i}
		c := caller{
			id: id, plan: newPlan(w.Seed, id, m.weights, w.Calls), store: store, pace: m.pace,
			events: events, position: pos, sequence: sequence,
		}
		// Ends after its last call or when another one fails; waited for below.
		writers.Go(func() {
			if err := c.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	writers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	cancel(context.Canceled)
	background.Wait()
	if err := binary.Write(events, binary.LittleEndian, &event{Done: true}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, wait)
	return err
}

// caller makes the calls of one writer.
type caller struct {
	id       writerID
	plan     *plan
	store    *drive.Store
	pace     time.Duration // between two calls; 0 is none
	events   io.Writer
	position *position
	sequence *atomic.Uint64
}

// run makes all calls and reports before and after each.
func (c *caller) run(ctx context.Context) error {
	var ticks <-chan time.Time
	if c.pace > 0 {
		ticker := time.NewTicker(c.pace)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for i := range c.plan.ops {
		if ticks != nil {
			select {
			case <-ticks:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return nil // somebody else failed
		}
		if err := c.report(i, false); err != nil {
			return err
		}
		if err := c.call(ctx, &c.plan.ops[i]); err != nil {
			return fmt.Errorf("call %d of writer %d, %v: %w", i+1, c.id.writer, c.plan.ops[i].kind, err)
		}
		if err := c.report(i, true); err != nil {
			return err
		}
	}
	return nil
}

// report tells of call i, from 0.
func (c *caller) report(i int, done bool) error {
	e := event{Writer: int32(c.id.writer), Op: int32(i + 1), Done: done, Position: c.position.load(), At: monotonic()}
	e.Sequence = c.sequence.Add(1)
	return binary.Write(c.events, binary.LittleEndian, &e)
}

// call makes one call.
func (c *caller) call(ctx context.Context, o *op) (err error) {
	keys := make([][]byte, len(o.keys))
	for i, k := range o.keys {
		keys[i] = c.id.key(k)
	}
	switch o.kind {
	case opWrite:
		_, err = c.store.Write(keys[0], o.values[0].bytes(c.id))
	case opStream:
		_, err = c.store.WriteFrom(keys[0], io.MultiReader(bytes.NewReader(o.values[0].bytes(c.id))))
	case opBatch:
		items := make([]drive.Item, len(keys))
		for i := range items {
			items[i] = drive.Item{Key: keys[i], Value: o.values[i].bytes(c.id)}
		}
		_, err = c.store.WriteBatch(items)
	case opDelete:
		_, err = c.store.Delete(keys[0])
	case opDeleteBatch:
		_, err = c.store.DeleteBatch(keys)
	case opRename:
		_, err = c.store.Rename(keys[0], keys[1])
	case opSync:
		err = c.store.Sync()
	case opCompact:
		_, err = c.store.Compact(ctx, drive.CompactOptions{})
	}
	return err
}
