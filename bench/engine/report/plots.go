package report

import (
	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/engine/workload"
	"github.com/simd-drive/go/bench/figure"
)

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]chart.File, error) {
	folder := chart.Folder{Stem: stem}
	names, reached, asked := r.ratioSeries()
	folder.Dots("ratios", "drive-core beside the original", "× the original", true, names, reached, asked)
	titles, series := r.storeSeries(func(c workload.Case) bool { return c.Rate == workload.PerSecond || c.Rate == workload.Reads })
	folder.Dots("stores", "Embedded stores in Go", "operations per second", true, titles, series...)
	return folder.Files()
}

// ratioSeries are what was reached beside the original and what was asked for,
// by the names of the targets.
func (r *Results) ratioSeries() (names []string, reached, asked chart.Series) {
	reached = chart.Series{Name: "reached", Values: map[string]float64{}}
	asked = chart.Series{Name: "asked for", Values: map[string]float64{}}
	verdicts := judge(r)
	for i, t := range targets {
		v := verdicts[i]
		if t.theirs.impl != original || v.Result == figure.NotMeasured {
			continue
		}
		names = append(names, t.name)
		reached.Values[t.name] = v.Ratio
		if t.Need > 0 {
			asked.Values[t.name] = t.Need
		}
	}
	return names, reached, asked
}

// storeSeries are the figures of each store in the cases that fit.
func (r *Results) storeSeries(fits func(workload.Case) bool) (titles []string, list []chart.Series) {
	for _, c := range workload.Cases() {
		if fits(c) {
			titles = append(titles, storeTitle(c))
		}
	}
	for _, i := range r.Infos {
		s := chart.Series{Name: i.Name, Values: map[string]float64{}}
		for _, c := range workload.Cases() {
			if v := c.Rate.Of(r.store(i.Name, c).Result); v > 0 && fits(c) {
				s.Values[storeTitle(c)] = v
			}
		}
		if len(s.Values) > 0 {
			list = append(list, s)
		}
	}
	return titles, list
}
