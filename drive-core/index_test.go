package drive

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// compareIndex compares an index with a map.
func compareIndex(t *testing.T, x *index, want map[uint64]location) {
	t.Helper()
	if x.count() != int64(len(want)) {
		t.Fatalf("count = %d, want %d", x.count(), len(want))
	}
	for h, loc := range want {
		if got := x.get(h); got != loc {
			t.Fatalf("get(%x) = %x, want %x", h, got, loc)
		}
	}
}

func TestIndexAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x, want := newIndex(), map[uint64]location{}
	for step := range 300_000 {
		h := r.Uint64() % 50_000 // small numbers, 0 among them
		if r.IntN(2) == 0 {
			h *= 0x9E3779B97F4A7C15
		}
		loc := location(r.Uint64()>>1 + 1)
		if r.IntN(3) == 0 {
			loc = 0
		}
		if old := x.set(h, loc); old != want[h] {
			t.Fatalf("step %d: set(%x) returned %x, want %x", step, h, old, want[h])
		}
		if want[h] = loc; loc == 0 {
			delete(want, h)
		}
	}
	x.settle()
	compareIndex(t, x, want)
}

func TestIndexMadeFromOlderEntries(t *testing.T) {
	const n = 200_000
	r := rand.New(rand.NewPCG(5, 6))
	x, want, met := newIndex(), map[uint64]location{}, map[uint64]bool{}
	x.building = true
	for i := range n {
		h := r.Uint64() % (n / 4)
		loc := location(i + 1)
		if r.IntN(4) == 0 {
			loc = 0
		}
		x.seen = float64(i+1) / n
		if first := x.addOlder(h, loc); first == met[h] {
			t.Fatalf("addOlder(%x) = %v", h, first)
		}
		if !met[h] && loc != 0 {
			want[h] = loc
		}
		met[h] = true
	}
	x.built()
	compareIndex(t, x, want)
	for h := range met {
		if want[h] == 0 && x.get(h) != 0 {
			t.Fatalf("deleted %x is there", h)
		}
	}
}

func TestIndexMemory(t *testing.T) {
	for name, building := range map[string]bool{"written": false, "opened": true} {
		t.Run(name, func(t *testing.T) {
			const n = 1 << 19
			r := rand.New(rand.NewPCG(7, 8))
			x := newIndex()
			x.building = building
			for i := range n {
				if building {
					x.seen = float64(i+1) / n
					x.addOlder(r.Uint64(), 1)
				} else {
					x.set(r.Uint64(), 1)
				}
			}
			if building {
				x.built()
			}
			if perKey := float64(x.bytes()) / n; perKey > 27.5 {
				t.Errorf("%.1f bytes a key", perKey)
			}
		})
	}
}

// TestIndexReadersDuringGrowth lets readers look for keys that are there all the
// time while tables are replaced under them.
func TestIndexReadersDuringGrowth(t *testing.T) {
	const fixed, grown = 1000, 400_000
	x := newIndex()
	for h := uint64(1); h <= fixed; h++ {
		x.set(h, location(h))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		// Ends when done is closed; waited for below.
		wg.Go(func() {
			for {
				for h := uint64(1); h <= fixed; h++ {
					if got := x.get(h); got != location(h) {
						t.Errorf("get(%d) = %d", h, got)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for h := uint64(fixed + 1); h < grown; h++ {
		x.set(h, location(h))
		if h%3 == 0 {
			x.set(h, 0)
		}
	}
	close(done)
	wg.Wait()
}
