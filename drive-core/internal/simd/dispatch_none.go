//go:build !amd64 || purego

package simd

// best returns the only path that is compiled in.
func best() Path { return Off }

// What the paths with kernels would call. No such path is ever current.

func sumKernel(crc uint32, p []byte) uint32              { return slice(crc, p) }
func copyKernel(crc uint32, dst, src []byte) uint32      { copy(dst, src); return slice(crc, dst) }
func indexUint64Kernel(p []byte, v uint64) int           { return indexUint64(p, v) }
func indexBelowKernel(p []byte, limit uint64, _ int) int { return indexBelow(p, limit) }
