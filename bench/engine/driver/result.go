package driver

import (
	"runtime"
	"time"

	"github.com/simd-drive/go/bench/memory"
)

const (
	megabyte = 1e6
	mebibyte = 1 << 20
)

// Result is what one run of a case gave. MB are 10^6 bytes of values in the
// rates, and MiB in the sizes of memory.
type Result struct {
	Case      string  `json:"case"`
	Ops       uint64  `json:"ops"`
	Bytes     uint64  `json:"bytes"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"ops_per_s"`
	Megabytes float64 `json:"mb_per_s"`
	Resident  float64 `json:"rss_mb"`
	Anonymous float64 `json:"anon_mb"` // memory that is no page of a file
	Check     uint64  `json:"check"`   // equal for equal work

	// Allocations is how many objects each operation left on the heap; nil
	// where they are not counted.
	Allocations *float64 `json:"allocations,omitempty"`

	// What only some cases have.
	Reads      float64 `json:"reads_per_s,omitempty"`
	Writes     float64 `json:"writes_per_s,omitempty"`
	BaseAnon   float64 `json:"base_anon_mb,omitempty"` // before the store was opened
	OpenAnon   float64 `json:"open_anon_mb,omitempty"` // while it is open
	PeakAnon   float64 `json:"peak_anon_mb,omitempty"` // the most while it grew
	Peak       float64 `json:"vmhwm_mb,omitempty"`
	FileBefore float64 `json:"file_before,omitempty"`
	FileAfter  float64 `json:"file_after,omitempty"`
}

// A Clock takes the time of the part of a run that counts, and the allocations
// in it.
type Clock struct {
	mallocs uint64
	begun   time.Time
}

// StartClock begins the time.
func StartClock() Clock {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Clock{m.Mallocs, time.Now()}
}

// Stop ends the time and returns the result.
func (c Clock) Stop(ops, bytes, check uint64) Result {
	r := Result{Ops: ops, Bytes: bytes, Seconds: time.Since(c.begun).Seconds(), Check: check}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.PerSecond = float64(ops) / r.Seconds
	r.Megabytes = float64(bytes) / megabyte / r.Seconds
	allocations := float64(m.Mallocs-c.mallocs) / float64(max(ops, 1))
	r.Allocations = &allocations
	held := memory.Now()
	r.Resident, r.Anonymous = mib(held.Resident), mib(held.Anonymous)
	return r
}

func mib(n int64) float64 { return float64(n) / mebibyte }
