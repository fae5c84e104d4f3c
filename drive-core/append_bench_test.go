package drive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// benchDir makes a directory for drives that a benchmark writes, in DRIVE_BENCH_DIR if
// that is set, and removes it when remove is called.
func benchDir(b *testing.B) (path string, remove func()) {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("DRIVE_BENCH_DIR"), "drive-bench") //nolint:usetesting // elsewhere on demand, and removed after each run
	if err != nil {
		b.Fatal(err)
	}
	return dir + "/a.drive", func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// timeOn calls run with a new store as often as the benchmark asks for, and times that
// alone. The file stays small enough for the system to keep what is written in
// memory, which is what the comparison with the original, which never syncs, does.
func timeOn(b *testing.B, opts Options, run func(s *Store)) {
	b.Helper()
	for b.Loop() {
		b.StopTimer()
		path, remove := benchDir(b)
		s, err := Open(path, opts)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		run(s)
		b.StopTimer()
		tail := s.FileSize()
		if err := s.gen.Load().file.Truncate(0); err != nil || tail == 0 { // or closing would sync it
			b.Fatal(tail, err)
		}
		_ = s.Close()
		remove()
		b.StartTimer()
	}
}

// BenchmarkAppend writes a new drive, one value at a time.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ n, size int }{{100_000, 128}, {500, 1 << 20}} {
		value := bytes.Repeat([]byte{0xAB}, c.size)
		b.Run(fmt.Sprintf("%dx%d", c.n, c.size), func(b *testing.B) {
			b.SetBytes(int64(c.n) * int64(c.size))
			timeOn(b, Options{Sync: SyncNone}, func(s *Store) {
				key := make([]byte, 0, 32)
				for i := range c.n {
					key = strconv.AppendInt(append(key[:0], "bench-key-"...), int64(i), 10)
					binary.LittleEndian.PutUint64(value, uint64(i))
					if _, err := s.Write(key, value); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.n), "ns/entry")
		})
		b.Run(fmt.Sprintf("%dx%d/bare", c.n, c.size), func(b *testing.B) {
			b.SetBytes(int64(c.n) * int64(c.size))
			for b.Loop() {
				b.StopTimer()
				path, remove := benchDir(b)
				f, err := vfs.OS.Open(path, vfs.Exclusive, filePerm)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for i := range int64(c.n) {
					if _, err := f.WriteAt(value, i*int64(len(value)+alignment)); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				_ = f.Close()
				remove()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.n), "ns/entry")
		})
	}
}

// BenchmarkAppendFromMany writes from eight goroutines at once.
func BenchmarkAppendFromMany(b *testing.B) {
	const writers, each = 8, 1000
	for _, size := range []int{128, 4 << 10, 64 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(writers * each * int64(size))
			timeOn(b, Options{Sync: SyncNone}, func(s *Store) {
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() { // waited for below
						value := bytes.Repeat([]byte{0xAB}, size)
						for i := range each {
							if _, err := s.Write(fmt.Appendf(nil, "t%d_%d", w, i), value); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(writers*each), "ns/entry")
		})
	}
}

// patterns is a stream of so many bytes.
type patterns struct {
	piece []byte
	left  int64
}

func (p *patterns) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), p.left)], p.piece)
	p.left -= int64(n)
	return n, nil
}

// BenchmarkStream stores a stream of 1 GiB.
func BenchmarkStream(b *testing.B) {
	const size = 1 << 30
	piece := make([]byte, 1<<20)
	for i := range piece {
		piece[i] = byte(i%251 + 1)
	}
	b.SetBytes(size)
	timeOn(b, Options{Sync: SyncNone}, func(s *Store) {
		if _, err := s.WriteFrom([]byte("stream"), &patterns{piece, size}); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkMixed reads from goroutines while one writes, and without that.
func BenchmarkMixed(b *testing.B) {
	const keys = 1 << 20
	path := tempPath(b)
	s := filled(b, path)
	for _, writing := range []bool{false, true} {
		b.Run(fmt.Sprintf("readers=4/writing=%v", writing), func(b *testing.B) {
			var stop atomic.Bool
			var wg sync.WaitGroup
			written := 0
			if writing {
				wg.Go(func() { // ends with stop; waited for below
					value := bytes.Repeat([]byte{0xCD}, 128)
					for !stop.Load() {
						if _, err := s.Write(benchKey(uint64(10_000_000+written)), value); err != nil {
							b.Error(err)
							return
						}
						written++
					}
				})
			}
			var next atomic.Int64
			var readers sync.WaitGroup
			b.ResetTimer()
			for r := range uint64(4) {
				readers.Go(func() { // ends when b.N values are read; waited for below
					state := 100 + r
					var sum byte
					for next.Add(64) <= int64(b.N) {
						for range 64 {
							state += 0x9E3779B97F4A7C15
							x := state
							x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
							x = (x ^ x>>27) * 0x94D049BB133111EB
							e, ok := s.Read(benchKey((x ^ x>>31) % keys))
							if !ok {
								b.Error("missing")
								return
							}
							sum += e.Bytes()[0]
						}
					}
					_ = sum
				})
			}
			readers.Wait()
			b.StopTimer()
			stop.Store(true)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
			b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
