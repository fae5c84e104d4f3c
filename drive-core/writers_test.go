package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Concurrent writers: what they do together must be what they would do one after
// another, in an order that contradicts nobody's clock.

// call is what a writer did.
type call struct {
	act        act
	begin, end int64 // by the clock of the test
	tail       int64 // 0: a renaming that found nothing
}

// tailIn returns where the file ends after the call, if it is made in j.
func (c call) tailIn(j *ledger) int64 {
	k := j.clone()
	c.act.note(k)
	return k.size()
}

// reading is what a reader saw.
type reading struct {
	hash       uint64
	begin, end int64
	value      string // empty: nothing
}

// crowd is a number of writers and readers on one store.
type crowd struct {
	s     *Store
	kinds []actKind
	clock atomic.Int64

	mu       sync.Mutex
	calls    []call
	readings []reading
}

// writer makes n calls.
func (c *crowd) writer(id, n int) error {
	rng := rand.New(rand.NewPCG(uint64(id), 1))
	for i := range n {
		item := func() HashedItem {
			return HashedItem{hashes[rng.IntN(len(hashes))], fmt.Appendf(nil, "%d.%d.%d.%x", id, i, rng.Uint64(), make([]byte, rng.IntN(300)))}
		}
		a := act{kind: c.kinds[rng.IntN(len(c.kinds))]}
		switch a.kind {
		case actWrite, actStream:
			a.items = []HashedItem{item()}
		case actBatch:
			a.items = []HashedItem{item(), item(), item()}
		case actDelete:
			a.hashes = []uint64{item().Hash, item().Hash}
		case actRename:
			from := rng.IntN(len(hashes))
			a.hashes = []uint64{hashes[from], hashes[(from+1+rng.IntN(len(hashes)-1))%len(hashes)]}
		}
		done := call{act: a, begin: c.clock.Add(1)}
		var err error
		switch a.kind {
		case actWrite:
			done.tail, err = c.s.WriteHash(a.items[0].Hash, a.items[0].Value)
		case actStream:
			done.tail, err = c.s.WriteFromHash(a.items[0].Hash, bytes.NewReader(a.items[0].Value))
		case actBatch:
			done.tail, err = c.s.WriteBatchHash(a.items)
		case actDelete:
			done.tail, err = c.s.DeleteBatchHash(a.hashes)
		case actRename:
			if done.tail, err = c.s.RenameHash(a.hashes[0], a.hashes[1]); errors.Is(err, ErrNotFound) {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("writer %d, call %d: %w", id, i, err)
		}
		done.end = c.clock.Add(1)
		c.mu.Lock()
		c.calls = append(c.calls, done)
		c.mu.Unlock()
	}
	return nil
}

// reader reads until done is closed.
func (c *crowd) reader(id int, done <-chan struct{}) error {
	rng := rand.New(rand.NewPCG(uint64(id), 2))
	var seen []reading
	for {
		select {
		case <-done:
			c.mu.Lock()
			c.readings = append(c.readings, seen...)
			c.mu.Unlock()
			return nil
		default:
		}
		r := reading{hash: hashes[rng.IntN(len(hashes))], begin: c.clock.Add(1)}
		v, err := c.s.GetHash(r.hash)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		r.value, r.end = string(v), c.clock.Add(1)
		seen = append(seen, r)
	}
}

// run lets writers and readers work, beside until they have ended, and returns when
// all have.
func (c *crowd) run(t *testing.T, writers, calls, readers int, beside func(done <-chan struct{}) error) {
	t.Helper()
	done, start := make(chan struct{}), make(chan struct{})
	errs := make([]error, writers+readers+1)
	var writing, others sync.WaitGroup
	for i := range writers { // each ends after its calls
		writing.Go(func() { <-start; errs[i] = c.writer(i, calls) })
	}
	for i := range readers { // each ends when done is closed, after the writers
		others.Go(func() { <-start; errs[writers+i] = c.reader(i, done) })
	}
	if beside != nil { // likewise
		others.Go(func() { errs[writers+readers] = beside(done) })
	}
	close(start)
	writing.Wait()
	close(done)
	others.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// attempt is a state of a key.
type attempt struct {
	value      string // empty: nothing
	begin, end int64  // of the call that wrote it
}

// checkOrder makes the calls one after another, in the order of their tails, and
// holds that the file is what that makes, that nobody's call came out before one that
// was acknowledged earlier, and that readers saw what the order allows.
func (c *crowd) checkOrder(t *testing.T) {
	t.Helper()
	j := newJournal()
	versions := map[uint64][]attempt{}
	for _, h := range hashes {
		versions[h] = []attempt{{}}
	}
	slices.SortStableFunc(c.calls, func(a, b call) int { return int(a.tail - b.tail) })
	var ordered []call
	for rest := slices.Clone(c.calls); len(rest) > 0; {
		// Of those that name the same tail only one can have written what ends there.
		i := 0
		for i < len(rest) && rest[i].tail == rest[0].tail && rest[i].tail != 0 && rest[i].tailIn(j) != rest[i].tail {
			i++
		}
		if i == len(rest) || rest[i].tail != rest[0].tail {
			t.Fatalf("no call explains what lies between %d and %d", j.size(), rest[0].tail)
		}
		next := rest[i]
		rest = slices.Delete(rest, i, i+1)
		if next.tail == 0 {
			continue
		}
		before := len(j.entries)
		next.act.note(j)
		ordered = append(ordered, next)
		for _, r := range j.entries[before:] { // readers may see the entries of a call one after another
			v := attempt{begin: next.begin, end: next.end}
			if !r.tombstone {
				v.value = r.value
			}
			versions[r.hash] = append(versions[r.hash], v)
		}
	}
	if err := errors.Join(j.compareFile(c.s.Path()), j.compare(c.s)); err != nil {
		t.Fatal(err)
	}
	checkClock(t, ordered)
	for _, r := range c.readings {
		if !explained(versions[r.hash], r) {
			t.Errorf("key %x: read %.20q between %d and %d", r.hash, r.value, r.begin, r.end)
		}
	}
	for _, failed := range c.calls {
		if from := failed.act.hashes; failed.tail == 0 && !explained(versions[from[0]], reading{from[0], failed.begin, failed.end, ""}) {
			t.Errorf("key %x: not found between %d and %d", from[0], failed.begin, failed.end)
		}
	}
}

// explained tells whether some attempt of a key has the value that was read, had
// begun to be written by then, and had no acknowledged successor when the reading
// began.
func explained(versions []attempt, r reading) bool {
	for i, v := range versions {
		current := i == len(versions)-1 || versions[i+1].end > r.begin
		if v.value == r.value && v.begin < r.end && current {
			return true
		}
	}
	return false
}

// checkClock holds that calls in the order of their tails are in an order of time.
func checkClock(t *testing.T, ordered []call) {
	t.Helper()
	latest := int64(0) // the latest begin of a call so far
	for i, c := range ordered {
		if c.end < latest {
			t.Errorf("call %d of the file, which ends at %d, was acknowledged before an earlier one began", i, c.tail)
		}
		latest = max(latest, c.begin)
	}
}

// TestConcurrentWriters runs writers of all kinds in each mode.
func TestConcurrentWriters(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncInterval(time.Millisecond), SyncNone} {
		t.Run(mode.String(), func(t *testing.T) {
			path := tempPath(t)
			s := mustOpen(t, path, Options{Sync: mode, ReserveBytes: 1})
			c := &crowd{s: s, kinds: []actKind{actWrite, actBatch, actStream, actDelete, actRename}}
			c.run(t, 8, 40, 2, nil)
			c.checkOrder(t)
		})
	}
}

// TestConcurrentWritersDuringCompaction lets the file be replaced all the time, so
// that tails say nothing. What each key has in the end, and what was read meanwhile,
// must be of a call that had begun, and that no other one certainly followed.
func TestConcurrentWritersDuringCompaction(t *testing.T) {
	path := tempPath(t)
	s := mustOpen(t, path, Options{Sync: SyncAlways, ReserveBytes: 1})
	c := &crowd{s: s, kinds: []actKind{actWrite, actBatch, actStream, actDelete}}
	compactions := 0
	c.run(t, 6, 40, 1, func(done <-chan struct{}) error {
		for {
			select {
			case <-done:
				return nil
			default:
			}
			if _, err := s.Compact(context.Background(), CompactOptions{Order: Order(compactions % 2)}); err != nil {
				return err
			}
			compactions++
		}
	})
	if compactions == 0 {
		t.Fatal("no compaction")
	}
	check := func(readings []reading, writes map[uint64][]attempt) {
		for _, r := range readings {
			if !follows(writes[r.hash], r) {
				t.Errorf("key %x: read %.20q between %d and %d", r.hash, r.value, r.begin, r.end)
			}
		}
	}
	check(c.readings, c.writes(false))
	check(c.final(), c.writes(true))
	if r, err := Check(t.Context(), path, CheckOptions{}); err != nil || !r.Healthy() {
		t.Errorf("check: %+v, %v", r, err)
	}
}

// final reads every key.
func (c *crowd) final() (all []reading) {
	for _, h := range hashes {
		v, _ := c.s.GetHash(h) // none: the empty value
		all = append(all, reading{h, c.clock.Add(1), c.clock.Add(1), string(v)})
	}
	return all
}

// writes returns what the calls made of each key, in no order; with last, without
// what the same call replaced.
func (c *crowd) writes(last bool) map[uint64][]attempt {
	all := map[uint64][]attempt{}
	for _, h := range hashes {
		all[h] = []attempt{{}} // nothing, in the beginning
	}
	for _, done := range c.calls {
		v := attempt{begin: done.begin, end: done.end}
		for _, h := range done.act.hashes {
			all[h] = append(all[h], v)
		}
		for i, it := range done.act.items {
			again := func(later HashedItem) bool { return later.Hash == it.Hash }
			if v.value = string(it.Value); !last || !slices.ContainsFunc(done.act.items[i+1:], again) {
				all[it.Hash] = append(all[it.Hash], v)
			}
		}
	}
	return all
}

// follows tells whether a reading is of a write that had begun, and after which no
// other one began and was acknowledged before the reading began.
func follows(writes []attempt, r reading) bool {
	for _, w := range writes {
		if w.value != r.value || w.begin > r.end {
			continue
		}
		if !slices.ContainsFunc(writes, func(x attempt) bool { return x.begin > w.end && x.end < r.begin }) {
			return true
		}
	}
	return false
}
