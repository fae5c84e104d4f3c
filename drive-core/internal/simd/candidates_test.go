//go:build amd64 && !purego

package simd

import (
	"testing"

	"github.com/zeebo/xxh3"
)

// TestCandidates compares hashes of eight keys at a time.
func TestCandidates(t *testing.T) {
	if best() < AVX512 {
		t.Skip("*** SKIPPED: this processor has no AVX-512 ***")
	}
	data := random(10_000)
	for n := 4; n <= 16; n++ {
		for at := range 1000 {
			keys, out := eightKeys(data[at:], n), [8]uint64{}
			hashEight(&out, keys)
			for i := range keys {
				if want := xxh3.Hash(keys[i]); out[i] != want {
					t.Fatalf("key of %d bytes: %x, want %x", n, out[i], want)
				}
			}
		}
	}
}

func eightKeys(data []byte, n int) *[8][]byte {
	var keys [8][]byte
	for i := range keys {
		keys[i] = data[100*i:][:n]
	}
	return &keys
}

func hashEight(out *[8]uint64, keys *[8][]byte) {
	if len(keys[0]) <= 8 {
		hash4to8AVX512(out, keys)
	} else {
		hash9to16AVX512(out, keys)
	}
}

// BenchmarkKernelsHash hashes eight keys at a time.
func BenchmarkKernelsHash(b *testing.B) {
	data := random(10_000)
	for _, n := range []int{8, 16} {
		keys, out := eightKeys(data, n), [8]uint64{}
		b.Run("hash-8-keys/"+sizeName(n)+"/std-loop", func(b *testing.B) {
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				for i := range keys {
					out[i] = xxh3.Hash(keys[i])
				}
			}
		})
		b.Run("hash-8-keys/"+sizeName(n)+"/avx512", func(b *testing.B) {
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				hashEight(&out, keys)
			}
		})
	}
}
