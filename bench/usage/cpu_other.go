//go:build !unix

package usage

// cpuMicros is not known on this system.
func cpuMicros() int64 { return 0 }
