package drive

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"
)

// benchTable is what the index is compared with: a map of 64-bit numbers. Calls through it cost every implementation
// the same 1 to 2 ns.
type benchTable interface {
	put(hash, word uint64)
	find(hash uint64) uint64
}

// ourTable is the index, with the writer's part of the batch interface.
type ourTable struct{ x *index }

func (t ourTable) put(hash, word uint64)   { t.x.set(hash, location(word)) }
func (t ourTable) find(hash uint64) uint64 { return uint64(t.x.get(hash)) }

type goMap map[uint64]uint64

func (m goMap) put(hash, word uint64)   { m[hash] = word }
func (m goMap) find(hash uint64) uint64 { return m[hash] }

type lockedMap struct {
	mu sync.RWMutex
	m  map[uint64]uint64
}

func (m *lockedMap) put(hash, word uint64) {
	m.mu.Lock()
	m.m[hash] = word
	m.mu.Unlock()
}

func (m *lockedMap) find(hash uint64) uint64 {
	m.mu.RLock()
	word := m.m[hash]
	m.mu.RUnlock()
	return word
}

type shardedMap [64]lockedMap

func (s *shardedMap) put(hash, word uint64)   { s[hash>>58].put(hash, word) }
func (s *shardedMap) find(hash uint64) uint64 { return s[hash>>58].find(hash) }

func newShardedMap() *shardedMap {
	s := new(shardedMap)
	for i := range s {
		s[i].m = map[uint64]uint64{}
	}
	return s
}

type syncMap struct{ m sync.Map }

func (s *syncMap) put(hash, word uint64) { s.m.Store(hash, word) }
func (s *syncMap) find(hash uint64) uint64 {
	v, _ := s.m.Load(hash)
	word, _ := v.(uint64)
	return word
}

// indexKey returns a number that looks like a hash.
func indexKey(i uint64) uint64 { return (i + 1) * 0x9E3779B97F4A7C15 }

// heapBytes returns what is live on the heap.
func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkIndex compares the index with maps, none of which knows the number of keys
// beforehand. "dependent" searches for what the search before returned; in "batch64" the places of
// 64 hashes are touched before any is looked up.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []uint64{1_000_000, 10_000_000} {
		for _, kind := range []struct {
			name string
			make func() benchTable
		}{
			{"index", func() benchTable { return ourTable{newIndex()} }},
			{"map", func() benchTable { return goMap{} }},
			{"map+RWMutex", func() benchTable { return &lockedMap{m: map[uint64]uint64{}} }},
			{"64 maps+RWMutex", func() benchTable { return newShardedMap() }},
			{"sync.Map", func() benchTable { return new(syncMap) }},
		} {
			if kind.name == "sync.Map" && n > 1_000_000 {
				continue // it takes more than a gigabyte
			}
			b.Run(fmt.Sprintf("%dM/%s", n/1_000_000, kind.name), func(b *testing.B) {
				before := heapBytes()
				t := kind.make()
				begin := time.Now()
				for i := range n {
					t.put(indexKey(i), i+1)
				}
				insert := float64(time.Since(begin).Nanoseconds()) / float64(n)
				size := float64(heapBytes()-before) / float64(n)
				if ours, ok := t.(ourTable); ok {
					size = float64(ours.x.bytes()) / float64(n)
				}
				benchLookups(b, t, n)
				b.Run("insert", func(b *testing.B) {
					for b.Loop() { // it was measured above, once
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(insert, "ns/key")
					b.ReportMetric(size, "B/key")
				})
			})
		}
	}
}

// benchLookups measures lookups in a table of n keys.
func benchLookups(b *testing.B, t benchTable, n uint64) {
	b.Helper()
	b.Run("get", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if t.find(indexKey(r.Uint64N(n))) == 0 {
				b.Fatal("a key is missing")
			}
		}
	})
	b.Run("dependent", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		last := uint64(0)
		for b.Loop() {
			i := (r.Uint64N(n) + last) % n
			if last = t.find(indexKey(i)); last != i+1 {
				b.Fatal("a key is missing")
			}
		}
	})
	ours, ok := t.(ourTable)
	if !ok {
		return
	}
	b.Run("batch64", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		var hashes [readGroup]uint64
		for b.Loop() {
			var loaded uint64
			for i := range hashes {
				hashes[i] = indexKey(r.Uint64N(n))
				loaded ^= ours.x.touch(hashes[i])
			}
			runtime.KeepAlive(loaded)
			for _, h := range hashes {
				if ours.find(h) == 0 {
					b.Fatal("a key is missing")
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readGroup, "ns/key")
	})
}

// BenchmarkIndexGrowth sets 10 M keys and tells how long the slowest sets took and, with a reader beside
// it, the slowest searches for keys that are there, and how much memory was in use at most. What the machine does besides is in
// the figures: "idle" is the longest that the same loop took without an index.
func BenchmarkIndexGrowth(b *testing.B) {
	const n = 10_000_000
	for _, reader := range []bool{false, true} {
		b.Run(fmt.Sprintf("reader=%v", reader), func(b *testing.B) {
			for b.Loop() {
				idle := slowest(n, func(uint64) {})
				debug.FreeOSMemory()
				before := residentBytes()
				x := newIndex()
				for i := range uint64(1000) {
					x.set(indexKey(i), location(i+1))
				}
				done := make(chan struct{})
				var reads []time.Duration
				var wg sync.WaitGroup
				if reader {
					wg.Go(func() { // ends when done is closed; waited for below
						r := rand.New(rand.NewPCG(1, 2))
						for {
							select {
							case <-done:
								return
							default:
							}
							reads = append(reads, slowest(10_000, func(uint64) {
								if x.get(indexKey(r.Uint64N(1000))) == 0 {
									b.Error("a key is missing")
								}
							})...)
						}
					})
				}
				var peak int64
				sets := slowest(n-1000, func(i uint64) {
					x.set(indexKey(i+1000), location(i+1001))
					if i%(n/1000) == 0 {
						peak = max(peak, residentBytes()-before)
					}
				})
				close(done)
				wg.Wait()
				slices.SortFunc(reads, func(a, b time.Duration) int { return int(b - a) })
				report := func(name string, list []time.Duration) {
					for i, rank := range []string{"max", "2nd", "10th"} {
						if at := []int{0, 1, 9}[i]; at < len(list) {
							b.ReportMetric(float64(list[at].Microseconds()), "µs_"+name+"_"+rank)
						}
					}
				}
				report("idle", idle)
				report("set", sets)
				report("get", reads)
				b.ReportMetric(float64(x.bytes())/n, "B/key")
				b.ReportMetric(float64(peak)/n, "RSSpeak/key")
			}
		})
	}
}

// slowest calls fn n times and returns how long the ten slowest calls took, the slowest first.
func slowest(n uint64, fn func(i uint64)) []time.Duration {
	const kept = 10
	var list [kept + 1]time.Duration
	before := time.Now()
	for i := range n {
		fn(i)
		now := time.Now()
		if took := now.Sub(before); took > list[kept-1] {
			list[kept] = took
			slices.SortFunc(list[:], func(a, b time.Duration) int { return int(b - a) })
		}
		before = now
	}
	return list[:kept]
}
