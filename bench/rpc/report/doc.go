// Package report measures every case in which muxio has a target, judges each
// target by what its peers reached in the same run, and writes a document,
// the figures as JSON, and plots.
package report

import (
	"context"
	"io"
	"time"

	"github.com/simd-drive/go/bench/document"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/machine"
	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/measure"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// Scale is how much is measured.
type Scale struct {
	Echo   time.Duration     `json:"echo_ns"`      // of one run
	Stream int64             `json:"stream_bytes"` // in each direction
	Mixed  measure.MixedCase `json:"mixed"`
	Slow   measure.SlowCase  `json:"slow"`
	Idle   int               `json:"idle_connections"`
	Smoke  bool              `json:"smoke_test"` // the figures are worth nothing
}

var (
	// Full is what the targets ask for.
	Full = Scale{
		Echo: 500 * time.Millisecond, Stream: gib,
		Mixed: measure.MixedCase{Bytes: 512 * mib, Size: 32},
		Slow:  measure.SlowCase{Count: 3000, Size: mib, Watch: 3 * time.Second},
		Idle:  10_000,
	}
	// Quick runs everything for a moment.
	Quick = Scale{
		Echo: 20 * time.Millisecond, Stream: 4 * mib,
		Mixed: measure.MixedCase{Bytes: 8 * mib, Size: 32},
		Slow:  measure.SlowCase{Count: 50, Size: 256 * kib, Watch: 200 * time.Millisecond},
		Idle:  50, Smoke: true,
	}
)

// echoCases are the cases of the echo, by size and calls in flight.
var echoCases = [][2]int{{32, 1}, {32, 16}, {32, 256}, {kib, 256}, {64 * kib, 16}, {mib, 16}}

// Results are all figures of one run.
type Results struct {
	Machine  machine.Info           `json:"machine"`
	Scale    Scale                  `json:"scale"`
	Rounds   int                    `json:"rounds"`
	Seconds  float64                `json:"seconds"` // that all of it took
	Verdicts []figure.Verdict       `json:"verdicts"`
	Echo     []measure.EchoResult   `json:"echo"`
	Stream   []measure.StreamResult `json:"stream"`
	Mixed    []measure.MixedResult  `json:"mixed"`
	Slow     []measure.SlowResult   `json:"slow"`
	Idle     []measure.IdleResult   `json:"idle"`

	all []measure.Implementation
}

// Write measures all cases and writes the document to path, which ends in
// .md. The JSON file and the plots have names that begin like it. The table of
// targets goes to out as well. What could not be measured stands in the
// document with the reason.
func Write(ctx context.Context, p rounds.Plan, all []measure.Implementation, scale Scale, path string, out io.Writer) error {
	stem, err := document.Stem(path)
	if err != nil {
		return err
	}
	r := run(ctx, p, all, scale)
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
	_, err = io.WriteString(out, r.Machine.String()+"\n\n"+figure.VerdictTable(r.Verdicts))
	return err
}

// run measures everything.
func run(ctx context.Context, p rounds.Plan, all []measure.Implementation, scale Scale) *Results {
	begun := time.Now()
	r := &Results{Machine: machine.This(), Scale: scale, Rounds: p.Rounds, all: all}
	for _, c := range echoCases {
		r.Echo = append(r.Echo, measure.Echo(ctx, p, all, measure.EchoCase{Size: c[0], InFlight: c[1], Duration: scale.Echo})...)
	}
	r.Stream = measure.Stream(ctx, p, all, scale.Stream)
	r.Mixed = measure.Mixed(ctx, p, all, scale.Mixed)
	r.Slow = measure.Slow(ctx, p, all, scale.Slow)
	var ours []measure.Implementation
	for _, i := range all {
		if i.Ours {
			ours = append(ours, i)
		}
	}
	r.Idle = measure.Idle(ctx, rounds.Plan{Rounds: 1, Log: p.Log}, ours, scale.Idle)
	r.Verdicts = judge(r)
	r.Seconds = time.Since(begun).Seconds()
	return r
}
