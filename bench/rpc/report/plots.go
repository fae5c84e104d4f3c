package report

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/rpc/measure"
)

const (
	plotWidth  = 18 * vg.Centimeter
	rowHeight  = 0.6 * vg.Centimeter
	plotMargin = 3 * vg.Centimeter // title, axis and legend
	lineHeight = 10 * vg.Centimeter
	dotRadius  = 3.5
	// titlePadding keeps the title off the plot.
	titlePadding = 8
	lineWidth    = 1.5
	legendRoom   = 1.35 // share of the axis that the legend takes beyond the largest value, linear
	logRoom      = 6    // the same as a factor, logarithmic
	logMargin    = 1.3  // factor between the smallest value and the axis
)

// plotFile is one plot that was written.
type plotFile struct{ name, title string }

// series is one figure of each implementation; what was not measured is
// missing.
type series struct {
	name   string
	values map[string]float64
}

// colors tell series and lines apart, also without colour vision.
var colors = []color.RGBA{
	{0x00, 0x72, 0xB2, 0xFF},
	{0xD5, 0x5E, 0x00, 0xFF},
	{0x00, 0x9E, 0x73, 0xFF},
	{0xCC, 0x79, 0xA7, 0xFF},
	{0xE6, 0x9F, 0x00, 0xFF},
	{0x56, 0xB4, 0xE9, 0xFF},
	{0x00, 0x00, 0x00, 0xFF},
	{0x99, 0x99, 0x99, 0xFF},
}

// glyphs and dashes tell them apart without any colour.
var (
	glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.TriangleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}}
	dashes = [][]vg.Length{nil, {6, 2}, {2, 2}}
)

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]plotFile, error) {
	var written []plotFile
	var failures []error
	save := func(name string, p *plot.Plot, height vg.Length) {
		file := plotFile{filepath.Base(stem) + "-" + name + ".svg", p.Title.Text}
		if err := saveSVG(stem+"-"+name+".svg", p, height); err != nil {
			failures = append(failures, err)
			return
		}
		written = append(written, file)
	}
	dots := func(name, title, axis string, logarithmic bool, list ...series) {
		if p, rows, err := r.dotPlot(title, axis, logarithmic, list); err != nil {
			failures = append(failures, err)
		} else if rows > 0 {
			save(name, p, plotMargin+vg.Length(rows)*rowHeight)
		}
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
	if p, err := r.memoryPlot(); err != nil {
		failures = append(failures, err)
	} else {
		save("slow", p, lineHeight)
	}
	return written, errors.Join(failures...)
}

func (r *Results) echoSeries(name string, size, inFlight int, of func(echoResult) float64) series {
	return r.seriesOf(name, echoFigure(size, inFlight, of))
}

// seriesOf collects a figure of all implementations.
func (r *Results) seriesOf(name string, figure func(*Results, string) (float64, bool)) series {
	s := series{name, map[string]float64{}}
	for _, i := range r.all {
		if v, measured := figure(r, i.Name); measured && v > 0 {
			s.values[i.Name] = v
		}
	}
	return s
}

// dotPlot has a row for each implementation that any series has, and a dot for
// each value. It returns the number of rows.
func (r *Results) dotPlot(title, axis string, logarithmic bool, list []series) (*plot.Plot, int, error) {
	rows := names(r.all, func(name string) bool {
		return slices.ContainsFunc(list, func(s series) bool { return s.values[name] > 0 })
	})
	slices.Reverse(rows) // the first one stands on top
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, axis
	p.Title.Padding = titlePadding
	p.Add(plotter.NewGrid())
	smallest, largest := math.Inf(1), 0.0
	for n, s := range list {
		var points plotter.XYs
		for row, name := range rows {
			if v := s.values[name]; v > 0 {
				points = append(points, plotter.XY{X: v, Y: float64(row)})
				smallest, largest = min(smallest, v), max(largest, v)
			}
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return nil, 0, fmt.Errorf("report: plot %q: %w", title, err)
		}
		scatter.GlyphStyle = draw.GlyphStyle{Color: colors[n], Radius: vg.Points(dotRadius), Shape: glyphs[n]}
		p.Add(scatter)
		p.Legend.Add(s.name, scatter)
	}
	p.NominalY(rows...)
	p.Legend.Top = true
	if logarithmic {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
		p.X.Min, p.X.Max = smallest/logMargin, largest*logRoom
	} else {
		p.X.Min, p.X.Max = 0, largest*legendRoom
	}
	return p, len(rows), nil
}

// memoryPlot shows the memory of each server whose client does not read.
func (r *Results) memoryPlot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Server whose client does not read %d answers of %s", r.Scale.Slow.Count, figure.Size(r.Scale.Slow.Size))
	p.Title.Padding = titlePadding
	p.X.Label.Text, p.Y.Label.Text = "seconds", "resident MiB"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
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
		line.Color, line.Width, line.Dashes = colors[n%len(colors)], vg.Points(lineWidth), dashes[n/len(colors)%len(dashes)]
		p.Add(line)
		p.Legend.Add(s.Impl, line)
		n++
	}
	p.Y.Min, p.Y.Max = 10, max(p.Y.Max, 100)
	p.X.Min, p.X.Max = 0, p.X.Max*legendRoom
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

// logTicks are ticks of a logarithmic axis with numbers as in the tables.
type logTicks struct{}

// Ticks implements [plot.Ticker].
func (logTicks) Ticks(lowest, highest float64) []plot.Tick {
	ticks := plot.LogTicks{}.Ticks(lowest, highest)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = figure.Number(t.Value)
		}
	}
	return ticks
}

// saveSVG draws a plot into a file.
func saveSVG(path string, p *plot.Plot, height vg.Length) (err error) {
	canvas := vgsvg.New(plotWidth, height)
	p.Draw(draw.New(canvas))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = canvas.WriteTo(f)
	return err
}
