package kv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/bench/latency"
	"github.com/simd-drive/go/bench/usage"
)

// errNoStream reports a store that is no [Streamer].
var errNoStream = errors.New("the client has no streams")

// A Store is a connection to a service, and the items that it is asked for. A batch is
// the first [BatchKeys] items. What is read is compared with what should be there, else
// the call fails with [ErrWrongAnswer]. All methods but Close are safe for concurrent
// use.
type Store interface {
	Read(ctx context.Context, i int) error
	Write(ctx context.Context, i int) error
	Exists(ctx context.Context, i int) error
	ReadBatch(ctx context.Context) error
	WriteBatch(ctx context.Context) error
	// Fill stores all items.
	Fill(ctx context.Context) error
	Close() error
}

// A Streamer is a [Store] with one large value that can be read as a stream.
type Streamer interface {
	// FillStream stores a value of n bytes.
	FillStream(ctx context.Context, n int64) error
	// ReadStream reads it and forgets what it reads.
	ReadStream(ctx context.Context, n int64) error
}

// A Sample is what calls took.
type Sample struct {
	Calls   uint64      `json:"calls"`
	Seconds float64     `json:"seconds"`
	P50     int64       `json:"p50_ns"`
	P99     int64       `json:"p99_ns"`
	Used    usage.Usage `json:"used"` // by the calling process
}

// PerSecond returns the rate of the calls.
func (s Sample) PerSecond() float64 { return float64(s.Calls) / s.Seconds }

// A Load keeps calls of a case in flight.
type Load struct {
	Store Store
	Case  Case
	Items int // that Store has
}

// Run keeps calls in flight for some time, at least one for each worker.
func (l Load) Run(ctx context.Context, d time.Duration) (Sample, error) {
	histograms := make([]latency.Histogram, l.Case.InFlight)
	start := make(chan struct{})
	var begun time.Time        // set before start is closed
	var workers errgroup.Group // each ends after d or with an error of its own
	for w := range histograms {
		workers.Go(func() error {
			<-start
			h := &histograms[w]
			for before := begun; h.Total() == 0 || before.Sub(begun) < d; {
				if err := l.call(ctx, w, int(h.Total())); err != nil {
					return err
				}
				now := time.Now()
				h.Add(now.Sub(before))
				before = now
			}
			return nil
		})
	}
	runtime.Gosched() // so that the workers wait before the clock starts
	used := usage.Own()
	begun = time.Now()
	close(start)
	if err := workers.Wait(); err != nil {
		return Sample{}, err
	}
	seconds := time.Since(begun).Seconds()
	used = usage.Own().Since(used)
	all := &histograms[0]
	for i := range histograms[1:] {
		all.Merge(&histograms[1+i])
	}
	return Sample{
		Calls: all.Total(), Seconds: seconds, Used: used,
		P50: int64(all.Quantile(0.5)), P99: int64(all.Quantile(0.99)),
	}, nil
}

// call makes the nth call of a worker.
func (l Load) call(ctx context.Context, worker, n int) error {
	if l.Case.Op == Stream {
		s, ok := l.Store.(Streamer)
		if !ok {
			return errNoStream
		}
		return s.ReadStream(ctx, int64(l.Case.Size))
	}
	i := (worker + n) % l.Items
	switch l.Case.Op {
	case Read:
		return l.Store.Read(ctx, i)
	case Write:
		return l.Store.Write(ctx, i)
	case Exists:
		return l.Store.Exists(ctx, i)
	case BatchRead:
		return l.Store.ReadBatch(ctx)
	case BatchWrite:
		return l.Store.WriteBatch(ctx)
	case Mixed:
		if (worker+n)%mixedRound == mixedRound-1 {
			return l.Store.Write(ctx, i)
		}
		return l.Store.Read(ctx, i)
	}
	return fmt.Errorf("no load of operation %q", l.Case.Op)
}
