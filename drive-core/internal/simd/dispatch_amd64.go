//go:build !purego

package simd

import "github.com/klauspost/cpuid/v2"

// best returns the widest path that the processor, and the system, can go.
func best() Path {
	switch {
	case cpuid.CPU.Supports(cpuid.AVX2, cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.VPCLMULQDQ):
		return AVX512
	case cpuid.CPU.Supports(cpuid.AVX2, cpuid.VPCLMULQDQ):
		return AVX2
	default:
		return Off
	}
}

// sumKernel continues crc with p, whose length is a multiple of unit, and shortSum at
// least.
func sumKernel(crc uint32, p []byte) uint32 {
	if current >= AVX512 {
		return ^crcAVX512(^crc, p)
	}
	return ^crcAVX2(^crc, p)
}

// copyKernel copies src to dst, which is as long, as well.
func copyKernel(crc uint32, dst, src []byte) uint32 {
	if current >= AVX512 {
		return ^copyAVX512(^crc, dst, src)
	}
	return ^copyAVX2(^crc, dst, src)
}

// indexUint64Kernel searches p, which has scanPlaces places at least.
func indexUint64Kernel(p []byte, v uint64) int { return indexUint64AVX2(&p[0], len(p)-wordSize+1, v) }

// indexBelowKernel searches p likewise; zero is below wordSize.
func indexBelowKernel(p []byte, limit uint64, zero int) int {
	return indexBelowAVX2(&p[0], len(p)-wordSize+1, limit, zero)
}
