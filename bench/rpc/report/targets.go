package report

import (
	"fmt"

	"github.com/simd-drive/go/bench/figure"
)

// A target is one demand on an implementation of ours.
type target struct {
	figure.Target

	name   string   // of the case
	versus []string // the better of these peers counts
	figure func(r *Results, impl string) (float64, bool)
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
		name: echoName(32, 1) + ", p50", Target: figure.Target{Need: 1.5, AtMost: true, Unit: "µs"}, versus: againstGorillaPing,
		figure: echoFigure(32, 1, func(e echoResult) float64 { return e.P50 }),
	},
	rate(kib, 256, 8, againstGRPC),
	rate(64*kib, 16, 0.85, againstTCPMux),
	rate(64*kib, 16, 3, againstGRPC),
	rate(mib, 16, 0.85, againstTCPMux),
	{name: "stream up", Target: figure.Target{Need: 0.9, Unit: "MB/s"}, versus: againstRawTCP, figure: streamFigure(func(s streamResult) float64 { return s.Up })},
	{name: "stream down", Target: figure.Target{Need: 0.9, Unit: "MB/s"}, versus: againstRawTCP, figure: streamFigure(func(s streamResult) float64 { return s.Down })},
	besideP99("up"), besideP99("down"), besideYamux("up"), besideYamux("down"), besideShare("up"), besideShare("down"),
	allocations(16), allocations(256),
	{name: "client that does not read, peak of the server's memory", Target: figure.Target{Need: 64, AtMost: true, Absolute: true, Unit: "MiB"}, figure: slowFigure},
	{name: "idle connection, memory of the server", Target: figure.Target{Need: 20, AtMost: true, Absolute: true, Unit: "KB"}, figure: idleFigure},
}

func echoName(size, inFlight int) string {
	return fmt.Sprintf("echo of %s, %d in flight", figure.Size(size), inFlight)
}

// rate is a target for calls per second, or for orientation when need is 0.
func rate(size, inFlight int, need float64, versus []string) target {
	return target{
		Target: figure.Target{Need: need, Unit: "calls/s"}, name: echoName(size, inFlight), versus: versus,
		figure: echoFigure(size, inFlight, func(e echoResult) float64 { return e.Calls }),
	}
}

func besideP99(direction string) target {
	return target{
		Target: figure.Target{Need: 400, AtMost: true, Absolute: true, Unit: "µs"},
		name:   "call beside a stream " + direction + ", p99",
		figure: mixedFigure(direction, func(m mixedResult) float64 { return m.P99 }),
	}
}

func besideYamux(direction string) target {
	t := besideP99(direction)
	t.Absolute, t.Need, t.versus = false, 1, againstYamux
	return t
}

func besideShare(direction string) target {
	return target{
		Target: figure.Target{Need: 0.75, Absolute: true},
		name:   "stream " + direction + " beside calls, part of its rate alone",
		figure: mixedFigure(direction, func(m mixedResult) float64 { return m.Share }),
	}
}

func allocations(inFlight int) target {
	return target{
		Target: figure.Target{Need: 3, AtMost: true, Absolute: true},
		name:   echoName(32, inFlight) + ", allocations per call at both ends",
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
	return t.JudgeBest(impl, t.name, t.versus, func(impl string) (float64, bool) { return t.figure(r, impl) })
}
