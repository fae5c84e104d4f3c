package drive

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// always keeps a checkpoint beside any drive, written at Close only.
var always = Checkpoint{Every: -1, MinEntries: 1}

// scribble makes random changes of a drive with few keys, among them the hash 0.
func scribble(tb testing.TB, s *Store, r *rand.Rand, n, keys int) {
	tb.Helper()
	for range n {
		k := r.Uint64N(uint64(keys))
		if k%2 == 0 {
			k *= 0x9E3779B97F4A7C15
		}
		var err error
		switch r.IntN(5) {
		case 0:
			_, err = s.DeleteHash(k)
		case 1:
			size := 1 + r.IntN(500)
			if r.IntN(400) == 0 {
				size = maxShortSize + 1 // a location of the long form
			}
			_, err = s.WriteHash(k, append(make([]byte, size), 1))
		default:
			_, err = s.WriteHash(k, binary.LittleEndian.AppendUint64(nil, r.Uint64()|1))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// contents is all that a drive shows.
type contents struct {
	live  map[uint64]string
	stats Stats
}

func (c contents) equal(d contents) bool { return maps.Equal(c.live, d.live) && c.stats == d.stats }

// contentsOf returns what a store shows, and asks for each key, too.
func contentsOf(tb testing.TB, s *Store) contents {
	tb.Helper()
	c := contents{live: map[uint64]string{}}
	n := s.Len()
	for e, err := range s.Entries(NewestFirst) {
		if err != nil {
			tb.Fatal(err)
		}
		c.live[e.KeyHash()] = string(e.Bytes())
	}
	for hash, want := range c.live {
		if got, err := s.GetHash(hash); err != nil || string(got) != want {
			tb.Fatalf("GetHash(%x): %d bytes, %v; an iteration has %d", hash, len(got), err, len(want))
		}
	}
	var err error
	if c.stats, err = s.Stats(); err != nil || s.Len() != len(c.live) || n != len(c.live) {
		tb.Fatalf("Stats: %v; Len %d, before that %d; %d keys", err, s.Len(), n, len(c.live))
	}
	c.stats.IndexBytes = 0 // how much of the index is in memory
	return c
}

// walked returns what the drive at path shows without a checkpoint.
func walked(tb testing.TB, path string) contents {
	tb.Helper()
	s := mustOpen(tb, path, Options{ReadOnly: true, Checkpoint: Checkpoint{Off: true}})
	defer s.Close()
	return contentsOf(tb, s)
}

// resumed returns what it shows with one, and whether that was believed.
func resumed(tb testing.TB, path string) (c contents, believed bool) {
	tb.Helper()
	s := mustOpen(tb, path, Options{ReadOnly: true, Checkpoint: always})
	defer s.Close()
	believed = s.gen.Load().index.cold != nil
	return contentsOf(tb, s), believed
}

// scribbled makes a drive with a checkpoint and returns the checkpoint.
func scribbled(tb testing.TB, path string, seed uint64, n, keys int) []byte {
	tb.Helper()
	s := mustOpen(tb, path, Options{Sync: SyncNone, Checkpoint: always})
	scribble(tb, s, rand.New(rand.NewPCG(seed, 1)), n, keys)
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return fileBytes(tb, path+checkpointSuffix)
}

// putBack lets bytes be the checkpoint of a drive.
func putBack(tb testing.TB, path string, checkpoint []byte) {
	tb.Helper()
	if err := os.WriteFile(path+checkpointSuffix, checkpoint, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// TestCheckpointAgainstWalk opens drives by checkpoints that are new, or of long ago, and
// by the chain alone: they show the same, and go on the same.
func TestCheckpointAgainstWalk(t *testing.T) {
	for seed := range uint64(scaled(t, "histories", 30, 10, 5)) {
		path := tempPath(t)
		r := rand.New(rand.NewPCG(seed, 2))
		old := scribbled(t, path, seed, 1+r.IntN(2000), 1+r.IntN(3000))
		for life := range 4 {
			want := walked(t, path)
			got, believed := resumed(t, path)
			if !believed || !got.equal(want) {
				t.Fatalf("seed %d, life %d: believed %v; %+v, want %+v", seed, life, believed, got.stats, want.stats)
			}
			s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
			scribble(t, s, r, r.IntN(800), 3000)
			want = contentsOf(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if life%2 == 0 {
				putBack(t, path, old) // with a longer tail each time
			}
			if got := walked(t, path); !got.equal(want) {
				t.Fatalf("seed %d, life %d: the store had %+v, the drive has %+v", seed, life, want.stats, got.stats)
			}
		}
	}
}

// TestCheckpointIsRead holds that opening reads no more of a checkpoint than its head, and
// then what is asked for, also when there are entries behind it.
func TestCheckpointIsRead(t *testing.T) {
	path := tempPath(t)
	old := scribbled(t, path, 1, 5000, 100_000)
	s := mustOpen(t, path, Options{Checkpoint: always})
	mustWrite(t, s, "behind", []byte("it"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	putBack(t, path, old)
	s = mustOpen(t, path, Options{ReadOnly: true, Checkpoint: always})
	defer s.Close()
	loaded := func() (n int) {
		for i := range s.gen.Load().index.tables {
			if s.gen.Load().index.tables[i].Load() != nil {
				n++
			}
		}
		return n
	}
	if n := loaded(); n != 0 {
		t.Errorf("%d shards were read at open", n)
	}
	if v, err := s.Get([]byte("behind")); err != nil || string(v) != "it" || loaded() != 1 {
		t.Errorf("Get = %q, %v; %d shards are there", v, err, loaded())
	}
	s.Len()
	if n := loaded(); n != 1 {
		t.Errorf("%d shards are there, want the one that has changed", n)
	}
}

// TestSpoiltCheckpoints flips bits of a checkpoint, and cuts it anywhere: the drive shows
// what it holds all the same.
func TestSpoiltCheckpoints(t *testing.T) {
	path := tempPath(t)
	whole := scribbled(t, path, 3, 300, 150)
	want := walked(t, path)
	try := func(what string, at int, b []byte) {
		putBack(t, path, b)
		got, believed := resumed(t, path)
		if !got.equal(want) {
			t.Fatalf("%s at %d: %+v, want %+v", what, at, got.stats, want.stats)
		}
		if believed && at < checkpointHead {
			t.Fatalf("%s at %d: believed", what, at)
		}
	}
	stride := scaled(t, "strides", 3, 13, 101)
	for bit := 0; bit < 8*len(whole); bit++ {
		if at := bit / 8; at > 200 && whole[at] == 0 && bit%(stride*11) != 0 || at > checkpointHead && bit%stride != 0 {
			continue
		}
		b := append([]byte(nil), whole...)
		b[bit/8] ^= 1 << (bit % 8)
		try("a flipped bit", bit/8, b)
	}
	for n := 0; n < len(whole); n += 1 + n/64*stride {
		try("cut", 0, whole[:n])
	}
	try("more", 0, append(append([]byte(nil), whole...), 0))
}

// TestCheckpointsThatAreNotOfTheDrive: a checkpoint of another drive, or of another life
// of this one, is not believed, and a writer removes it.
func TestCheckpointsThatAreNotOfTheDrive(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"of another drive": func(t *testing.T, path string) {
			t.Helper()
			other := tempPath(t) + "2"
			putBack(t, path, scribbled(t, other, 99, 400, 300))
		},
		"of a copy": func(t *testing.T, path string) { // which may have changed since
			t.Helper()
			data := fileBytes(t, path)
			if err := errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, data, 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"before a compaction": func(t *testing.T, path string) {
			t.Helper()
			old := fileBytes(t, path+checkpointSuffix)
			s := mustOpen(t, path, Options{Checkpoint: always})
			if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path + checkpointSuffix); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("compaction left the checkpoint: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			putBack(t, path, old)
		},
		"longer than the drive": func(t *testing.T, path string) {
			t.Helper()
			e, _ := parseEntry(fileBytes(t, path), int64(len(fileBytes(t, path))))
			if err := errors.Join(os.Truncate(path, e.prevOffset), os.Remove(path+markSuffix)); err != nil {
				t.Fatal(err)
			}
		},
		"of a torn tail": func(t *testing.T, path string) {
			t.Helper()
			size := int64(len(fileBytes(t, path)))
			if err := errors.Join(os.Truncate(path, size-3), os.Remove(path+markSuffix)); err != nil {
				t.Fatal(err)
			}
		},
		"grown over": func(t *testing.T, path string) {
			t.Helper()
			old := fileBytes(t, path+checkpointSuffix)
			e, _ := parseEntry(fileBytes(t, path), int64(len(fileBytes(t, path))))
			if err := errors.Join(os.Truncate(path, e.prevOffset), os.Remove(path+markSuffix)); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, path, Options{Checkpoint: Checkpoint{Off: true}})
			scribble(t, s, rand.New(rand.NewPCG(77, 1)), 100, 300)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			putBack(t, path, old)
		},
		"of another version": func(t *testing.T, path string) {
			t.Helper()
			b := fileBytes(t, path+checkpointSuffix)
			b[8] = 2
			binary.LittleEndian.PutUint32(b[checkpointSum:], Checksum(b[:checkpointSum]))
			putBack(t, path, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			scribbled(t, path, 5, 400, 300)
			change(t, path)
			got, believed := resumed(t, path)
			if believed {
				t.Error("believed")
			}
			s := mustOpen(t, path, Options{Checkpoint: always})
			if _, err := os.Stat(path + checkpointSuffix); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the checkpoint is still there: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			want := walked(t, path)
			again, believed := resumed(t, path)
			if !got.equal(want) || !again.equal(want) || !believed {
				t.Errorf("%+v, then %+v, want %+v; a new checkpoint was believed: %v", got.stats, again.stats, want.stats, believed)
			}
		})
	}
}

// TestCheckpointOff holds that none is written, and that one that is there goes.
func TestCheckpointOff(t *testing.T) {
	path := tempPath(t)
	scribbled(t, path, 6, 100, 50)
	for _, opts := range []Options{{Checkpoint: Checkpoint{Off: true}}, {}} { // and the drive is small
		s := mustOpen(t, path, opts)
		scribble(t, s, rand.New(rand.NewPCG(6, 6)), 100, 50)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + checkpointSuffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: there is a checkpoint, %v", opts.Checkpoint, err)
		}
	}
}

// TestFailingCheckpoints lets each call of the system fail in turn while a store is
// opened by a checkpoint, read, changed and closed, which writes another one: closing is
// never refused for that, and the drive shows what it holds.
func TestFailingCheckpoints(t *testing.T) {
	path := tempPath(t)
	old := scribbled(t, path, 8, 300, 200)
	failures := 0
	for _, kind := range []faultfs.Kind{
		faultfs.Open, faultfs.Stat, faultfs.Read, faultfs.Write, faultfs.Sync, faultfs.Attributes, faultfs.Rename, faultfs.Remove, faultfs.SyncDir,
	} {
		for n := 1; ; n++ {
			putBack(t, path, old)
			if err := os.WriteFile(path+checkpointSuffix+checkpointNew, []byte("stale"), 0o600); err != nil {
				t.Fatal(err)
			}
			fsys := faultfs.New(vfs.OS)
			fsys.Fail(kind, n)
			s, err := openIn(fsys, path, Options{Sync: SyncNone, Checkpoint: Checkpoint{Every: 1, MinEntries: 1}})
			if err != nil {
				if !errors.Is(err, faultfs.ErrInjected) {
					t.Fatal(err)
				}
				failures++
				continue
			}
			before := contentsOf(t, s)
			_, err = s.WriteHash(1, []byte("changed"))
			closeErr := s.Close()
			happened := fsys.Calls(kind) >= n
			if s.Failure() == nil && (err != nil || closeErr != nil) {
				t.Fatalf("%v failing the %d. time: write %v, close %v", kind, n, err, closeErr)
			}
			want := walked(t, path)
			if err == nil {
				before.live[1] = "changed"
			}
			if got, _ := resumed(t, path); !got.equal(want) || !maps.Equal(want.live, before.live) {
				t.Fatalf("%v failing the %d. time: %+v, want %+v", kind, n, got.stats, want.stats)
			}
			if !happened {
				break
			}
			failures++
		}
	}
	if failures < 20 {
		t.Errorf("only %d calls failed", failures)
	}
}
