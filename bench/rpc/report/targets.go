package report

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/figure"
)

// A target is one demand on an implementation of ours.
type target struct {
	name string // of the case
	need float64
	// atMost says that the ratio must not exceed need, else it must reach it.
	atMost bool
	// absolute says that need has the unit of the figure and no peer is asked.
	absolute bool
	unit     string
	versus   []string // the better of these peers counts
	figure   func(r *Results, impl string) (float64, bool)
}

// The peers that targets name.
var (
	againstGRPC        = []string{"grpc"}
	againstNATS        = []string{"nats"}
	againstYamux       = []string{"yamux"}
	againstRawTCP      = []string{"tcp-pp"}
	againstTCPMux      = []string{"tcp", "tcp+rpc"}
	againstGorillaPing = []string{"gorilla-pp"}
	ceiling            = []string{"tcp+rpc"}
	original           = []string{"rust"}
	originalCured      = []string{"rust-nodelay"}
)

// targets is the whole table.
var targets = []target{
	rate(32, 256, 10, againstGRPC),
	rate(32, 256, 3, againstNATS),
	rate(32, 256, 0, ceiling),
	rate(32, 16, 3.5, againstGRPC),
	rate(32, 16, 0, ceiling),
	rate(32, 16, 0, original),
	rate(32, 16, 0, originalCured),
	{
		name: echoName(32, 1) + ", p50", need: 1.5, atMost: true, unit: "µs", versus: againstGorillaPing,
		figure: echoFigure(32, 1, func(e echoResult) float64 { return e.P50 }),
	},
	rate(kib, 256, 8, againstGRPC),
	rate(64*kib, 16, 0.85, againstTCPMux),
	rate(64*kib, 16, 3, againstGRPC),
	rate(mib, 16, 0.85, againstTCPMux),
	{name: "stream up", need: 0.9, unit: "MB/s", versus: againstRawTCP, figure: streamFigure(func(s streamResult) float64 { return s.Up })},
	{name: "stream down", need: 0.9, unit: "MB/s", versus: againstRawTCP, figure: streamFigure(func(s streamResult) float64 { return s.Down })},
	besideP99("up"), besideP99("down"), besideYamux("up"), besideYamux("down"), besideShare("up"), besideShare("down"),
	allocations(16), allocations(256),
	{name: "client that does not read, peak of the server's memory", need: 64, atMost: true, absolute: true, unit: "MiB", figure: slowFigure},
	{name: "idle connection, memory of the server", need: 20, atMost: true, absolute: true, unit: "KB", figure: idleFigure},
}

func echoName(size, inFlight int) string {
	return fmt.Sprintf("echo of %s, %d in flight", figure.Size(size), inFlight)
}

// rate is a target for calls per second, or for orientation when need is 0.
func rate(size, inFlight int, need float64, versus []string) target {
	return target{
		name: echoName(size, inFlight), need: need, unit: "calls/s", versus: versus,
		figure: echoFigure(size, inFlight, func(e echoResult) float64 { return e.Calls }),
	}
}

func besideP99(direction string) target {
	return target{
		name: "call beside a stream " + direction + ", p99", need: 400, atMost: true, absolute: true, unit: "µs",
		figure: mixedFigure(direction, func(m mixedResult) float64 { return m.P99 }),
	}
}

func besideYamux(direction string) target {
	t := besideP99(direction)
	t.absolute, t.need, t.versus = false, 1, againstYamux
	return t
}

func besideShare(direction string) target {
	return target{
		name: "stream " + direction + " beside calls, part of its rate alone", need: 0.75, absolute: true,
		figure: mixedFigure(direction, func(m mixedResult) float64 { return m.Share }),
	}
}

func allocations(inFlight int) target {
	return target{
		name: echoName(32, inFlight) + ", allocations per call at both ends", need: 3, atMost: true, absolute: true,
		figure: func(r *Results, impl string) (float64, bool) {
			for _, e := range r.Echo {
				if e.Impl == impl && e.Size == 32 && e.InFlight == inFlight && e.Allocations != nil {
					return *e.Allocations, true
				}
			}
			return 0, false
		},
	}
}

// demand is the text of what is asked for.
func (t target) demand() string {
	sign := "≥"
	if t.atMost {
		sign = "≤"
	}
	switch {
	case t.need == 0:
		return "beside " + t.peers()
	case t.absolute:
		return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, t.need, t.unit))
	}
	return fmt.Sprintf("%s %g × %s", sign, t.need, t.peers())
}

func (t target) peers() string { return strings.Join(t.versus, " or ") }

// judge holds every implementation of ours against every target.
func judge(r *Results) []figure.Verdict {
	var verdicts []figure.Verdict
	for _, i := range r.all {
		if !i.Ours {
			continue
		}
		for _, t := range targets {
			verdicts = append(verdicts, t.judge(r, i.Name))
		}
	}
	return verdicts
}

func (t target) judge(r *Results, impl string) figure.Verdict {
	v := figure.Verdict{Impl: impl, Case: t.name, Target: t.demand(), Result: figure.NotMeasured}
	ours, measured := t.figure(r, impl)
	theirs := t.best(r)
	if !measured || theirs <= 0 {
		return v
	}
	v.Ours, v.Theirs, v.Ratio = t.value(ours), t.value(theirs), ours/theirs
	bound := t.need
	if t.absolute {
		bound = 1
	}
	switch {
	case t.need == 0:
		v.Result = figure.Orientation
	case t.atMost && v.Ratio <= bound, !t.atMost && v.Ratio >= bound:
		v.Result = figure.Met
	default:
		v.Result = figure.Missed
	}
	return v
}

// best is what ours stands against: the limit, or the best of the peers; 0
// when none was measured.
func (t target) best(r *Results) float64 {
	if t.absolute {
		return t.need
	}
	best := 0.0
	for _, name := range t.versus {
		figure, measured := t.figure(r, name)
		better := figure > best
		if t.atMost {
			better = figure < best
		}
		if measured && (best == 0 || better) {
			best = figure
		}
	}
	return best
}

func (t target) value(v float64) string { return strings.TrimSpace(figure.Number(v) + " " + t.unit) }
