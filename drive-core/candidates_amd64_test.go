//go:build !purego

package drive

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"github.com/simd-drive/go/drive-core/internal/simd"
)

// BenchmarkCandidateProbe compares ways to look up 64 hashes at a time.
func BenchmarkCandidateProbe(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000, 10_000_000} {
		x := newIndex()
		key := func(i uint64) uint64 { return (i + 1) * 0x9E3779B97F4A7C15 }
		for i := range uint64(n) {
			x.set(key(i), location(i+1))
		}
		for name, touch := range map[string]func(h []uint64){
			"none": func([]uint64) {},
			"touch": func(h []uint64) {
				var loaded uint64
				for _, v := range h {
					loaded ^= x.touch(v)
				}
				runtime.KeepAlive(loaded)
			},
			"prefetch": func(h []uint64) { simd.PrefetchHomes(unsafe.Pointer(&x.tables), x.mul, &h[0], 8, len(h)) },
		} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				hashes := make([]uint64, 64)
				var sum location
				for b.Loop() {
					for i := range hashes {
						hashes[i] = key(r.Uint64N(uint64(n)))
					}
					touch(hashes)
					for _, h := range hashes {
						sum ^= x.get(h)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/key")
				_ = sum
			})
		}
	}
}

// BenchmarkCandidateReadBatch reads 100 keys of 1 M, and the first byte of each value.
func BenchmarkCandidateReadBatch(b *testing.B) {
	s := filled(b, tempPath(b))
	keys := make([][]byte, 100)
	for i := range keys {
		keys[i] = make([]byte, 8)
	}
	run := func(name string, lines bool, read func(dst []Entry) []Entry) {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			var dst []Entry
			var sum byte
			var addresses [100]uintptr
			for b.Loop() {
				for _, k := range keys {
					binary.LittleEndian.PutUint64(k, r.Uint64()%benchKeys)
				}
				dst = read(dst[:0])
				if lines {
					for i := range dst {
						addresses[i] = uintptr(unsafe.Pointer(unsafe.SliceData(dst[i].Bytes())))
					}
					simd.PrefetchLines(&addresses[0], 100)
				}
				for _, e := range dst {
					sum += e.Bytes()[0]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/key")
		})
	}
	hashes := make([]uint64, 104)
	vectors := func() {
		for i := 0; i+8 <= 100; i += 8 {
			simd.Hash4to8((*[8]uint64)(hashes[i:]), (*[8][]byte)(keys[i:]))
		}
		for i := 96; i < 100; i++ {
			hashes[i] = KeyHash(keys[i])
		}
	}
	prefetched := func(dst []Entry) []Entry {
		g := s.gen.Load()
		simd.PrefetchHomes(unsafe.Pointer(&g.index.tables), g.index.mul, &hashes[0], 8, 100)
		for _, h := range hashes[:100] {
			var e Entry
			if loc := g.index.get(h); loc != 0 {
				e, _ = g.entry(loc)
			}
			dst = append(dst, e)
		}
		return dst
	}
	for range 2 {
		run("asItIs", false, func(dst []Entry) []Entry { return s.ReadBatch(dst, keys) })
		run("hashVector", false, func(dst []Entry) []Entry { vectors(); return s.ReadBatchHash(dst, hashes[:100]) })
		run("prefetchHomes", false, func(dst []Entry) []Entry {
			for i, k := range keys {
				hashes[i] = KeyHash(k)
			}
			return prefetched(dst)
		})
		run("prefetchHomesAndValues", true, func(dst []Entry) []Entry {
			for i, k := range keys {
				hashes[i] = KeyHash(k)
			}
			return prefetched(dst)
		})
		run("prefetchValues", true, func(dst []Entry) []Entry { return s.ReadBatch(dst, keys) })
		run("all", true, func(dst []Entry) []Entry { vectors(); return prefetched(dst) })
	}
}
