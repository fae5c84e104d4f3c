// Package usage tells what processes use of the machine.
package usage

import (
	"runtime"

	"github.com/simd-drive/go/bench/memory"
)

// Usage is what a process has used since it started, and what it holds.
type Usage struct {
	// Allocations and AllocatedBytes count objects on the heap; -1 where the
	// process does not count them.
	Allocations    int64 `json:"allocations"`
	AllocatedBytes int64 `json:"allocated_bytes"`
	// CPUMicros is user and system time in microseconds.
	CPUMicros int64 `json:"cpu_us"`
	// ResidentBytes and PeakResidentBytes are 0 where the system has no
	// /proc.
	ResidentBytes     int64 `json:"resident_bytes"`
	PeakResidentBytes int64 `json:"peak_resident_bytes"`
	// Goroutines is how many there are.
	Goroutines int `json:"goroutines"`
}

// Own tells what this process has used. It stops the world for some
// microseconds.
func Own() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	held := memory.Now()
	return Usage{
		Allocations: int64(m.Mallocs), AllocatedBytes: int64(m.TotalAlloc),
		CPUMicros: cpuMicros(), Goroutines: runtime.NumGoroutine(),
		ResidentBytes: held.Resident, PeakResidentBytes: held.Peak,
	}
}

// Since returns what was used between two moments; what is held is that of
// the later one.
func (u Usage) Since(before Usage) Usage {
	d := u
	d.CPUMicros -= before.CPUMicros
	if u.Allocations >= 0 {
		d.Allocations -= before.Allocations
		d.AllocatedBytes -= before.AllocatedBytes
	}
	return d
}
