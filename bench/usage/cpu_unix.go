//go:build unix

package usage

import "syscall"

// cpuMicros returns the user and system time of this process.
func cpuMicros() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0 // it cannot fail for the own process
	}
	return (r.Utime.Nano() + r.Stime.Nano()) / 1000
}
