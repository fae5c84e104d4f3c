package service

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
)

// plotFile is one plot that was written.
type plotFile struct{ name, title string }

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]plotFile, error) {
	names := make([]string, len(r.all))
	for n, i := range r.all {
		names[n] = i.Name
	}
	var written []plotFile
	var failures []error
	draw := func(name, title, axis string, series []chart.Series) {
		file := stem + "-" + name + ".svg"
		drawn, err := chart.Dots(file, title, axis, true, names, series)
		if drawn {
			written = append(written, plotFile{filepath.Base(file), title})
		}
		failures = append(failures, err)
	}
	for _, op := range kv.Ops {
		for _, size := range []int{smallValue, largeValue} {
			if size == smallValue || op == kv.Read || op == kv.Write {
				draw(fmt.Sprintf("%s-%d", op, size), fmt.Sprintf("%s of %s: calls per second", op, figure.Size(size)), "calls/s",
					r.series(op, size, perSecond))
			}
		}
	}
	draw("cpu", "read of 100 B: CPU time of the server per call", "µs",
		r.series(kv.Read, smallValue, func(r Result) float64 { return r.ServerCPU }))
	return written, errors.Join(failures...)
}

// series collects a figure of all implementations, for each number of calls in flight.
func (r *Results) series(op string, size int, of func(Result) float64) []chart.Series {
	list := make([]chart.Series, len(inFlights))
	for n, inFlight := range inFlights {
		s := chart.Series{Name: fmt.Sprintf("%d in flight", inFlight), Values: map[string]float64{}}
		for _, i := range r.all {
			if one, measured := r.find(i.Name, kv.Case{Op: op, Size: size, InFlight: inFlight}); measured {
				s.Values[i.Name] = of(one)
			}
		}
		list[n] = s
	}
	return list
}
