package originals

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/simd-drive/go/bench/document"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/machine"
	"github.com/simd-drive/go/bench/rounds"
)

const (
	// needRatio is the target: how many times as many calls the unmodified
	// Rust client makes on our server, with one in flight.
	needRatio = 300
	// targetSize is the size of the values for which it holds.
	targetSize = 100
)

// A Plan is what to measure.
type Plan struct {
	rounds.Plan

	Programs Programs
	Dir      string        // where the files of the drives are
	Duration time.Duration // of one run
	// Match chooses cases by a part of their description; empty is all of them.
	Match string
}

// Result holds the medians of the runs of one client on one server, each
// figure by itself.
type Result struct {
	Client string `json:"client"`
	Server string `json:"server"`
	Case
	sample
	// Lowest and Highest are the extremes of the calls over the rounds.
	Lowest  float64 `json:"lowest_calls_per_s"`
	Highest float64 `json:"highest_calls_per_s"`
	Rounds  int     `json:"rounds"`
	Error   string  `json:"error,omitempty"`
}

// Results are all figures of one run.
type Results struct {
	Machine  machine.Info     `json:"machine"`
	Rounds   int              `json:"rounds"`
	Run      float64          `json:"seconds_of_a_run"`
	Seconds  float64          `json:"seconds"` // that all of it took
	Match    string           `json:"match,omitempty"`
	Verdicts []figure.Verdict `json:"verdicts"`
	Results  []Result         `json:"results"`
}

// errFailed reports that something could not be measured; the document tells why.
var errFailed = errors.New("a run failed")

// Write measures and writes the document to path, which ends in .md, and the
// figures beside it as JSON. The verdicts go to out as well.
func Write(ctx context.Context, p Plan, path string, out io.Writer) error {
	stem, err := document.Stem(path)
	if err != nil {
		return err
	}
	r := run(ctx, p)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := document.Write(stem, r, r.document(document.Name(stem))); err != nil {
		return err
	}
	if _, err := io.WriteString(out, r.Machine.String()+"\n\n"+figure.VerdictTable(r.Verdicts)); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Results, func(r Result) bool { return r.Error != "" }) {
		return errFailed
	}
	return nil
}

// run measures everything.
func run(ctx context.Context, p Plan) *Results {
	begun := time.Now()
	r := &Results{Machine: machine.This(), Rounds: p.Rounds, Run: p.Duration.Seconds(), Match: p.Match}
	for _, c := range cases() {
		if !strings.Contains(c.String(), p.Match) {
			continue
		}
		pairings := p.Programs.pairings(c)
		runs, errs := rounds.Interleave(ctx, p.Plan, c.String(), pairings, func(ctx context.Context, one pairing) (sample, error) {
			return one.run(ctx, p.Dir, c, p.Duration)
		})
		for i, one := range pairings {
			r.Results = append(r.Results, resultOf(one, c, runs[i], errs[i]))
		}
	}
	r.Verdicts = []figure.Verdict{r.judge(kv.Read), r.judge(kv.Write)}
	r.Seconds = time.Since(begun).Seconds()
	return r
}

// resultOf takes the medians.
func resultOf(p pairing, c Case, runs []sample, err error) Result {
	r := Result{Client: p.client, Server: p.server, Case: c, Rounds: len(runs)}
	if err != nil {
		r.Error = err.Error()
		return r
	}
	calls := func(s sample) float64 { return s.Calls }
	r.sample = sample{
		Calls: rounds.Median(runs, calls),
		P50:   rounds.Median(runs, func(s sample) float64 { return s.P50 }),
		P99:   rounds.Median(runs, func(s sample) float64 { return s.P99 }),
	}
	r.Lowest, r.Highest = r.Calls, r.Calls
	for _, s := range runs {
		n := rounds.Rounded(s.Calls)
		r.Lowest, r.Highest = min(r.Lowest, n), max(r.Highest, n)
	}
	return r
}

// find returns a result; one that was not measured has no calls.
func (r *Results) find(client, server string, c Case) Result {
	i := slices.IndexFunc(r.Results, func(r Result) bool {
		return r.Client == client && r.Server == server && r.Case == c && r.Error == ""
	})
	if i < 0 {
		return Result{}
	}
	return r.Results[i]
}

// judge holds the Rust client's calls of one kind against the target.
func (r *Results) judge(op string) figure.Verdict {
	c := Case{Op: op, Size: targetSize, InFlight: 1}
	ours, theirs := r.find(clientRust, serverOurs, c), r.find(clientRust, serverTheirs, c)
	t := figure.Target{Need: needRatio, Unit: "calls/s", Against: "the original server"}
	return t.Judge("unmodified Rust client on our server", c.String(), ours.Calls, theirs.Calls, ours.Calls > 0 && theirs.Calls > 0)
}
