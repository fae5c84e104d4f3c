package usage

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/simd-drive/go/bench/memory"
)

// processClock makes the id of the clock that counts the CPU time of a process, as
// clock_getcpuclockid(3) does.
func processClock(pid int) int32 {
	const scheduler = 2 // nanoseconds, user and system time of all threads
	return int32(^pid)<<3 | scheduler
}

// Of tells what another process has used of the processor and the memory; of its heap
// the system knows nothing.
func Of(pid int) (Usage, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(processClock(pid), &t); err != nil {
		return Usage{}, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	held := memory.Of(pid)
	return Usage{
		Allocations: -1, AllocatedBytes: -1, CPUMicros: t.Nano() / 1000,
		ResidentBytes: held.Resident, PeakResidentBytes: held.Peak,
	}, nil
}
