//go:build !linux

package limits

// fileFault is not measured on this system.
func fileFault(string) (float64, error) { return 0, nil }

// memoryFault is not measured on this system.
func memoryFault(int) (float64, error) { return 0, nil }
