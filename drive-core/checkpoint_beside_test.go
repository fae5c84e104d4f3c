package drive

import (
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// TestCheckpointBesideWriters writes checkpoints while others write, delete and read. Each
// one is of a moment of the drive, with which it is opened later like with any other.
func TestCheckpointBesideWriters(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
	rounds := scaled(t, "checkpoints", 60, 30, 12)
	var saved [][]byte
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range uint64(3) {
		// Ends when done is closed; waited for below.
		wg.Go(func() {
			r := rand.New(rand.NewPCG(w, 9))
			for keys := 100; ; keys = min(2*keys, 20_000) { // so that tables grow all the time
				scribble(t, s, r, 200, keys)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	wg.Go(func() {
		r := rand.New(rand.NewPCG(7, 9))
		for {
			s.ReadHash(r.Uint64N(20_000))
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for len(saved) < rounds {
		before := s.FileSize()
		if err := s.checkpoint(t.Context()); err != nil {
			if before == 0 {
				continue // nothing has been written yet
			}
			t.Error(err)
			break
		}
		saved = append(saved, fileBytes(t, path+checkpointSuffix))
	}
	close(done)
	wg.Wait()
	at := contentsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := walked(t, path)
	if !want.equal(at) {
		t.Fatalf("the store had %+v, the drive has %+v", at.stats, want.stats)
	}
	for i, b := range saved {
		putBack(t, path, b)
		s := mustOpen(t, path, Options{ReadOnly: true, Checkpoint: always})
		x := s.gen.Load().index
		got := contentsOf(t, s)
		if x.cold == nil || x.spoiled() || !got.equal(want) {
			t.Fatalf("checkpoint %d of %d: believed %v; %+v, want %+v", i, len(saved), x.cold != nil && !x.spoiled(), got.stats, want.stats)
		}
		s.Close()
	}
}

// TestReadersOfColdShards lets many readers and a writer meet in shards that are still in
// the checkpoint.
func TestReadersOfColdShards(t *testing.T) {
	path := tempPath(t)
	old := scribbled(t, path, 11, 20_000, 30_000)
	s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
	scribble(t, s, rand.New(rand.NewPCG(12, 12)), 3000, 30_000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := walked(t, path)
	for round := range scaled(t, "rounds", 30, 10, 5) {
		putBack(t, path, old)
		s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
		if s.gen.Load().index.cold == nil {
			t.Fatal("the checkpoint was not used")
		}
		if round%3 == 2 { // in the middle of it
			if err := os.Truncate(path+checkpointSuffix, int64(len(old)/2)); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 3 {
			// Ends when all keys were read; waited for below.
			wg.Go(func() {
				for hash, value := range want.live {
					if got, err := s.GetHash(hash); err != nil || string(got) != value {
						t.Errorf("GetHash(%x): %d bytes, %v", hash, len(got), err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for i := range uint64(2000) {
				if _, err := s.WriteHash(1<<40+i*0x9E3779B97F4A7C15, []byte("new")); err != nil {
					t.Error(err)
					return
				}
				if i%100 == 0 {
					s.Len()
				}
			}
		})
		wg.Wait()
		if n := s.Len(); n != len(want.live)+2000 {
			t.Errorf("%d keys, want %d", n, len(want.live)+2000)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if round == 0 { // the drive has grown; the rest is written once more
			want = walked(t, path)
			for i := range uint64(2000) {
				delete(want.live, 1<<40+i*0x9E3779B97F4A7C15)
			}
		}
	}
}

// TestFollowersByCheckpoint lets followers open by a checkpoint, see what is appended, and
// pass to a compacted file.
func TestFollowersByCheckpoint(t *testing.T) {
	path := tempPath(t)
	scribbled(t, path, 13, 1000, 2000)
	r := rand.New(rand.NewPCG(13, 13))
	s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
	defer s.Close()
	follower := mustOpen(t, path, Options{ReadOnly: true, Checkpoint: always})
	defer follower.Close()
	if follower.gen.Load().index.cold == nil {
		t.Fatal("the checkpoint was not used")
	}
	for round := range 20 {
		scribble(t, s, r, 50, 2000)
		if round%5 == 4 {
			if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if round%5 == 3 {
			if err := s.checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if changed, err := follower.Refresh(); err != nil || !changed {
			t.Fatalf("Refresh: %v, %v", changed, err)
		}
		if got, want := contentsOf(t, follower), contentsOf(t, s); !got.equal(want) {
			t.Fatalf("round %d: %+v, want %+v", round, got.stats, want.stats)
		}
	}
}

// TestCheckpointsInTheBackground holds that they are written while the store is open, and
// that what they tell of is enough for a store that was killed.
func TestCheckpointsInTheBackground(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: Checkpoint{Every: 100, MinEntries: 50}})
	defer s.Close()
	r := rand.New(rand.NewPCG(14, 14))
	for n := 0; ; n++ {
		scribble(t, s, r, 60, 200)
		if b, err := os.ReadFile(path + checkpointSuffix); err == nil { // it is whole whenever it is there
			head, err := parseCheckpoint(b[:checkpointHead], int64(len(b)))
			if err != nil || head.entries < 50 {
				t.Fatalf("%+v, %v", head, err)
			}
			break
		}
		if n > 100_000 {
			t.Fatal("no checkpoint was written")
		}
	}
	want := contentsOf(t, s)
	if got, believed := resumed(t, path); !believed || !got.equal(want) {
		t.Errorf("believed %v: %+v, want %+v", believed, got.stats, want.stats)
	}
}
