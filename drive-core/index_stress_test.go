package drive

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// A location of the stress test tells which key it is of, and how often that key had
// been set.
const (
	stressBits = 32
	stressKeys = 2000
)

func stressLocation(key, version uint64) location { return location(key<<stressBits | version) }

// stressHash returns the hash of a key; that of key 0 has a place of its own.
func stressHash(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 }

// stressed is an index under change. Keys below stressKeys/2 are always there; the others below stressKeys
// come and go.
type stressed struct {
	x *index
	// floor holds, for each key, how often it had been set when its last change was complete.
	floor [stressKeys]atomic.Uint64
}

// change sets or removes a key.
func (s *stressed) change(r *rand.Rand) {
	key := r.Uint64N(stressKeys)
	version := s.floor[key].Load() + 1
	loc := stressLocation(key, version)
	if key >= stressKeys/2 && r.IntN(2) == 0 {
		loc = 0
	}
	s.x.set(stressHash(key), loc)
	s.floor[key].Store(version)
}

// check looks a key up: what is found must be of this key, and no older than what was complete before.
func (s *stressed) check(key uint64) error {
	floor := s.floor[key].Load()
	got := s.x.get(stressHash(key))
	switch {
	case got == 0 && key >= stressKeys/2:
	case got == 0:
		return fmt.Errorf("key %d is missing", key)
	case uint64(got)>>stressBits != key:
		return fmt.Errorf("key %d has the location %x of another", key, got)
	case uint64(got)&(1<<stressBits-1) < floor:
		return fmt.Errorf("key %d is at version %d, %d was complete", key, uint64(got)&(1<<stressBits-1), floor)
	}
	return nil
}

// TestIndexStress lets readers verify values while keys are set, removed and set again, and while other keys
// make the tables grow, fill with removed keys and shrink again. "heap" keeps tables small enough for the Go heap,
// where the race detector sees them; "mapped" lets them grow beyond, where their memory is discarded
// under the readers.
func TestIndexStress(t *testing.T) {
	for _, tc := range []struct {
		name    string
		passing uint64 // keys that come and go together
		rounds  int
	}{{"heap", 20_000, 8}, {"mapped", 400_000, 3}} {
		t.Run(tc.name, func(t *testing.T) {
			s := &stressed{x: newIndex()}
			for key := range uint64(stressKeys / 2) {
				s.x.set(stressHash(key), stressLocation(key, 0)|1)
				s.floor[key].Store(1)
			}
			done := make(chan struct{})
			var wg sync.WaitGroup
			for reader := range uint64(3) {
				wg.Go(func() { // ends when done is closed, or at the first error; waited for below
					r := rand.New(rand.NewPCG(reader, 9))
					for {
						for range 1000 {
							key := r.Uint64N(stressKeys)
							s.x.touch(stressHash(key))
							if err := s.check(key); err != nil {
								t.Error(err)
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
			remade := s.pass(tc.passing, tc.rounds)
			close(done)
			wg.Wait()
			if remade < indexShards*tc.rounds {
				t.Errorf("%d tables were replaced, that proves little", remade)
			}
			for key := range uint64(stressKeys) {
				if err := s.check(key); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestReplacedTableReadsAsAMiss looks into a table that was replaced and discarded: what is found is what was there, or
// nothing. (That get looks again after a miss shows in no test for certain: it takes a reader that is held up for
// the few microseconds between a swap and the discarding.)
func TestReplacedTableReadsAsAMiss(t *testing.T) {
	const keys = 400_000 // tables of mapped memory
	x := newIndex()
	for key := range uint64(keys) {
		x.set(stressHash(key+1), stressLocation(key, 1))
	}
	missed := 0
	for shard := range uint64(indexShards) {
		old := x.tables[shard].Load()
		x.remake(shard)
		for key := range uint64(keys) {
			hash := stressHash(key + 1)
			mixed := hash * x.mul
			if mixed>>(64-shardBits) != shard {
				continue
			}
			switch got := location(old.find(hash, mixed)); got {
			case 0:
				missed++
			case stressLocation(key, 1):
			default:
				t.Fatalf("key %d: %x in a replaced table", key, got)
			}
			if got := x.get(hash); got != stressLocation(key, 1) {
				t.Fatalf("key %d: %x after the swap", key, got)
			}
		}
		runtime.KeepAlive(old)
	}
	t.Logf("%d of %d keys are gone from the replaced tables", missed, keys)
}

// pass sets and removes passing keys some times, with changes between, and returns how many tables were replaced.
func (s *stressed) pass(passing uint64, rounds int) (remade int) {
	r := rand.New(rand.NewPCG(7, 7))
	var seen [indexShards]*table
	look := func() {
		for i := range seen {
			if t := s.x.tables[i].Load(); t != seen[i] {
				seen[i] = t
				remade++
			}
		}
	}
	for round := range uint64(rounds) {
		for _, remove := range []bool{false, true} {
			for i := range passing {
				loc := stressLocation(stressKeys+i, 1)
				if remove {
					loc = 0
				}
				s.x.set(stressHash(stressKeys+round*passing+i), loc)
				if i%4 == 0 {
					s.change(r)
				}
				if i%1024 == 0 {
					look()
				}
			}
		}
	}
	return remade
}
