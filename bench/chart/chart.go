// Package chart draws plots of figures as SVG.
package chart

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
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
	dotRadius  = 3.5
	// TitlePadding keeps the title off the plot.
	TitlePadding = 8
	lineWidth    = 1.5
	// LegendRoom is the share of the axis that the legend takes beyond the largest value,
	// linear.
	LegendRoom = 1.35
	logRoom    = 6   // the same as a factor, logarithmic
	logMargin  = 1.3 // factor between the smallest value and the axis
)

// A Series is one figure of each implementation; what was not measured is missing.
type Series struct {
	Name   string
	Values map[string]float64
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

// StyleLine gives the nth line of a plot a look of its own.
func StyleLine(l *plotter.Line, n int) {
	l.Color, l.Width, l.Dashes = colors[n%len(colors)], vg.Points(lineWidth), dashes[n/len(colors)%len(dashes)]
}

// Dots draws a plot into a file, with a row for each of names that any series has,
// and a dot for each value. It reports false, and draws nothing, when there is none.
func Dots(path, title, axis string, logarithmic bool, names []string, list []Series) (drawn bool, err error) {
	p, rows, err := dotPlot(title, axis, logarithmic, names, list)
	if err != nil || rows == 0 {
		return false, err
	}
	return true, SaveSVG(path, p, plotMargin+vg.Length(rows)*rowHeight)
}

// dotPlot is what Dots draws. It returns the number of rows.
func dotPlot(title, axis string, logarithmic bool, names []string, list []Series) (*plot.Plot, int, error) {
	rows := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(list, func(s Series) bool { return s.Values[name] > 0 })
	})
	if len(rows) == 0 {
		return nil, 0, nil
	}
	slices.Reverse(rows) // the first one stands on top
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, axis
	p.Title.Padding = TitlePadding
	p.Add(plotter.NewGrid())
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
		scatter.GlyphStyle = draw.GlyphStyle{Color: colors[n%len(colors)], Radius: vg.Points(dotRadius), Shape: glyphs[n%len(glyphs)]}
		p.Add(scatter)
		p.Legend.Add(s.Name, scatter)
	}
	p.NominalY(rows...)
	p.Legend.Top = true
	if logarithmic {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, LogTicks{}
		p.X.Min, p.X.Max = smallest/logMargin, largest*logRoom
	} else {
		p.X.Min, p.X.Max = 0, largest*LegendRoom
	}
	return p, len(rows), nil
}

// LogTicks are ticks of a logarithmic axis with numbers as in the tables.
type LogTicks struct{}

// Ticks implements [plot.Ticker].
func (LogTicks) Ticks(lowest, highest float64) []plot.Tick {
	ticks := plot.LogTicks{}.Ticks(lowest, highest)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = figure.Number(t.Value)
		}
	}
	return ticks
}

// SaveSVG draws a plot into a file.
func SaveSVG(path string, p *plot.Plot, height vg.Length) (err error) {
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
