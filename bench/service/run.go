package service

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/simd-drive/go/bench/child"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/measure"
	"github.com/simd-drive/go/bench/usage"
)

// warmUpShare is the part of the measured time that calls run before it.
const warmUpShare = 3

// A Result holds the medians of the runs of one implementation, each figure by itself.
type Result struct {
	Impl string `json:"impl"`
	kv.Case
	Calls float64 `json:"calls_per_s"`
	// Megabytes is the bytes of values per second.
	Megabytes float64 `json:"mb_per_s"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	// ServerCPU and ClientCPU are per call, user and system time. With the original
	// client they contain the filling of the store.
	ServerCPU float64 `json:"server_cpu_us_per_call"`
	ClientCPU float64 `json:"client_cpu_us_per_call"`
	// ServerMemory is resident at the end, with the pages of mapped files.
	ServerMemory float64 `json:"server_rss_mb"`
	// Allocations are those of the client per call; null where they are not counted.
	// Servers do not tell theirs.
	Allocations *float64 `json:"client_allocs_per_call"`
	// Lowest and Highest are the extremes of Calls over the rounds.
	Lowest   float64 `json:"lowest_calls_per_s"`
	Highest  float64 `json:"highest_calls_per_s"`
	Rounds   int     `json:"rounds"`
	Settings string  `json:"settings"`
	Error    string  `json:"error,omitempty"`
}

// run is one run.
type run struct {
	calls  kv.Sample
	server usage.Usage // during the calls
}

// Setup says how long and where runs are made.
type Setup struct {
	Duration time.Duration // of one run, except of streams, which are read once
	Dir      string        // where the servers keep their files
}

// Measure measures one case. Implementations that do not have it are left out.
func Measure(ctx context.Context, p rounds.Plan, s Setup, all []Implementation, c kv.Case) []Result {
	list := Able(all, c)
	runs, errs := rounds.Interleave(ctx, p, c.String(), list, func(ctx context.Context, i Implementation) (run, error) {
		return i.run(ctx, s, c)
	})
	results := make([]Result, len(list))
	for n, i := range list {
		results[n] = resultOf(i, c, runs[n], errs[n])
	}
	return results
}

// run starts a server and a client, and ends both.
func (i Implementation) run(ctx context.Context, s Setup, c kv.Case) (r run, err error) {
	if i.bare != nil {
		return i.bare(ctx, c)
	}
	dir, err := os.MkdirTemp(s.Dir, "run-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := i.start(ctx, dir)
	if err != nil {
		return r, err
	}
	defer server.Kill()
	call := func() (err error) {
		r.calls, err = kv.RunProgram(ctx, []string{i.rust}, server.Address, c, s.Duration)
		return err
	}
	if i.rust == "" {
		client, err := i.startClient(ctx, server.Address, c)
		if err != nil {
			return r, err
		}
		defer client.Stop()
		if err := client.Ask(&r.calls, "run %d", s.Duration/warmUpShare); err != nil {
			return r, err
		}
		call = func() error { return client.Ask(&r.calls, "run %d", s.Duration) }
	}
	before, err := usage.Of(server.PID())
	if err != nil {
		return r, err
	}
	if err := call(); err != nil {
		return r, err
	}
	after, err := usage.Of(server.PID())
	r.server = after.Since(before)
	return r, err
}

// startClient starts this program as the client of an implementation.
func (i Implementation) startClient(ctx context.Context, address string, c kv.Case) (*child.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return child.Start(ctx, self, callArg, i.Name, address, c.Op, strconv.Itoa(c.Size), strconv.Itoa(c.InFlight))
}

// bareTCP reads a stream from a bare connection, with the peers of package measure.
func bareTCP(ctx context.Context, c kv.Case) (run, error) {
	all, err := measure.Implementations("")
	if err != nil {
		return run{}, err
	}
	chosen, err := measure.Select(all, tcpPeer)
	if err != nil {
		return run{}, err
	}
	s, err := measure.Download(ctx, chosen[0], int64(c.Size))
	nanos := int64(s.Seconds * 1e9)
	return run{
		calls:  kv.Sample{Calls: 1, Seconds: s.Seconds, P50: nanos, P99: nanos, Used: s.Client.Usage},
		server: s.Server.Usage,
	}, err
}

// resultOf takes the medians.
func resultOf(i Implementation, c kv.Case, runs []run, err error) Result {
	r := Result{Impl: i.Name, Case: c, Settings: i.Settings, Rounds: len(runs)}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	perCall := func(n func(run) int64) float64 {
		return rounds.Median(runs, func(r run) float64 { return float64(n(r)) / float64(r.calls.Calls) })
	}
	r.Calls = rounds.Median(runs, func(r run) float64 { return r.calls.PerSecond() })
	r.Megabytes = rounds.Median(runs, func(r run) float64 { return r.calls.PerSecond() * float64(c.CallBytes()) / 1e6 })
	r.P50 = rounds.Median(runs, func(r run) float64 { return float64(r.calls.P50) / 1e3 })
	r.P99 = rounds.Median(runs, func(r run) float64 { return float64(r.calls.P99) / 1e3 })
	r.ServerCPU = perCall(func(r run) int64 { return r.server.CPUMicros })
	r.ClientCPU = perCall(func(r run) int64 { return r.calls.Used.CPUMicros })
	r.ServerMemory = rounds.Median(runs, func(r run) float64 { return float64(r.server.ResidentBytes) / 1e6 })
	if a := perCall(func(r run) int64 { return r.calls.Used.Allocations }); a >= 0 {
		r.Allocations = &a
	}
	r.Lowest, r.Highest = r.Calls, r.Calls
	for _, one := range runs {
		n := rounds.Rounded(one.calls.PerSecond())
		r.Lowest, r.Highest = min(r.Lowest, n), max(r.Highest, n)
	}
	return r
}
