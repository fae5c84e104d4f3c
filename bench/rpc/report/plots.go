package report

import (
	"fmt"

	"gonum.org/v1/plot/plotter"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/rpc/measure"
)

// The axis of memory reaches from the one to the other at least, in MiB.
const (
	lowestMemory  = 10
	highestMemory = 100
)

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]chart.File, error) {
	folder := chart.Folder{Stem: stem}
	all := names(r.all)
	dots := func(name, title, axis string, logarithmic bool, list ...chart.Series) {
		folder.Dots(name, title, axis, logarithmic, all, list...)
	}
	perSecond := func(e echoResult) float64 { return e.Calls }
	dots("calls", "Echo of 32 B: calls per second", "calls/s", true,
		r.echoSeries("1 in flight", 32, 1, perSecond), r.echoSeries("16", 32, 16, perSecond), r.echoSeries("256", 32, 256, perSecond))
	dots("latency", "Echo of 32 B: 99 % of the calls are faster than", "µs", true,
		r.echoSeries("1 in flight", 32, 1, func(e echoResult) float64 { return e.P99 }),
		r.echoSeries("16", 32, 16, func(e echoResult) float64 { return e.P99 }),
		r.echoSeries("256", 32, 256, func(e echoResult) float64 { return e.P99 }))
	dots("cpu", "Echo of 32 B: CPU time per call, both ends", "µs", true,
		r.echoSeries("1 in flight", 32, 1, func(e echoResult) float64 { return e.CPU }),
		r.echoSeries("16", 32, 16, func(e echoResult) float64 { return e.CPU }),
		r.echoSeries("256", 32, 256, func(e echoResult) float64 { return e.CPU }))
	dots("large", "Echo of large payloads, 16 in flight", "MB/s each way", false,
		r.echoSeries("64 KiB", 64*kib, 16, func(e echoResult) float64 { return e.Megabytes }),
		r.echoSeries("1 MiB", mib, 16, func(e echoResult) float64 { return e.Megabytes }))
	dots("stream", "Stream alone on the connection", "MB/s", false,
		r.seriesOf("up", streamFigure(func(s streamResult) float64 { return s.Up })),
		r.seriesOf("down", streamFigure(func(s streamResult) float64 { return s.Down })))
	dots("hol", "Calls beside a stream: 99 % are faster than", "µs", true,
		r.seriesOf("stream up", mixedFigure("up", func(m mixedResult) float64 { return m.P99 })),
		r.seriesOf("stream down", mixedFigure("down", func(m mixedResult) float64 { return m.P99 })))
	folder.Lines("slow",
		fmt.Sprintf("Server whose client does not read %d answers of %s", r.Scale.Slow.Count, figure.Size(r.Scale.Slow.Size)),
		"seconds", "resident MiB", lowestMemory, highestMemory, r.memoryLines())
	return folder.Files()
}

func (r *Results) echoSeries(name string, size, inFlight int, of func(echoResult) float64) chart.Series {
	return r.seriesOf(name, echoFigure(size, inFlight, of))
}

// seriesOf collects a figure of all implementations.
func (r *Results) seriesOf(name string, figure func(*Results, string) (float64, bool)) chart.Series {
	s := chart.Series{Name: name, Values: map[string]float64{}}
	for _, i := range r.all {
		if v, measured := figure(r, i.Name); measured && v > 0 {
			s.Values[i.Name] = v
		}
	}
	return s
}

// memoryLines are the memory of each server whose client does not read.
func (r *Results) memoryLines() []chart.Line {
	var lines []chart.Line
	for _, s := range r.Slow {
		if points := memoryPoints(s); len(points) > 0 {
			lines = append(lines, chart.Line{Name: s.Impl, Points: points})
		}
	}
	return lines
}

func memoryPoints(s measure.SlowResult) plotter.XYs {
	var points plotter.XYs
	for _, m := range s.Memory {
		if m.Resident > 0 {
			points = append(points, plotter.XY{X: m.Seconds, Y: m.Resident})
		}
	}
	return points
}
