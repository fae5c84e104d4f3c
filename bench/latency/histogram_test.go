package latency

import (
	"math"
	"testing"
	"time"
)

// TestHistogram holds that quantiles are within a bucket of those of the
// values themselves.
func TestHistogram(t *testing.T) {
	var h, other Histogram
	const n = 100_000
	for i := range n {
		d := time.Duration(i * i)
		if i%2 == 0 {
			h.Add(d)
		} else {
			other.Add(d)
		}
	}
	h.Merge(&other)
	for _, share := range []float64{0, 0.001, 0.5, 0.99, 1} {
		want := math.Pow(math.Floor(share*(n-1)), 2)
		got := float64(h.Quantile(share))
		if math.Abs(got-want) > want/histogramSteps+1 {
			t.Errorf("quantile %g is %g, want %g", share, got, want)
		}
	}
	if got := new(Histogram).Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing is %v", got)
	}
	h.Add(math.MaxInt64)
	if got := h.Quantile(1); got != math.MaxInt64 {
		t.Errorf("the longest duration is %v", got)
	}
}
