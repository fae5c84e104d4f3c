package service

import (
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
)

// A target is one demand on an implementation of ours.
type target struct {
	figure.Target

	name   string // of what is demanded
	impl   string
	versus []string // the better of these peers counts
	c      kv.Case
	figure func(Result) float64
}

// The peers that targets name.
var (
	againstRedis  = []string{rueidisName, goRedisName}
	againstSynced = []string{rueidisName + synced, goRedisName + synced}
	againstRust   = []string{rust}
	againstTCP    = []string{tcp}
)

// oldClientFactor is how many times as many calls the unmodified original client makes
// on our server as on its own, one at a time.
const oldClientFactor = 300

func perSecond(r Result) float64 { return r.Calls }

// rate is a demand on calls per second, for orientation when need is 0.
func rate(impl, op string, size, inFlight int, need float64, versus []string) target {
	c := kv.Case{Op: op, Size: size, InFlight: inFlight}
	return target{
		Target: figure.Target{Need: need, Unit: "calls/s"},
		name:   c.String(), impl: impl, versus: versus, c: c, figure: perSecond,
	}
}

// cpu is a demand on the time of the server's processor per call.
func cpu(op string, inFlight int) target {
	t := rate(ours, op, smallValue, inFlight, 1, againstRedis)
	t.name, t.AtMost, t.Unit = t.name+", server CPU", true, "µs"
	t.figure = func(r Result) float64 { return r.ServerCPU }
	return t
}

// targets returns the whole table. stream is the size of the value that is streamed.
func targets(stream int) []target {
	list := []target{
		rate(ours, kv.Read, smallValue, 1, 1, againstRedis), rate(ours, kv.Write, smallValue, 1, 1, againstRedis),
	}
	for _, inFlight := range []int{16, 256} {
		for _, op := range []string{kv.Read, kv.Write, kv.Exists} {
			list = append(list, rate(ours, op, smallValue, inFlight, 1, againstRedis))
		}
		list = append(list, rate(ours, kv.Mixed, smallValue, inFlight, 1, againstRedis))
	}
	list = append(list,
		rate(ours, kv.Read, largeValue, 16, 1.2, againstRedis),
		rate(ours, kv.BatchRead, smallValue, 16, 1.5, againstRedis), rate(ours, kv.BatchWrite, smallValue, 16, 1.5, againstRedis),
	)
	for _, inFlight := range []int{16, 256} {
		list = append(list, cpu(kv.Read, inFlight), cpu(kv.Write, inFlight), cpu(kv.Exists, inFlight))
	}
	list = append(list,
		rate(rustOnOurs, kv.Read, smallValue, 1, oldClientFactor, againstRust),
		rate(rustOnOurs, kv.Write, smallValue, 1, oldClientFactor, againstRust),
	)
	bytes := rate(ours, kv.Stream, stream, 1, 0.9, againstTCP)
	bytes.Unit, bytes.figure = "MB/s", func(r Result) float64 { return r.Megabytes }
	list = append(list, bytes)
	for _, inFlight := range inFlights {
		list = append(list, rate(oursSynced, kv.Write, smallValue, inFlight, 1, againstSynced))
	}
	list = append(list, rate(oursSynced, kv.BatchWrite, smallValue, 16, 1.5, againstSynced))
	for _, op := range []string{kv.Read, kv.Write} {
		list = append(list, rate(ours, op, largeValue, 1, 0, againstRedis), rate(ours, op, largeValue, 256, 0, againstRedis))
	}
	return append(list, rate(ours, kv.Write, largeValue, 16, 0, againstRedis),
		rate(ours, kv.Read, smallValue, 16, 0, againstRust), rate(ours, kv.Read, smallValue, 256, 0, againstRust))
}

// judge holds the implementations of ours against every target.
func (r *Results) judge() []figure.Verdict {
	stream := streamBytes
	if r.Smoke {
		stream = smokeStreamBytes
	}
	var verdicts []figure.Verdict
	for _, t := range targets(stream) {
		verdicts = append(verdicts, t.JudgeBest(t.impl, t.name, t.versus, func(impl string) (float64, bool) {
			one, measured := r.find(impl, t.c)
			return t.figure(one), measured
		}))
	}
	return verdicts
}
