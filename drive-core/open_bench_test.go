package drive

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
)

// openShapes are the drives whose opening is measured.
var openShapes = []struct {
	name        string
	keys, value int
}{
	{"keys=1M/value=8", 1_000_000, 8},
	{"keys=5M/value=8", 5_000_000, 8},
	{"keys=2000/value=1MiB", 2000, 1 << 20},
}

// makeOpenBench makes a drive of n keys.
func makeOpenBench(b *testing.B, path string, n, size int) {
	b.Helper()
	s, err := Open(path, Options{Sync: SyncNone})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const most = 1024
	value := make([]byte, size)
	var items []HashedItem
	for i := 0; i < n; i += len(items) {
		items = items[:0]
		for j := i; j < n && j < i+most && (len(items) == 0 || len(items)*size < 4<<20); j++ {
			binary.LittleEndian.PutUint64(value, uint64(j)+1)
			items = append(items, HashedItem{KeyHash(fmt.Appendf(nil, "key%d", j)), append([]byte(nil), value...)})
		}
		if _, err := s.WriteBatchHash(items); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, shape := range openShapes {
		b.Run(shape.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "open.drive")
			makeOpenBench(b, path, shape.keys, shape.value)
			b.Run("walk", func(b *testing.B) {
				benchmarkOpen(b, path, shape.keys, Options{ReadOnly: true, Checkpoint: Checkpoint{Off: true}})
			})
			if shape.keys < DefaultCheckpointMinEntries {
				return
			}
			b.Run("checkpoint", func(b *testing.B) { benchmarkOpen(b, path, shape.keys, Options{}) })
			b.Run("firstReads", func(b *testing.B) { benchmarkFirstReads(b, path) })
			b.Run("write", func(b *testing.B) { benchmarkCheckpoint(b, path) })
		})
	}
}

// giveBack lets go of the memory of closed stores, so that the next one does not pay for
// memory that the system has never had.
func giveBack() {
	for range 3 {
		runtime.GC()
	}
}

// benchmarkOpen opens a drive over and over.
func benchmarkOpen(b *testing.B, path string, keys int, opts Options) {
	b.Helper()
	for b.Loop() {
		s, err := Open(path, opts)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if s.Len() != keys {
			b.Fatalf("%d keys, want %d", s.Len(), keys)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		giveBack()
		b.StartTimer()
	}
	b.ReportMetric(float64(keys)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mentries/s")
}

// benchmarkFirstReads reads a key of each shard after opening, which loads the whole index.
func benchmarkFirstReads(b *testing.B, path string) {
	b.Helper()
	for b.Loop() {
		b.StopTimer()
		s, err := Open(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		s.gen.Load().index.warmAll()
		b.StopTimer()
		b.ReportMetric(float64(s.gen.Load().index.bytes())/float64(s.Len()), "B/key")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		giveBack()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/indexShards, "ns/shard")
}

// benchmarkCheckpoint writes checkpoints.
func benchmarkCheckpoint(b *testing.B, path string) {
	b.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.gen.Load().index.warmAll()
	for b.Loop() {
		if err := s.checkpoint(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
