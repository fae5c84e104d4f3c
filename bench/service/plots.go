package service

import (
	"fmt"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
)

// plots writes every plot beside the document.
func (r *Results) plots(stem string) ([]chart.File, error) {
	folder := chart.Folder{Stem: stem}
	names := make([]string, len(r.all))
	for n, i := range r.all {
		names[n] = i.Name
	}
	for _, op := range kv.Ops {
		for _, size := range []int{smallValue, largeValue} {
			if size == smallValue || op == kv.Read || op == kv.Write {
				folder.Dots(fmt.Sprintf("%s-%d", op, size), fmt.Sprintf("%s of %s: calls per second", op, figure.Size(size)), "calls/s",
					true, names, r.series(op, size, perSecond)...)
			}
		}
	}
	folder.Dots("cpu", "read of 100 B: CPU time of the server per call", "µs",
		true, names, r.series(kv.Read, smallValue, func(r Result) float64 { return r.ServerCPU })...)
	return folder.Files()
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
