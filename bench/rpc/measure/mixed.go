package measure

import (
	"context"
	"fmt"

	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/peers"
)

// warmUpParts is the number of times that the bytes of a warm-up go into those
// of the measured stream.
const warmUpParts = 16

// MixedCase is a case with calls beside a stream.
type MixedCase struct {
	Bytes int64 // of the stream
	Size  int   // of the calls, of which one is in flight
}

// MixedResult holds the medians of the runs of one implementation in one
// direction of the stream.
type MixedResult struct {
	Impl      string `json:"impl"`
	Direction string `json:"direction"`
	Bytes     int64  `json:"bytes"`
	// P50, P99 and Max are latencies of the calls beside the stream, IdleP50
	// of calls without one.
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"`
	Max     float64 `json:"max_us"`
	IdleP50 float64 `json:"idle_p50_us"`
	// Calls is the number of calls beside the stream.
	Calls float64 `json:"calls"`
	// Bulk is the rate of the stream beside the calls, Alone without them, in
	// MB per second. Share is one as part of the other, within each run.
	Bulk     float64 `json:"bulk_mb_per_s"`
	Alone    float64 `json:"alone_mb_per_s"`
	Share    float64 `json:"bulk_share"`
	Rounds   int     `json:"rounds"`
	Settings string  `json:"settings"`
	Error    string  `json:"error,omitempty"`
}

// mixedRun is one run in one direction.
type mixedRun struct {
	idle  echoSample
	alone streamSample
	mixed mixedSample
}

// Mixed measures calls beside a stream on the same connection, in each
// direction of the stream.
func Mixed(ctx context.Context, p rounds.Plan, list []Implementation, c MixedCase) []MixedResult {
	list = Able(list, peers.Mixed)
	var results []MixedResult
	for _, direction := range []string{Up, Down} {
		what := fmt.Sprintf("calls beside a stream of %d MiB %s", c.Bytes/mib, direction)
		runs, errs := rounds.Interleave(ctx, p, what, list, func(ctx context.Context, i Implementation) (mixedRun, error) {
			return runMixed(ctx, i, c, direction)
		})
		for n, i := range list {
			r := mixedResult(c, runs[n])
			r.Impl, r.Direction, r.Settings, r.Error = i.Name, direction, i.Settings, errorText(errs[n])
			results = append(results, r)
		}
	}
	return results
}

func runMixed(ctx context.Context, i Implementation, c MixedCase, direction string) (r mixedRun, err error) {
	pr, err := startPair(ctx, i)
	if err != nil {
		return r, err
	}
	defer pr.stop()
	if err := pr.client.Ask(&r.idle, "echo %d 1 %d", c.Size, idleCalls); err != nil {
		return r, err
	}
	if err := pr.client.Ask(&r.alone, "stream %s %d", direction, max(1, c.Bytes/warmUpParts)); err != nil {
		return r, err
	}
	if err := pr.client.Ask(&r.alone, "stream %s %d", direction, c.Bytes); err != nil {
		return r, err
	}
	return r, pr.client.Ask(&r.mixed, "mixed %s %d %d", direction, c.Bytes, c.Size)
}

func mixedResult(c MixedCase, runs []mixedRun) MixedResult {
	micros := func(of func(mixedRun) int64) float64 {
		return rounds.Median(runs, func(r mixedRun) float64 { return float64(of(r)) / 1e3 })
	}
	rate := func(seconds float64) float64 { return float64(c.Bytes) / 1e6 / seconds }
	return MixedResult{
		Bytes:   c.Bytes,
		P50:     micros(func(r mixedRun) int64 { return r.mixed.Calls.P50 }),
		P99:     micros(func(r mixedRun) int64 { return r.mixed.Calls.P99 }),
		Max:     micros(func(r mixedRun) int64 { return r.mixed.Calls.Max }),
		IdleP50: micros(func(r mixedRun) int64 { return r.idle.P50 }),
		Calls:   rounds.Median(runs, func(r mixedRun) float64 { return float64(r.mixed.Calls.Calls) }),
		Bulk:    rounds.Median(runs, func(r mixedRun) float64 { return rate(r.mixed.StreamSeconds) }),
		Alone:   rounds.Median(runs, func(r mixedRun) float64 { return rate(r.alone.Seconds) }),
		Share:   rounds.Median(runs, func(r mixedRun) float64 { return r.alone.Seconds / r.mixed.StreamSeconds }),
		Rounds:  len(runs),
	}
}
