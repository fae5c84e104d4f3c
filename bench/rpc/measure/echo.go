package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/peers"
)

// warmUpShare is the part of the measured time that calls run before it.
const warmUpShare = 3

// EchoCase is one case of the echo.
type EchoCase struct {
	Size     int           // of request and answer, in bytes
	InFlight int           // calls at a time on the one connection
	Duration time.Duration // of one run
}

// EchoResult holds the medians of the runs of one implementation, each figure
// by itself.
type EchoResult struct {
	Impl     string  `json:"impl"`
	Size     int     `json:"size"`
	InFlight int     `json:"conc"`
	Calls    float64 `json:"calls_per_s"`
	// Megabytes is the bytes of the requests per second; as many come back.
	Megabytes float64 `json:"mb_per_s"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	// Allocations and CPU are per call, at both ends together. Allocations is
	// null where an implementation does not count them.
	Allocations *float64 `json:"allocs_per_call"`
	CPU         float64  `json:"cpu_us_per_call"`
	ServerCPU   float64  `json:"server_cpu_us_per_call"`
	// Lowest and Highest are the extremes of Calls over the rounds.
	Lowest   float64 `json:"lowest_calls_per_s"`
	Highest  float64 `json:"highest_calls_per_s"`
	Rounds   int     `json:"rounds"`
	Settings string  `json:"settings"`
	Error    string  `json:"error,omitempty"`
}

// echoRun is one run.
type echoRun struct {
	calls  echoSample
	server Usage // during the calls
}

func (r echoRun) perSecond() float64 { return float64(r.calls.Calls) / r.calls.Seconds }

// allocations returns those per call at both ends, -1 when not counted.
func (r echoRun) allocations() float64 {
	if r.calls.Used.Allocations < 0 || r.server.Allocations < 0 {
		return -1
	}
	return float64(r.calls.Used.Allocations+r.server.Allocations) / float64(r.calls.Calls)
}

// Echo measures calls whose answer is their request. Implementations that have
// one call at a time are left out of cases with more.
func Echo(ctx context.Context, p rounds.Plan, list []Implementation, c EchoCase) []EchoResult {
	if c.InFlight > 1 {
		list = Able(list, peers.Concurrent)
	}
	what := fmt.Sprintf("echo of %d B, %d in flight", c.Size, c.InFlight)
	runs, errs := rounds.Interleave(ctx, p, what, list, func(ctx context.Context, i Implementation) (echoRun, error) {
		return runEcho(ctx, i, c)
	})
	results := make([]EchoResult, len(list))
	for n, i := range list {
		results[n] = echoResult(c, i, runs[n])
		results[n].Error = errorText(errs[n])
	}
	return results
}

func runEcho(ctx context.Context, i Implementation, c EchoCase) (r echoRun, err error) {
	pr, err := startPair(ctx, i)
	if err != nil {
		return r, err
	}
	defer pr.stop()
	const format = "echo %d %d %d"
	if err := pr.client.Ask(&r.calls, format, c.Size, c.InFlight, c.Duration/warmUpShare); err != nil {
		return r, err
	}
	before, err := usageOf(pr.server)
	if err != nil {
		return r, err
	}
	if err := pr.client.Ask(&r.calls, format, c.Size, c.InFlight, c.Duration); err != nil {
		return r, err
	}
	after, err := usageOf(pr.server)
	if err != nil {
		return r, err
	}
	r.server = after.since(before)
	if r.calls.Calls == 0 {
		return r, fmt.Errorf("no call ended within %v", c.Duration)
	}
	return r, nil
}

func echoResult(c EchoCase, i Implementation, runs []echoRun) EchoResult {
	r := EchoResult{Impl: i.Name, Size: c.Size, InFlight: c.InFlight, Settings: i.Settings, Rounds: len(runs)}
	if len(runs) == 0 {
		return r
	}
	perCall := func(micros func(echoRun) int64) float64 {
		return rounds.Median(runs, func(r echoRun) float64 { return float64(micros(r)) / float64(r.calls.Calls) })
	}
	r.Calls = rounds.Median(runs, echoRun.perSecond)
	r.Megabytes = rounds.Rounded(r.Calls * float64(c.Size) / 1e6)
	r.P50 = rounds.Median(runs, func(r echoRun) float64 { return float64(r.calls.P50) / 1e3 })
	r.P99 = rounds.Median(runs, func(r echoRun) float64 { return float64(r.calls.P99) / 1e3 })
	r.ServerCPU = perCall(func(r echoRun) int64 { return r.server.CPUMicros })
	r.CPU = perCall(func(r echoRun) int64 { return r.server.CPUMicros + r.calls.Used.CPUMicros })
	if a := rounds.Median(runs, echoRun.allocations); a >= 0 {
		r.Allocations = &a
	}
	r.Lowest, r.Highest = r.Calls, r.Calls
	for _, run := range runs {
		n := rounds.Rounded(run.perSecond())
		r.Lowest, r.Highest = min(r.Lowest, n), max(r.Highest, n)
	}
	return r
}

// errorText is the text of an error, empty for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
