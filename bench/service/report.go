package service

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/simd-drive/go/bench/document"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/machine"
	"github.com/simd-drive/go/bench/rounds"
)

const (
	// largeValue is the size of the values of large calls.
	largeValue = 64 << 10
	// streamBytes is the size of the value that is streamed.
	streamBytes = 1 << 30
	// smokeStreamBytes is that of a smoke test.
	smokeStreamBytes = 4 << 20
	// fullRun and smokeRun are how long one run takes.
	fullRun  = 400 * time.Millisecond
	smokeRun = 10 * time.Millisecond
)

// inFlights are the numbers of calls in flight that cases have.
var inFlights = []int{1, 16, 256}

// cases returns all cases of the document.
func cases(smoke bool) []kv.Case {
	var list []kv.Case
	for _, size := range []int{smallValue, largeValue} {
		for _, op := range kv.Ops {
			for _, inFlight := range inFlights {
				c := kv.Case{Op: op, Size: size, InFlight: inFlight}
				// That a large value is there is no other question than that a small one is.
				if c.Op != kv.Stream && c.Check() == nil && (size == smallValue || op != kv.Exists) {
					list = append(list, c)
				}
			}
		}
	}
	stream := kv.Case{Op: kv.Stream, Size: streamBytes, InFlight: 1}
	if smoke {
		stream.Size = smokeStreamBytes
	}
	return append(list, stream)
}

// A Plan is what to measure.
type Plan struct {
	rounds.Plan

	Programs Programs
	All      []Implementation
	Dir      string // where the servers keep their files
	// Match chooses cases by their description; nil is all of them.
	Match *regexp.Regexp
	// Smoke measures everything for a moment, to see that it works.
	Smoke bool
}

// Results are all figures of one run.
type Results struct {
	Machine  machine.Info     `json:"machine"`
	Rounds   int              `json:"rounds"`
	Run      float64          `json:"seconds_of_a_run"`
	Seconds  float64          `json:"seconds"` // that all of it took
	Smoke    bool             `json:"smoke_test,omitempty"`
	Match    string           `json:"match,omitempty"`
	Missing  []string         `json:"not_found,omitempty"`
	Verdicts []figure.Verdict `json:"verdicts"`
	Results  []Result         `json:"results"`

	all []Implementation
}

// errFailed reports that something could not be measured; the document tells why.
var errFailed = errors.New("a run failed")

// Write measures all cases and writes the document to path, which ends in .md. The
// JSON file and the plots have names that begin like it. The table of targets goes to
// out as well.
func Write(ctx context.Context, p Plan, path string, out io.Writer) error {
	stem, err := document.Stem(path)
	if err != nil {
		return err
	}
	r := measureAll(ctx, p)
	if err := ctx.Err(); err != nil {
		return err
	}
	plots, err := r.plots(stem)
	if err != nil {
		return err
	}
	if err := document.Write(stem, r, r.document(document.Name(stem), plots)); err != nil {
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

// measureAll measures everything.
func measureAll(ctx context.Context, p Plan) *Results {
	begun := time.Now()
	s := Setup{Duration: fullRun, Dir: p.Dir}
	if p.Smoke {
		s.Duration = smokeRun
	}
	r := &Results{
		Machine: machine.This(), Rounds: p.Rounds, Run: s.Duration.Seconds(), Smoke: p.Smoke,
		Missing: p.Programs.Missing(), all: p.All,
	}
	if p.Match != nil {
		r.Match = p.Match.String()
	}
	for _, c := range cases(p.Smoke) {
		if p.Match == nil || p.Match.MatchString(c.String()) {
			r.Results = append(r.Results, Measure(ctx, p.Plan, s, p.All, c)...)
		}
	}
	r.Verdicts = r.judge()
	r.Seconds = time.Since(begun).Seconds()
	return r
}

// find returns what an implementation reached in a case.
func (r *Results) find(impl string, c kv.Case) (Result, bool) {
	i := slices.IndexFunc(r.Results, func(one Result) bool {
		return one.Impl == impl && one.Case == c && one.Error == "" && one.Rounds > 0
	})
	if i < 0 {
		return Result{}, false
	}
	return r.Results[i], true
}
