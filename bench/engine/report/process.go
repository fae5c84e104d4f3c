package report

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/rounds"
)

// ask runs a program and parses the line of JSON that it prints.
func ask(ctx context.Context, into any, program string, scale driver.Scale, args ...string) error {
	if scale > 1 {
		args = append(args, strconv.FormatUint(uint64(scale), 10))
	}
	_, err := child.Run(ctx, into, append([]string{program}, args...)...)
	return err
}

// A contestant is one implementation that runs a case.
type contestant struct {
	impl string
	run  func(ctx context.Context) (driver.Result, error)
}

// String names it.
func (c contestant) String() string { return c.impl }

// contest runs a case on all contestants in turn and returns their medians.
// counts is the figure that the extremes are told of. Runs whose checks differ
// did different work, and are no results.
func contest(ctx context.Context, p Plan, name string, list []contestant, counts func(driver.Result) float64) []Result {
	runs, errs := rounds.Interleave(ctx, p.Plan, name, list, func(ctx context.Context, c contestant) (driver.Result, error) {
		if err := settle(p.Dir); err != nil {
			return driver.Result{}, err
		}
		return c.run(ctx)
	})
	if err := sameWork(list, runs); err != nil {
		for i := range errs {
			errs[i] = errors.Join(errs[i], fmt.Errorf("%s: %w", name, err))
		}
	}
	results := make([]Result, len(list))
	for i, c := range list {
		results[i] = resultOf(c.impl, name, runs[i], errs[i], counts)
	}
	return results
}

// sameWork holds that all runs have one check.
func sameWork(list []contestant, runs [][]driver.Result) error {
	checks := map[uint64]string{}
	var told strings.Builder
	for i, c := range list {
		for _, r := range runs[i] {
			if _, met := checks[r.Check]; !met {
				checks[r.Check] = c.impl
				fmt.Fprintf(&told, ", %s %d", c.impl, r.Check)
			}
		}
	}
	if len(checks) > 1 {
		return fmt.Errorf("the checks differ%s: the work was not the same", told.String())
	}
	return nil
}

// resultOf takes the medians.
func resultOf(impl, name string, runs []driver.Result, err error, counts func(driver.Result) float64) Result {
	r := Result{Impl: impl, Result: driver.Result{Case: name}, Rounds: len(runs)}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	of := func(f func(driver.Result) float64) float64 { return rounds.Median(runs, f) }
	r.Ops, r.Bytes, r.Check = runs[0].Ops, runs[0].Bytes, runs[0].Check
	r.Seconds = middleSeconds(runs)
	r.PerSecond = of(func(r driver.Result) float64 { return r.PerSecond })
	r.Megabytes = of(func(r driver.Result) float64 { return r.Megabytes })
	r.Resident = of(func(r driver.Result) float64 { return r.Resident })
	r.Anonymous = of(func(r driver.Result) float64 { return r.Anonymous })
	r.Reads = of(func(r driver.Result) float64 { return r.Reads })
	r.Writes = of(func(r driver.Result) float64 { return r.Writes })
	r.BaseAnon = of(func(r driver.Result) float64 { return r.BaseAnon })
	r.OpenAnon = of(func(r driver.Result) float64 { return r.OpenAnon })
	r.PeakAnon = of(func(r driver.Result) float64 { return r.PeakAnon })
	r.Peak = of(func(r driver.Result) float64 { return r.Peak })
	r.FileBefore = of(func(r driver.Result) float64 { return r.FileBefore })
	r.FileAfter = of(func(r driver.Result) float64 { return r.FileAfter })
	if runs[0].Allocations != nil {
		n := of(func(r driver.Result) float64 { return *r.Allocations })
		r.Allocations = &n
	}
	r.Lowest, r.Highest = counts(runs[0]), counts(runs[0])
	for _, one := range runs {
		r.Lowest, r.Highest = min(r.Lowest, counts(one)), max(r.Highest, counts(one))
	}
	return r
}

// middleSeconds is the median of the times, which are too short for the three
// decimals of other figures: they are taken as ns.
func middleSeconds(runs []driver.Result) float64 {
	const ns = 1e9
	return rounds.Median(runs, func(r driver.Result) float64 { return r.Seconds * ns }) / ns
}
