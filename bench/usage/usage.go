// Package usage tells what processes use of the machine.
package usage

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
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
	u := Usage{
		Allocations: int64(m.Mallocs), AllocatedBytes: int64(m.TotalAlloc),
		CPUMicros: cpuMicros(), Goroutines: runtime.NumGoroutine(),
	}
	u.readMemory("self")
	return u
}

// readMemory reads the memory of a process from /proc.
func (u *Usage) readMemory(process string) {
	f, err := os.Open("/proc/" + process + "/status")
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			u.ResidentBytes = kilobytes(text)
		}
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			u.PeakResidentBytes = kilobytes(text)
		}
	}
}

// kilobytes reads a size such as "  123 kB"; it is 0 for anything else.
func kilobytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
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
