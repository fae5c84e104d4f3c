//go:build !linux

package usage

// Of knows nothing of other processes on this system: all of it is 0.
func Of(int) (Usage, error) { return Usage{Allocations: -1, AllocatedBytes: -1}, nil }
