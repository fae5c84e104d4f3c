package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// latencyEvery is how many operations share one latency measurement, so that
// reading the clock does not become the load.
const latencyEvery = 8

// load keeps inFlight operations running for d and returns their rate and
// latency. op is called with the number of the worker that runs it.
func load(ctx context.Context, d time.Duration, inFlight int, op func(ctx context.Context, worker int) error) (sample, error) {
	counts := make([]int, inFlight)
	latencies := make([][]time.Duration, inFlight)
	start := time.Now()
	deadline := start.Add(d)
	var workers errgroup.Group // each ends at the deadline or the first error of its own
	for w := range inFlight {
		workers.Go(func() error {
			for n := 0; ; n++ {
				if n%latencyEvery != 0 {
					if err := op(ctx, w); err != nil {
						return err
					}
					counts[w]++
					continue
				}
				before := time.Now()
				if before.After(deadline) || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := op(ctx, w); err != nil {
					return err
				}
				counts[w]++
				latencies[w] = append(latencies[w], time.Since(before))
			}
		})
	}
	if err := workers.Wait(); err != nil {
		return sample{}, err
	}
	elapsed := time.Since(start).Seconds()
	total := 0
	for _, n := range counts {
		total += n
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	s := sample{perSecond: float64(total) / elapsed}
	if len(all) > 0 {
		s.p50, s.p99 = all[len(all)/2], all[len(all)*99/100]
	}
	return s, nil
}
