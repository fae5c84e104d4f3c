package report

import (
	"slices"

	"github.com/simd-drive/go/bench/rpc/measure"
)

type (
	echoResult   = measure.EchoResult
	streamResult = measure.StreamResult
	mixedResult  = measure.MixedResult
)

// echoFigure picks a figure of one case of the echo.
func echoFigure(size, inFlight int, of func(echoResult) float64) func(*Results, string) (float64, bool) {
	return func(r *Results, impl string) (float64, bool) {
		return pick(r.Echo, func(e echoResult) bool {
			return e.Impl == impl && e.Size == size && e.InFlight == inFlight && e.Rounds > 0
		}, of)
	}
}

// streamFigure picks a figure of the streams.
func streamFigure(of func(streamResult) float64) func(*Results, string) (float64, bool) {
	return func(r *Results, impl string) (float64, bool) {
		return pick(r.Stream, func(s streamResult) bool { return s.Impl == impl && s.Rounds > 0 }, of)
	}
}

// mixedFigure picks a figure of the calls beside a stream.
func mixedFigure(direction string, of func(mixedResult) float64) func(*Results, string) (float64, bool) {
	return func(r *Results, impl string) (float64, bool) {
		return pick(r.Mixed, func(m mixedResult) bool {
			return m.Impl == impl && m.Direction == direction && m.Rounds > 0
		}, of)
	}
}

// slowFigure is the peak of a server's memory in MiB.
func slowFigure(r *Results, impl string) (float64, bool) {
	return pick(r.Slow, func(s measure.SlowResult) bool { return s.Impl == impl && s.Error == "" && s.Peak > 0 },
		func(s measure.SlowResult) float64 { return s.Peak })
}

// idleFigure is the server's memory for each idle connection in KB.
func idleFigure(r *Results, impl string) (float64, bool) {
	return pick(r.Idle, func(i measure.IdleResult) bool { return i.Impl == impl && i.Server > 0 },
		func(i measure.IdleResult) float64 { return i.Server / 1000 })
}

// pick returns a figure of the first result that fits.
func pick[R any](results []R, fits func(R) bool, of func(R) float64) (float64, bool) {
	i := slices.IndexFunc(results, fits)
	if i < 0 {
		return 0, false
	}
	return of(results[i]), true
}
