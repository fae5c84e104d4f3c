// Package rounds measures alternatives in turn, round after round, so that what
// else the machine does meets all of them, and takes medians.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// runTimeout bounds one run of one alternative. What does not end by then is
// killed and reported as failed.
const runTimeout = time.Minute

// Plan says how a case is measured.
type Plan struct {
	// Rounds is how often each alternative runs; the median counts.
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

// Interleave runs every alternative, round after round, and returns what each
// of them gave, in their order. One that fails is not run again; its error
// stands in errs.
func Interleave[A fmt.Stringer, R any](
	ctx context.Context, p Plan, what string, list []A, run func(context.Context, A) (R, error),
) (runs [][]R, errs []error) {
	runs, errs = make([][]R, len(list)), make([]error, len(list))
	for round := range p.Rounds {
		for n, a := range list {
			if errs[n] != nil || ctx.Err() != nil {
				continue
			}
			one, cancel := context.WithTimeout(ctx, runTimeout)
			begun := time.Now()
			r, err := run(one, a)
			if one.Err() != nil {
				err = errors.Join(context.Cause(one), err) // what the child says is that it was killed
			}
			cancel()
			if err != nil {
				errs[n] = fmt.Errorf("%s, %s: %w", a, what, err)
				p.logf("FAILED: %v", errs[n])
				continue
			}
			runs[n] = append(runs[n], r)
			p.logf("%s, %s, round %d of %d: %.1f s", what, a, round+1, p.Rounds, time.Since(begun).Seconds())
		}
	}
	for n := range errs {
		if errs[n] == nil && len(runs[n]) == 0 {
			errs[n] = context.Cause(ctx)
		}
	}
	return runs, errs
}

// Median returns the median of a figure over the runs, 0 for none.
func Median[R any](runs []R, figure func(R) float64) float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = figure(r)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return Rounded(values[len(values)/2])
}

// Rounded keeps three decimals, so that results can be read.
func Rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
