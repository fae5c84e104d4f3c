package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Up and Down are the directions of a stream, as the calling process sees it.
const (
	Up   = "up"
	Down = "down"
)

const (
	mib = 1 << 20
	// maxDialing is how many connections are being opened at a time.
	maxDialing = 16
	// runTimeout bounds one run of one implementation. What does not end by
	// then is killed and reported as failed.
	runTimeout = time.Minute
)

// Plan says how a case is measured.
type Plan struct {
	// Rounds is how often each implementation runs; the median counts.
	Rounds int
	// Log receives a line for each run; nil is silent.
	Log io.Writer
}

// logf reports progress.
func (p Plan) logf(format string, args ...any) {
	if p.Log != nil {
		fmt.Fprintf(p.Log, format+"\n", args...)
	}
}

// interleave runs every implementation, round after round, and returns what
// each of them gave, in their order. An implementation that fails is not run
// again; its error stands in errs.
func interleave[R any](
	ctx context.Context, p Plan, what string, list []Implementation,
	run func(context.Context, Implementation) (R, error),
) (runs [][]R, errs []error) {
	runs, errs = make([][]R, len(list)), make([]error, len(list))
	for round := range p.Rounds {
		for n, i := range list {
			if errs[n] != nil || ctx.Err() != nil {
				continue
			}
			one, cancel := context.WithTimeout(ctx, runTimeout)
			begun := time.Now()
			r, err := run(one, i)
			if one.Err() != nil {
				err = errors.Join(context.Cause(one), err) // what the child says is that it was killed
			}
			cancel()
			if err != nil {
				errs[n] = fmt.Errorf("%s, %s: %w", i.Name, what, err)
				p.logf("FAILED: %v", errs[n])
				continue
			}
			runs[n] = append(runs[n], r)
			p.logf("%s, %s, round %d of %d: %.1f s", what, i.Name, round+1, p.Rounds, time.Since(begun).Seconds())
		}
	}
	for n := range errs {
		if errs[n] == nil && len(runs[n]) == 0 {
			errs[n] = context.Cause(ctx)
		}
	}
	return runs, errs
}

// median returns the median of a figure over the runs.
func median[R any](runs []R, figure func(R) float64) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = figure(r)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return rounded(values[len(values)/2])
}

// rounded keeps three decimals, so that results can be read.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }

// errorText is the text of an error, empty for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
