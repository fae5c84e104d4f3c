// Package chart draws the plots of the comparisons, in one style, as SVG.
package chart

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

// A File is one plot that was written.
type File struct{ Name, Title string }

// Series is one figure of each of many; what was not measured is missing.
type Series struct {
	Name   string
	Values map[string]float64
}

// Folder writes the plots of a document. Its zero value but for Stem is ready.
type Folder struct {
	// Stem is what the paths of the plots begin with.
	Stem string

	files    []File
	failures []error
}

// Files returns the plots that were written, and why others were not.
func (f *Folder) Files() ([]File, error) { return f.files, errors.Join(f.failures...) }

// Dots draws a row for each of names that any series has, and a dot for each
// value. Without any value it draws nothing.
func (f *Folder) Dots(name, title, axis string, logarithmic bool, names []string, list ...Series) {
	p, rows, err := dotPlot(title, axis, logarithmic, names, list)
	if err == nil && rows > 0 {
		err = f.save(name, p, plotMargin+vg.Length(rows)*rowHeight)
	}
	f.failures = append(f.failures, err)
}

// A Line is one line of a plot.
type Line struct {
	Name   string
	Points plotter.XYs
}

// Lines draws lines over a logarithmic axis that reaches from lowest to highest
// at least.
func (f *Folder) Lines(name, title, x, y string, lowest, highest float64, lines []Line) {
	p, err := linePlot(title, x, y, lowest, highest, lines)
	if err == nil {
		err = f.save(name, p, lineHeight)
	}
	f.failures = append(f.failures, err)
}

// newPlot returns an empty plot.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = titlePadding
	p.Add(plotter.NewGrid())
	p.Legend.Top = true
	return p
}

// dotPlot returns the plot and the number of its rows.
func dotPlot(title, axis string, logarithmic bool, names []string, list []Series) (*plot.Plot, int, error) {
	var rows []string
	for _, name := range names {
		if slices.ContainsFunc(list, func(s Series) bool { return s.Values[name] > 0 }) {
			rows = append(rows, name)
		}
	}
	if len(rows) == 0 {
		return nil, 0, nil
	}
	slices.Reverse(rows) // the first one stands on top
	p := newPlot(title, axis, "")
	smallest, largest := math.Inf(1), 0.0
	for n, s := range list {
		var points plotter.XYs
		for row, name := range rows {
			if v := s.Values[name]; v > 0 {
				points = append(points, plotter.XY{X: v, Y: float64(row)})
				smallest, largest = min(smallest, v), max(largest, v)
			}
		}
		if len(points) == 0 {
			continue
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return nil, 0, fmt.Errorf("chart: plot %q: %w", title, err)
		}
		scatter.GlyphStyle = draw.GlyphStyle{
			Color: colors[n%len(colors)], Radius: vg.Points(dotRadius), Shape: glyphs[n%len(glyphs)],
		}
		p.Add(scatter)
		p.Legend.Add(s.Name, scatter)
	}
	p.NominalY(rows...)
	if logarithmic {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{}
		p.X.Min, p.X.Max = smallest/logMargin, largest*logRoom
	} else {
		p.X.Min, p.X.Max = 0, largest*legendRoom
	}
	return p, len(rows), nil
}

func linePlot(title, x, y string, lowest, highest float64, lines []Line) (*plot.Plot, error) {
	p := newPlot(title, x, y)
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	for n, l := range lines {
		line, err := plotter.NewLine(l.Points)
		if err != nil {
			return nil, fmt.Errorf("chart: plot %q: %w", title, err)
		}
		line.Color, line.Width, line.Dashes = colors[n%len(colors)], vg.Points(lineWidth), dashes[n/len(colors)%len(dashes)]
		p.Add(line)
		p.Legend.Add(l.Name, line)
	}
	p.Y.Min, p.Y.Max = lowest, max(p.Y.Max, highest)
	p.X.Min, p.X.Max = 0, p.X.Max*legendRoom
	return p, nil
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

// save draws a plot into a file.
func (f *Folder) save(name string, p *plot.Plot, height vg.Length) (err error) {
	canvas := vgsvg.New(plotWidth, height)
	p.Draw(draw.New(canvas))
	path := f.Stem + "-" + name + ".svg"
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err = canvas.WriteTo(file); err != nil {
		return err
	}
	f.files = append(f.files, File{filepath.Base(path), p.Title.Text})
	return nil
}
