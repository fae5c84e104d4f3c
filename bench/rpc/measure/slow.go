package measure

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/peers"
)

const (
	// memoryEvery is the time between two looks at a server's memory.
	memoryEvery = 100 * time.Millisecond
	// settledFor is how long a server's memory must stay as it is, within
	// settledWithin MiB, for its end to be seen.
	settledFor    = time.Second
	settledWithin = 1.0
	// maxWatch bounds the watching as a multiple of what was asked for.
	maxWatch = 4
	// idleCalls is the number of nanoseconds that calls run to find how long
	// one takes when nothing else happens.
	idleCalls = int64(100 * time.Millisecond)
)

// SlowCase is a client that asks for much and does not read the answers.
type SlowCase struct {
	Count int           // fetches that are begun
	Size  int           // of each answer, in bytes
	Watch time.Duration // how long the server's memory is watched at least; longer while it changes
}

// SlowResult is what the server of one implementation took.
type SlowResult struct {
	Impl  string `json:"impl"`
	Count int    `json:"count"`
	Size  int    `json:"size"`
	// Reached is how many of the fetches reached the service: what stands
	// against the others is a limit of the implementation. It is null where
	// the server does not count them.
	Reached *int64 `json:"reached"`
	// Before, Peak and End are resident memory of the server in MiB.
	Before float64 `json:"before_mib"`
	Peak   float64 `json:"peak_mib"`
	End    float64 `json:"end_mib"`
	// Memory is the resident memory over time since the fetches began.
	Memory   []MemorySample `json:"memory"`
	Settings string         `json:"settings"`
	Error    string         `json:"error,omitempty"`
}

// MemorySample is one look at a process.
type MemorySample struct {
	Seconds  float64 `json:"s"`
	Resident float64 `json:"mib"`
}

// Slow watches the memory of each server once.
func Slow(ctx context.Context, p rounds.Plan, list []Implementation, c SlowCase) []SlowResult {
	list = Able(list, peers.Fetches|peers.Concurrent)
	p.Rounds = 1
	what := fmt.Sprintf("client that does not read %d answers of %d KiB", c.Count, c.Size>>10)
	runs, errs := rounds.Interleave(ctx, p, what, list, func(ctx context.Context, i Implementation) (SlowResult, error) {
		return runSlow(ctx, i, c)
	})
	results := make([]SlowResult, len(list))
	for n, i := range list {
		if len(runs[n]) > 0 {
			results[n] = runs[n][0]
		}
		r := &results[n]
		r.Impl, r.Count, r.Size, r.Settings, r.Error = i.Name, c.Count, c.Size, i.Settings, errorText(errs[n])
	}
	return results
}

func runSlow(ctx context.Context, i Implementation, c SlowCase) (r SlowResult, err error) {
	server, err := child.Start(ctx, i.serve...)
	if err != nil {
		return r, err
	}
	defer server.Stop()
	between, err := startRelay(ctx, server.Address)
	if err != nil {
		return r, err
	}
	defer between.close()
	client, err := startClient(ctx, i, between.address())
	if err != nil {
		return r, err
	}
	defer client.Stop()
	var warm echoSample
	if err := client.Ask(&warm, "echo 32 1 %d", idleCalls); err != nil {
		return r, err
	}
	before, err := usageOf(server)
	if err != nil {
		return r, err
	}
	r.Before = rounds.Rounded(float64(before.ResidentBytes) / mib)
	between.stop()
	begun := time.Now()
	if err := client.Ask(&struct{}{}, "stall %d %d", c.Count, c.Size); err != nil {
		return r, err
	}
	settled := begun // since when the memory stays as it is
	level := r.Before
	ticks := time.NewTicker(memoryEvery)
	defer ticks.Stop()
	for {
		u, err := usageOf(server)
		if err != nil {
			return r, err
		}
		if u.Fetches >= 0 {
			r.Reached = &u.Fetches
		}
		since := time.Since(begun)
		r.End = rounds.Rounded(float64(u.ResidentBytes) / mib)
		r.Peak = max(r.Peak, rounds.Rounded(float64(u.PeakResidentBytes)/mib))
		r.Memory = append(r.Memory, MemorySample{rounds.Rounded(since.Seconds()), r.End})
		if math.Abs(r.End-level) > settledWithin {
			settled, level = time.Now(), r.End
		}
		if since >= maxWatch*c.Watch || since >= c.Watch && time.Since(settled) >= settledFor {
			return r, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
}
