package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// Metamorphic tests: one history of calls, made under options and among events that
// must not matter, always ends in the same values, and without compaction in the
// same bytes.

// act is a call of a history.
type act struct {
	kind   actKind
	items  []HashedItem // to write; the only one, or a batch
	hashes []uint64     // to delete; from and to of a renaming
}

type actKind int

const (
	actWrite actKind = iota
	actBatch
	actStream
	actDelete
	actRename
)

// history chooses the calls.
func history(t *rapid.T) []act {
	values := 0
	item := func(t *rapid.T) HashedItem {
		values++
		size := rapid.SampledFrom(append(smallSizes, gatherMin, streamBuffer)).Draw(t, "size")
		return HashedItem{key(t, "key"), append(golden.SplitMix(size-1, uint64(values)), byte(values|1))}
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
		a := act{kind: rapid.SampledFrom([]actKind{actWrite, actBatch, actStream, actDelete, actRename}).Draw(t, "call")}
		switch a.kind {
		case actWrite, actStream:
			a.items = []HashedItem{item(t)}
		case actBatch:
			for range rapid.IntRange(0, 12).Draw(t, "items") {
				a.items = append(a.items, item(t))
			}
		case actDelete:
			a.hashes = rapid.SliceOfN(rapid.SampledFrom(hashes), 1, 4).Draw(t, "deleted")
		case actRename:
			a.hashes = rapid.SliceOfNDistinct(rapid.SampledFrom(hashes), 2, 2, rapid.ID[uint64]).Draw(t, "from and to")
		}
		return a
	}), 5, 80).Draw(t, "history")
}

// note makes the call in a ledger.
func (a act) note(j *ledger) {
	for _, it := range a.items {
		j.put(it.Hash, it.Value)
	}
	switch a.kind {
	case actDelete:
		j.remove(a.hashes...)
	case actRename:
		if r, ok := j.get(a.hashes[0]); ok {
			j.put(a.hashes[1], []byte(r.value))
			j.remove(a.hashes[0])
		}
	case actWrite, actBatch, actStream:
	}
}

// run makes the call in a store.
func (a act) run(s *Store, split bool) (err error) {
	switch a.kind {
	case actWrite:
		_, err = s.WriteHash(a.items[0].Hash, a.items[0].Value)
	case actStream:
		_, err = s.WriteFromHash(a.items[0].Hash, bytes.NewReader(a.items[0].Value))
	case actBatch:
		if !split {
			_, err = s.WriteBatchHash(a.items)
			break
		}
		for _, it := range a.items {
			if _, err = s.WriteHash(it.Hash, it.Value); err != nil {
				break
			}
		}
	case actDelete:
		_, err = s.DeleteBatchHash(a.hashes)
	case actRename:
		if _, err = s.RenameHash(a.hashes[0], a.hashes[1]); errors.Is(err, ErrNotFound) {
			err = nil
		}
	}
	return err
}

// variant is what must not matter.
type variant struct {
	Sync      SyncMode
	Split     bool // batches are written as single values
	Reopen    bool // at random points
	Compact   bool // at random points, in a random order
	Auto      bool // compaction by itself
	Verify    bool // reads
	Reserve   int64
	Followers bool
	Keep      Checkpoint
	PastEnd   bool   // mappings show what is appended, where the system can
	Seed      uint64 // of the random points
}

func variants(t *rapid.T) variant {
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	return variant{
		Sync:  rapid.SampledFrom([]SyncMode{SyncAlways, SyncInterval(time.Millisecond), SyncNone}).Draw(t, "sync"),
		Split: flag("split"), Reopen: flag("reopen"), Compact: flag("compact"), Auto: flag("auto"), Verify: flag("verify"),
		Reserve: rapid.SampledFrom([]int64{1, 1 << 20}).Draw(t, "reserve"), Followers: flag("followers"),
		Keep:    rapid.SampledFrom([]Checkpoint{{Every: 5, MinEntries: 1}, {Every: -1, MinEntries: 1}, {Off: true}}).Draw(t, "checkpoint"),
		PastEnd: flag("past end"), Seed: rapid.Uint64().Draw(t, "seed"),
	}
}

// rerun is one run of a history under a variant.
type rerun struct {
	v         variant
	path      string
	fsys      vfs.FS
	rng       *rand.Rand
	store     *Store
	followers []*Store
}

func (r *rerun) open() (err error) {
	r.store, err = openIn(r.fsys, r.path, Options{
		Sync: r.v.Sync, VerifyReads: r.v.Verify, ReserveBytes: r.v.Reserve, AutoCompact: r.auto(), Checkpoint: r.v.Keep,
	})
	return err
}

func (r *rerun) auto() AutoCompact {
	if !r.v.Auto {
		return AutoCompact{}
	}
	return AutoCompact{Ratio: 0.3, MinBytes: 1}
}

// run makes all calls and closes the store.
func (r *rerun) run(acts []act) (err error) {
	if err := r.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	if r.v.Followers {
		for _, every := range []time.Duration{0, time.Millisecond} {
			f, err := openIn(r.fsys, r.path, Options{ReadOnly: true, Follow: every, ReserveBytes: r.v.Reserve, Checkpoint: r.v.Keep})
			if err != nil {
				return err
			}
			r.followers = append(r.followers, f)
		}
	}
	for i, a := range acts {
		if err := r.event(); err != nil {
			return fmt.Errorf("before call %d: %w", i, err)
		}
		if err := a.run(r.store, r.v.Split); err != nil {
			return fmt.Errorf("call %d: %w", i, err)
		}
	}
	return nil
}

// event lets happen what the variant allows.
func (r *rerun) event() error {
	if r.v.Reopen && r.rng.IntN(8) == 0 {
		if err := r.store.Close(); err != nil {
			return err
		}
		if err := r.open(); err != nil {
			return err
		}
	}
	if r.v.Compact && r.rng.IntN(8) == 0 {
		_, err := r.store.Compact(context.Background(), CompactOptions{Order: Order(r.rng.IntN(2))})
		if err != nil && !errors.Is(err, ErrCompacting) {
			return err
		}
	}
	if len(r.followers) > 0 && r.rng.IntN(3) == 0 {
		_, err := r.followers[0].Refresh()
		return err
	}
	return nil
}

// differs says what the run has ended in that is not in j; nil if nothing is. The
// store is closed.
func (r *rerun) differs(j *ledger) error {
	report, err := Check(context.Background(), r.path, CheckOptions{})
	if err != nil || !report.Healthy() || report.Notes > 0 || report.Live != int64(len(j.values())) {
		return fmt.Errorf("check: %+v, %w", report, err)
	}
	reader, err := openIn(r.fsys, r.path, Options{ReadOnly: true, VerifyBytes: -1, ReserveBytes: r.v.Reserve})
	if err != nil {
		return err
	}
	defer reader.Close()
	for i, s := range append([]*Store{reader}, r.followers...) {
		if _, err := s.Refresh(); err != nil {
			return err
		}
		got := map[uint64]string{}
		for e, err := range s.Entries(NewestFirst) {
			if err != nil {
				return err
			}
			got[e.KeyHash()] = string(e.Bytes())
		}
		if !maps.Equal(got, j.values()) || s.Len() != len(got) {
			return fmt.Errorf("reader %d shows other values", i)
		}
	}
	if !r.v.Compact && !r.v.Auto {
		return errors.Join(j.compareFile(r.path), j.compare(reader))
	}
	return nil
}

// TestHistoriesEndAlike runs random histories under random variants.
func TestHistoriesEndAlike(t *testing.T) {
	dir, runs, shrunk := t.TempDir(), 0, 0
	rapid.Check(t, func(t *rapid.T) {
		acts := history(t)
		j := newLedger()
		for _, a := range acts {
			a.note(j)
		}
		for range 6 {
			runs++
			sub := filepath.Join(dir, strconv.Itoa(runs))
			if err := os.Mkdir(sub, 0o700); err != nil {
				t.Fatal(err)
			}
			v := variants(t)
			fsys := faultfs.New(newUnsynced())
			if !v.PastEnd {
				fsys.PastEnd = &v.PastEnd
			}
			r := &rerun{v: v, path: filepath.Join(sub, "a.drive"), fsys: fsys, rng: rand.New(rand.NewPCG(v.Seed, 0))}
			err := r.run(acts)
			if err == nil {
				err = r.differs(j)
			}
			for _, f := range r.followers {
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatalf("%+v: %v", v, err)
			}
			if info, err := os.Stat(r.path); err == nil && v.Auto && !v.Compact && info.Size() < j.size() {
				shrunk++
			}
			if err := os.RemoveAll(sub); err != nil {
				t.Fatal(err)
			}
		}
	})
	const enough = 300 // runs; in the fewer ones of -short chance may leave them all out
	if shrunk == 0 && runs >= enough {
		t.Error("no file was ever compacted by itself")
	}
}
