// Package latency counts how long calls take.
package latency

import (
	"math/bits"
	"time"
)

const (
	// histogramSteps is the number of buckets for each power of two, which
	// bounds the error of a value by half of 1/64.
	histogramSteps  = 64
	histogramShifts = 64 - 7 // powers of two above the exact buckets
	histogramSize   = (histogramShifts + 2) * histogramSteps
)

// Histogram counts durations in memory of fixed size. Its zero value is empty. It is
// for one goroutine at a time.
type Histogram struct {
	counts [histogramSize]uint32
	total  uint64
	max    time.Duration
}

// Add counts one.
func (h *Histogram) Add(d time.Duration) {
	v := uint64(max(d, 0))
	shift := max(0, bits.Len64(v)-7)
	h.counts[shift*histogramSteps+int(v>>shift)]++
	h.total++
	h.max = max(h.max, d)
}

// Merge adds what another histogram has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// Quantile returns the duration below which a share of all lies, 0 when there
// are none. That of all of them is exact.
func (h *Histogram) Quantile(share float64) time.Duration {
	if h.total == 0 || share >= 1 {
		return h.max
	}
	left := int64(share * float64(h.total-1))
	for i, n := range h.counts {
		if left -= int64(n); left < 0 {
			shift := max(0, i/histogramSteps-1)
			low := uint64(i-shift*histogramSteps) << shift
			return min(time.Duration(low+1<<shift/2), h.max)
		}
	}
	return h.max
}

// Total returns how many were counted.
func (h *Histogram) Total() uint64 { return h.total }

// Max returns the longest.
func (h *Histogram) Max() time.Duration { return h.max }
