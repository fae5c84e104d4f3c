package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

// forged is a checkpoint to be changed by hand.
type forged struct {
	head  *checkpoint
	slots [indexShards][]slot
}

// forge takes a checkpoint apart.
func forge(tb testing.TB, b []byte) *forged {
	tb.Helper()
	head, err := parseCheckpoint(b[:checkpointHead], int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	f := &forged{head: head}
	at := b[checkpointHead:]
	for i := range head.shards {
		for range head.shards[i].slots {
			f.slots[i] = append(f.slots[i], slot{binary.LittleEndian.Uint64(at), binary.LittleEndian.Uint64(at[8:])})
			at = at[slotSize:]
		}
	}
	return f
}

// bytes puts it together, with checksums that match.
func (f *forged) bytes() []byte {
	var tables []byte
	for i := range f.slots {
		begin := len(tables)
		for _, s := range f.slots[i] {
			tables = binary.LittleEndian.AppendUint64(tables, s.hash)
			tables = binary.LittleEndian.AppendUint64(tables, s.word)
		}
		f.head.shards[i].sum = Checksum(tables[begin:])
	}
	return append(appendCheckpoint(nil, f.head), tables...)
}

// taken returns a shard and a slot of it that holds a key.
func (f *forged) taken() (shard, i int) {
	for shard = range f.slots {
		for i, s := range f.slots[shard] {
			if s.hash != 0 && s.word != 0 {
				return shard, i
			}
		}
	}
	panic("no key")
}

// free returns a free slot of a shard that a search for the key in slot i does not pass.
func (f *forged) free(shard, i int) int {
	t := f.slots[shard]
	at := int(homeSlot(t[i].hash*f.head.mul, uint64(len(t))))
	for t[at].hash != 0 {
		at = (at + 1) % len(t)
	}
	for at = (at + 1) % len(t); t[at].hash != 0; {
		at = (at + 1) % len(t)
	}
	return at
}

// forgeries are checkpoints that match their checksums and lie.
var forgeries = map[string]func(f *forged){
	"location behind the tail": func(f *forged) {
		s, i := f.taken()
		f.slots[s][i].word = uint64(locationOf(f.head.tail+padding(f.head.tail), 8))
	},
	"long location behind the tail": func(f *forged) { s, i := f.taken(); f.slots[s][i].word = uint64(longForm) | uint64(f.head.tail) },
	"long location behind all":      func(f *forged) { s, i := f.taken(); f.slots[s][i].word = ^uint64(0) },
	"location of nothing":           func(f *forged) { s, i := f.taken(); f.slots[s][i].word = 1 << sizeBits },
	"location of another key":       func(f *forged) { s, i := f.taken(); f.slots[s][i].word = uint64(locationOf(0, 1)) },
	"key of nobody":                 func(f *forged) { s, i := f.taken(); f.slots[s][i].hash ^= 1 << 63 * f.head.mul },
	"word without a key":            func(f *forged) { s, i := f.taken(); f.slots[s][f.free(s, i)].word = 77 },
	"key in the wrong shard": func(f *forged) {
		s, i := f.taken()
		h := uint64(1)
		for h*f.head.mul>>(64-shardBits) == uint64(s) {
			h++
		}
		f.slots[s][f.free(s, i)] = slot{h, f.slots[s][i].word}
	},
	"no key where the head says one": func(f *forged) { s, i := f.taken(); f.slots[s][i] = slot{} },
	"removed key":                    func(f *forged) { s, i := f.taken(); f.slots[s][i].word = 0 },
	"key out of reach": func(f *forged) {
		s, i := f.taken()
		t := f.slots[s]
		t[f.free(s, i)], t[i] = t[i], slot{}
	},
	"key twice": func(f *forged) {
		s, i := f.taken()
		t := f.slots[s]
		at := i
		for t[at].hash != 0 {
			at = (at + 1) % len(t)
		}
		t[at] = t[i]
		f.head.shards[s].used++
		f.head.shards[s].keys++
	},
	"full table": func(f *forged) {
		s, _ := f.taken()
		for i := range f.slots[s] {
			f.slots[s][i] = slot{uint64(i + 1), 64 << sizeBits}
		}
		f.head.shards[s].used = uint64(len(f.slots[s]))
	},
	"full table that is called free": func(f *forged) {
		s, _ := f.taken()
		for i := range f.slots[s] {
			f.slots[s][i] = slot{uint64(i + 1), 64 << sizeBits}
		}
	},
	"no slots at all":                      func(f *forged) { s, _ := f.taken(); f.slots[s] = nil; f.head.shards[s] = shardRecord{} },
	"more keys":                            func(f *forged) { f.head.shards[0].keys++ },
	"fewer keys":                           func(f *forged) { s, _ := f.taken(); f.head.shards[s].keys-- },
	"more bytes":                           func(f *forged) { f.head.shards[0].liveBytes++ },
	"negative bytes":                       func(f *forged) { f.head.shards[0].liveBytes = -1 },
	"negative entries":                     func(f *forged) { f.head.entries = -1 },
	"as many entries as there are numbers": func(f *forged) { f.head.entries = 1<<63 - 1 },
	"slots beyond the file":                func(f *forged) { f.head.shards[0].slots = 1 << 40 },
	"slots that overflow":                  func(f *forged) { f.head.shards[0].slots = 1 << 60 },
	"even multiplier":                      func(f *forged) { f.head.mul &^= 1 },
	"hash 0 behind the tail":               func(f *forged) { f.head.zero = longForm | location(f.head.tail) },
	"tail 0":                               func(f *forged) { f.head.tail = 0 },
	"negative tail":                        func(f *forged) { f.head.tail = -1 },
	"tail in an entry":                     func(f *forged) { f.head.tail -= 8 },
	"tail behind the drive":                func(f *forged) { f.head.tail += 64 },
	"another print":                        func(f *forged) { f.head.chain++ },
	"another file":                         func(f *forged) { f.head.file++ },
	"empty shards that are not": func(f *forged) {
		s, _ := f.taken()
		clear(f.slots[s])
	},
}

// TestForgedCheckpoints opens drives beside checkpoints that match their checksums and
// lie: what the drive shows is what it holds, and nothing hangs or ends the program.
func TestForgedCheckpoints(t *testing.T) {
	path := tempPath(t)
	whole := scribbled(t, path, 3, 600, 200)
	want := walked(t, path)
	for name, lie := range forgeries {
		t.Run(name, func(t *testing.T) {
			f := forge(t, whole)
			lie(f)
			b := f.bytes()
			if bytes.Equal(b, whole) {
				t.Fatal("nothing was changed")
			}
			putBack(t, path, b)
			s := mustOpen(t, path, Options{ReadOnly: true, Checkpoint: always})
			defer s.Close()
			believed := s.gen.Load().index.cold != nil
			s.gen.Load().index.warmAll() // until then the counts are those of the head
			got := contentsOf(t, s)
			if name == "no slots at all" && believed { // a head may leave keys out; see FORMAT.md
				return
			}
			if !got.equal(want) {
				t.Errorf("believed %v: %+v, want %+v", believed, got.stats, want.stats)
			}
		})
	}
}

// TestCheckpointIsCut cuts the checkpoint under an open store: what has not been read of
// it is made from the drive.
func TestCheckpointIsCut(t *testing.T) {
	for _, readOnly := range []bool{true, false} {
		path := tempPath(t)
		scribbled(t, path, 9, 2000, 3000)
		want := walked(t, path)
		s := mustOpen(t, path, Options{ReadOnly: readOnly, Checkpoint: always})
		s.ReadHash(5) // a shard is read before
		if err := os.Truncate(path+checkpointSuffix, 5000); err != nil {
			t.Fatal(err)
		}
		if got := contentsOf(t, s); !got.equal(want) || !s.gen.Load().index.spoiled() {
			t.Errorf("read-only %v: %+v, want %+v", readOnly, got.stats, want.stats)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got, believed := resumed(t, path); !got.equal(want) || believed == readOnly {
			t.Errorf("read-only %v: a new checkpoint is believed: %v", readOnly, believed)
		}
	}
}

// TestNothingTellsOfKeys breaks the chain in the middle of the drive and the checkpoint as
// well, under an open store: a key that is not found may be lost, which reading it
// says, and nothing is written any more.
func TestNothingTellsOfKeys(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncNone, Checkpoint: always})
	const n = 1000
	for i := range uint64(n) {
		if _, err := s.WriteHash((i+1)*0x9E3779B97F4A7C15, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data := fileBytes(t, path)
	first, _ := parseEntry(data, 64*9+5+metadataSize)
	setPrev(data, first.tail(), 1<<50)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	// All of it was to be verified by default; less is asked for here.
	s = mustOpen(t, path, Options{VerifyBytes: 1, Checkpoint: always})
	defer s.Close()
	if s.gen.Load().index.cold == nil {
		t.Fatal("the checkpoint was not used")
	}
	if err := os.Truncate(path+checkpointSuffix, 5000); err != nil {
		t.Fatal(err)
	}
	found, lost := 0, 0
	for i := range uint64(n) {
		v, err := s.GetHash((i + 1) * 0x9E3779B97F4A7C15)
		switch {
		case err == nil && string(v) == "value":
			found++
		case errors.Is(err, ErrCorrupt):
			lost++
		default:
			t.Fatalf("key %d: %q, %v", i, v, err)
		}
	}
	if found < n-10-scanGroup || lost == 0 {
		t.Errorf("%d found, %d lost", found, lost)
	}
	if _, err := s.Write([]byte("k"), []byte("v")); !errors.Is(err, ErrFailed) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("a write: %v", err)
	}
}

// FuzzCheckpoint lets any bytes be a checkpoint that matches its checksums: nothing hangs
// or ends the program, and no key has the value of another.
func FuzzCheckpoint(f *testing.F) {
	path := tempPath(f)
	whole := scribbled(f, path, 3, 300, 100)
	held := map[uint64]map[string]bool{}
	s := mustOpen(f, path, Options{ReadOnly: true})
	for e, err := range s.History(FileOrder) {
		if err != nil {
			f.Fatal(err)
		}
		if held[e.KeyHash()] == nil {
			held[e.KeyHash()] = map[string]bool{}
		}
		held[e.KeyHash()][string(e.Bytes())] = true
	}
	s.Close()
	f.Add(uint16(0), []byte{}, uint16(0), []byte{})
	f.Add(uint16(80), []byte{17, 0, 0, 0, 0, 0, 0, 0, 3}, uint16(4096), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint16(64), []byte{2}, uint16(5000), bytes.Repeat([]byte{0xff}, 600))
	f.Add(uint16(24), []byte{0x80}, uint16(4100), []byte{9})
	f.Fuzz(func(t *testing.T, at uint16, b []byte, at2 uint16, b2 []byte) {
		data := append([]byte(nil), whole...)
		copy(data[int(at)%len(data):], b)
		copy(data[int(at2)%len(data):], b2)
		begin := checkpointHead
		for i := range indexShards { // as the head has them now, if they are there
			r := data[checkpointShards+i*checkpointShard:]
			size := binary.LittleEndian.Uint64(r) * slotSize
			if uint64(len(data)-begin) < size {
				break
			}
			binary.LittleEndian.PutUint32(r[40:], Checksum(data[begin:begin+int(size)]))
			begin += int(size)
		}
		binary.LittleEndian.PutUint32(data[checkpointSum:], Checksum(data[:checkpointSum]))
		file := tempPath(t)
		if err := os.Link(path, file); err != nil {
			t.Fatal(err)
		}
		putBack(t, file, data)
		s := mustOpen(t, file, Options{ReadOnly: true, Checkpoint: always})
		defer s.Close()
		for hash := range held {
			v, err := s.GetHash(hash)
			if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt) || err == nil && !held[hash][string(v)] {
				t.Fatalf("hash %x: %q, %v", hash, v, err)
			}
		}
	})
}
