// Package simd holds the inner loops of the engine that are worth vector
// instructions: checksums, checksums of what is copied, and searches for a number.
// Each has a twin in plain Go or the standard library, which is used where there is
// no kernel, and which tests and fuzzing compare it with. docs/simd.md says what was
// measured, also of kernels that were not worth keeping.
//
// Which one is used is decided once, when the program starts, by what the processor
// has. The environment variable DRIVE_SIMD is a limit: "off" for none of the kernels,
// "avx2" for those of 256 bits, "avx512" for all. Any other value, and one that asks
// for more than the processor has, is as if it were not set. The build tag purego
// leaves the kernels out. On other processors than amd64 there are none: hash/crc32
// uses the CRC instructions of ARM64 by itself.
//
// All functions may be used concurrently. A fault of the memory that they read is
// the same panic as in a loop in Go (debug.SetPanicOnFault).
package simd

import "os"

// env is the name of the variable that limits what is used.
const env = "DRIVE_SIMD"

// Path is a set of kernels. Each includes those before it.
type Path int

// The paths.
const (
	Off    Path = iota // the twins
	AVX2               // 256 bits: AVX2, and VPCLMULQDQ for the checksums
	AVX512             // 512 bits: AVX-512 F, DQ, BW, VL and VPCLMULQDQ
)

// paths are all of them, by rising width.
var paths = [...]Path{Off, AVX2, AVX512}

// String returns the name, which DRIVE_SIMD takes.
func (p Path) String() string { return [...]string{"off", "avx2", "avx512"}[p] }

// current is the path in use. Only tests change it, while nothing else runs.
var current = choose(os.Getenv(env), best())

// Current returns the path in use.
func Current() Path { return current }

// choose returns the path that limit asks for, or else the best.
func choose(limit string, best Path) Path {
	for _, p := range paths {
		if p.String() == limit && p <= best {
			return p
		}
	}
	return best
}
