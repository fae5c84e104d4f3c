package report

import (
	"errors"
	"fmt"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/rpc/measure"
)

// lineHeight is the height of the plot of memory.
const lineHeight = 10 * vg.Centimeter

// plotFile is one plot that was written.
type plotFile struct{ name, title string }

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]plotFile, error) {
	var written []plotFile
	var failures []error
	names := make([]string, len(r.all))
	for n, i := range r.all {
		names[n] = i.Name
	}
	add := func(name, title string, drawn bool, err error) {
		if err != nil {
			failures = append(failures, err)
		} else if drawn {
			written = append(written, plotFile{filepath.Base(stem) + "-" + name + ".svg", title})
		}
	}
	dots := func(name, title, axis string, logarithmic bool, list ...chart.Series) {
		drawn, err := chart.Dots(stem+"-"+name+".svg", title, axis, logarithmic, names, list)
		add(name, title, drawn, err)
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
	p, err := r.memoryPlot()
	if err == nil {
		err = chart.SaveSVG(stem+"-slow.svg", p, lineHeight)
		add("slow", p.Title.Text, err == nil, err)
	} else {
		failures = append(failures, err)
	}
	return written, errors.Join(failures...)
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

// memoryPlot shows the memory of each server whose client does not read.
func (r *Results) memoryPlot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Server whose client does not read %d answers of %s", r.Scale.Slow.Count, figure.Size(r.Scale.Slow.Size))
	p.Title.Padding = chart.TitlePadding
	p.X.Label.Text, p.Y.Label.Text = "seconds", "resident MiB"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, chart.LogTicks{}
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Left = true, false
	n := 0
	for _, s := range r.Slow {
		points := memoryPoints(s)
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("report: plot of memory: %w", err)
		}
		chart.StyleLine(line, n)
		p.Add(line)
		p.Legend.Add(s.Impl, line)
		n++
	}
	p.Y.Min, p.Y.Max = 10, max(p.Y.Max, 100)
	p.X.Min, p.X.Max = 0, p.X.Max*chart.LegendRoom
	return p, nil
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
