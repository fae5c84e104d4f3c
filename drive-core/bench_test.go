package drive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// benchKeys is how many keys the read benchmarks spread over.
const benchKeys = 1 << 20

// benchKey returns the key of number i.
func benchKey(i uint64) []byte { return binary.LittleEndian.AppendUint64(nil, i) }

// filled returns a store of benchKeys values of 8 bytes.
func filled(b *testing.B, path string) *Store {
	b.Helper()
	s := mustOpen(b, path, Options{})
	items := make([]Item, 1024)
	for i := uint64(0); i < benchKeys; i += uint64(len(items)) {
		for j := range items {
			k := benchKey(i + uint64(j))
			items[j] = Item{k, append([]byte{1}, k[1:]...)}
		}
		if _, err := s.WriteBatch(items); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// benchRestart is the file size at which a write benchmark begins a new file.
const benchRestart = 4 << 30

// fresh returns s, or a new store when s has grown large. The timer stops meanwhile.
func fresh(b *testing.B, s *Store) *Store {
	b.Helper()
	if s != nil && s.FileSize() < benchRestart {
		return s
	}
	b.StopTimer()
	if s != nil {
		if err := s.gen.Load().file.Truncate(0); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	s = mustOpen(b, tempPath(b), Options{})
	b.StartTimer()
	return s
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{8, 128, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			value := bytes.Repeat([]byte{7}, size)
			var s *Store
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := uint64(0); b.Loop(); i++ {
				s = fresh(b, s)
				if _, err := s.WriteHash(i*0x9E3779B97F4A7C15, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWriteSynced writes 128 bytes with SyncAlways, from one goroutine and from
// many at once, beside a bare pwrite and fdatasync of as much.
func BenchmarkWriteSynced(b *testing.B) {
	value := bytes.Repeat([]byte{7}, 128)
	b.Run("bare", func(b *testing.B) {
		f, err := vfs.OS.Open(tempPath(b), vfs.Exclusive, filePerm)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for off := int64(0); b.Loop(); off += 192 {
			if _, err := f.WriteAt(value, off); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, writers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := mustOpen(b, tempPath(b), Options{Sync: SyncAlways})
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() { // ends when b.N values are written; waited for below
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if _, err := s.WriteHash(uint64(i)*0x9E3779B97F4A7C15, value); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func BenchmarkWriteBatch(b *testing.B) {
	for _, tc := range []struct{ n, size int }{{1024, 8}, {100, 1 << 10}} {
		b.Run(fmt.Sprintf("%dx%d", tc.n, tc.size), func(b *testing.B) {
			items := make([]HashedItem, tc.n)
			for i := range items {
				items[i].Value = bytes.Repeat([]byte{7}, tc.size)
			}
			var s *Store
			b.SetBytes(int64(tc.n * tc.size))
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				s = fresh(b, s)
				for i := range items {
					n++
					items[i].Hash = n * 0x9E3779B97F4A7C15
				}
				if _, err := s.WriteBatchHash(items); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/entry")
		})
	}
}

func BenchmarkWriteFrom(b *testing.B) {
	const size = 256 << 20
	data := make([]byte, size)
	for _, tc := range []struct {
		name string
		open func() io.Reader
	}{
		{"prompt", func() io.Reader { return bytes.NewReader(data) }},
		{"spooled", func() io.Reader { return io.LimitReader(zeros{}, size) }},
	} {
		b.Run(tc.name, func(b *testing.B) {
			var s *Store
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				s = fresh(b, s)
				if _, err := s.WriteFromHash(1, tc.open()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	path := tempPath(b)
	s := filled(b, path)
	run := func(name string, fn func(r *rand.Rand, key []byte) byte) {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			key := make([]byte, 8)
			var sum byte
			b.ReportAllocs()
			for b.Loop() {
				binary.LittleEndian.PutUint64(key, r.Uint64()%benchKeys)
				sum += fn(r, key)
			}
		})
	}
	run("random", func(_ *rand.Rand, key []byte) byte { e, _ := s.Read(key); return e.Bytes()[0] })
	run("exists", func(_ *rand.Rand, key []byte) byte {
		if s.Exists(key) {
			return 1
		}
		return 0
	})
	run("view", func(_ *rand.Rand, key []byte) (b byte) {
		_ = s.View(key, func(v []byte) error { b = v[0]; return nil })
		return b
	})
	run("get", func(_ *rand.Rand, key []byte) byte { v, _ := s.Get(key); return v[0] })
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			r := rand.New(rand.NewPCG(rand.Uint64(), 2))
			var sum byte
			for pb.Next() {
				var key [8]byte
				binary.LittleEndian.PutUint64(key[:], r.Uint64()%benchKeys)
				e, _ := s.Read(key[:])
				sum += e.Bytes()[0]
			}
			_ = sum
		})
	})
	b.Run("batch100", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		keys := make([][]byte, 100)
		for i := range keys {
			keys[i] = make([]byte, 8)
		}
		var dst []Entry
		var sum byte
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			for _, k := range keys {
				binary.LittleEndian.PutUint64(k, r.Uint64()%benchKeys)
			}
			dst = s.ReadBatch(dst[:0], keys)
			for _, e := range dst {
				sum += e.Bytes()[0]
			}
			n += len(dst)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/entry")
	})
	for name, order := range map[string]Order{"iterateNewest": NewestFirst, "iterateFile": FileOrder} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range s.Entries(order) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != benchKeys {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/entry")
		})
	}
	b.Run("compact", func(b *testing.B) {
		b.SetBytes(s.FileSize())
		for b.Loop() {
			if _, err := s.Compact(b.Context(), CompactOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	st, err := s.Stats()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("index: %.1f bytes a key", float64(st.IndexBytes)/benchKeys)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(path, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/open")
	})
}

func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{8, 16, 32, 63, 64, 1 << 10, 1 << 20} {
		p := make([]byte, size)
		for name, sum := range map[string]func([]byte) uint32{"ours": Checksum, "std": crc32.ChecksumIEEE} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					sum(p)
				}
			})
		}
	}
}

// BenchmarkVerified reads one value again and again with its checksum verified: in
// place, copied into memory with room for it, and copied into new memory.
func BenchmarkVerified(b *testing.B) {
	for _, size := range []int{8, 128, 1 << 10, 4 << 10, 64 << 10, 1 << 20} {
		s := mustOpen(b, tempPath(b), Options{})
		mustWrite(b, s, "k", bytes.Repeat([]byte{7}, size))
		e, _ := s.Read([]byte("k"))
		room := make([]byte, 0, size)
		for _, way := range []struct {
			name string
			read func() error
		}{
			{"verify", e.Verify},
			{"appendTo", func() error { _, err := e.AppendTo(room); return err }},
			{"get", func() error { _, err := s.Get([]byte("k")); return err }},
		} {
			b.Run(fmt.Sprintf("%d/%s", size, way.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := way.read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkScrub verifies a drive in the page cache.
func BenchmarkScrub(b *testing.B) {
	for _, size := range []int{128, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := mustOpen(b, tempPath(b), Options{})
			items := make([]HashedItem, max(1, min(1024, 1<<20/size)))
			value := bytes.Repeat([]byte{7}, size)
			for n := uint64(0); s.FileSize() < benchBytes; {
				for i := range items {
					n++
					items[i] = HashedItem{n * 0x9E3779B97F4A7C15, value}
				}
				if _, err := s.WriteBatchHash(items); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(s.FileSize())
			for b.Loop() {
				if _, err := s.Scrub(b.Context(), ScrubOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
