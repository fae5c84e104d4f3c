//go:build unix

package drive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// holder opens a drive for writing, compacts it at each command, and closes it.
var holder = newRole("holder", func(a *actor) error {
	s, err := Open(a.Path, Options{Sync: a.Mode})
	if err != nil {
		e := event{Op: "refused"}
		e.Note, e.Is = describe(err)
		a.report(e)
		return nil
	}
	if _, err := s.Write(keyName(0), value{0, a.Life, 1000}.bytes()); err != nil {
		return err
	}
	a.report(event{Op: opReady})
	for a.command() {
		if _, err := s.Compact(context.Background(), CompactOptions{}); err != nil {
			return err
		}
		a.report(event{Op: opSwapped})
	}
	return s.Close()
})

// TestOneWriterInAllProcesses: a second process is refused while the first lives,
// also after the first has put a new file into the place of the old one, and
// admitted when the first has been killed.
func TestOneWriterInAllProcesses(t *testing.T) {
	path := tempPath(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		t.Helper()
		for _, p := range []string{path, link} {
			if _, err := Open(p, Options{}); !errors.Is(err, ErrLocked) {
				t.Errorf("%s: a second writer: %v", when, err)
			}
			third := holder.start(t, task{Path: p}, nil)
			if e := third.expect(t, "refused"); !e.is("locked") {
				t.Errorf("%s: a writer in a third process: %+v", when, e)
			}
			third.quit(t)
		}
		s := mustOpen(t, path, Options{ReadOnly: true})
		if _, err := s.Get(keyName(0)); err != nil {
			t.Errorf("%s: a reader: %v", when, err)
		}
	}
	for life := range uint64(3) {
		c := holder.start(t, task{Path: path, Life: life}, nil)
		c.expect(t, opReady)
		refused("open")
		c.send(t)
		c.expect(t, opSwapped)
		refused("compacted")
		c.kill(t)
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatalf("after the end of the first: %v", err)
		}
		got, err := s.Get(keyName(0))
		if want := (value{0, life, 1000}); err != nil || !want.is(got) {
			t.Errorf("life %d: %d bytes, %v", life, len(got), err)
		}
		late := holder.start(t, task{Path: path}, nil)
		if e := late.expect(t, "refused"); !e.is("locked") {
			t.Errorf("beside this process: %+v", e)
		}
		late.quit(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	// sightSwaps and sightAcks are how much a writer does while others look on.
	sightSwaps = 4
	sightAcks  = 1000
	// keptEntries is how many entries a reader keeps to the end.
	keptEntries = 150
	// catchUpWithin is how long a follower has to see what a writer wrote last.
	catchUpWithin = 10 * time.Second
)

// sight is what a reader saw of a key.
type sight struct {
	key   int
	acked uint64 // at least what this operation did
	size  int    // 0: no such key
	sum   uint32
}

// onlooker is a process's read-only view of a drive that another one writes to.
type onlooker struct {
	name    string
	journal *journal
	sights  []sight
	kept    []Entry
	sums    []uint32 // of kept
}

// look reads every key. With behind it is not expected to be up to date.
func (o *onlooker) look(s *Store, rng *rand.Rand, acked [journalWorkers]uint64) error {
	for _, key := range rng.Perm(journalWorkers * journalKeys) {
		e, err := s.Find(keyName(key))
		if err == nil {
			err = e.Verify()
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%s: key %d: %w", o.name, key, err)
		}
		seen := sight{key: key, acked: acked[workerOf(key)]}
		if !e.IsZero() {
			seen.size, seen.sum = int(e.Size()), e.Checksum()
			if len(o.kept) < keptEntries && rng.IntN(8) == 0 {
				o.kept, o.sums = append(o.kept, e), append(o.sums, e.Checksum())
			}
		}
		o.sights = append(o.sights, seen)
	}
	return nil
}

// judge compares what an onlooker saw with everything that was ever written: each
// value one that was issued, at least as new as what had been acknowledged before,
// and never older than what it saw before.
func (o *onlooker) judge(t *testing.T) {
	t.Helper()
	last := make([]int, journalWorkers*journalKeys)
	sums := map[value]uint32{}
	for _, s := range o.sights {
		versions := append([]version{{}}, o.journal.versions[s.key]...)
		at := last[s.key]
		for at+1 < len(versions) && versions[at+1].seq <= s.acked {
			at++
		}
		for ; at < len(versions); at++ {
			v := versions[at].val
			if v.size != s.size {
				continue
			}
			if _, ok := sums[v]; !ok && v.size > 0 {
				sums[v] = Checksum(v.bytes())
			}
			if sums[v] == s.sum {
				break
			}
		}
		if at == len(versions) {
			t.Fatalf("%s: saw %+v, which is too old or was never written; of %+v", o.name, s, versions)
		}
		last[s.key] = at
	}
	for i, e := range o.kept {
		if err := e.Verify(); err != nil || Checksum(e.Bytes()) != o.sums[i] {
			t.Errorf("%s: an entry that was read early: %v", o.name, err)
		}
	}
	t.Logf("%s: %d sights, %d entries kept", o.name, len(o.sights), len(o.kept))
}

// TestReadersBesideAWriterOfAnotherProcess lets readers of all kinds look at a drive
// that a busy process writes to and compacts: they see only what was written, whole,
// and everything that was acknowledged before they looked.
func TestReadersBesideAWriterOfAnotherProcess(t *testing.T) {
	for name, mode := range killModes {
		t.Run(name, func(t *testing.T) { besideWriter(t, mode) })
	}
}

func besideWriter(t *testing.T, mode SyncMode) {
	t.Helper()
	path := tempPath(t)
	j := &journal{}
	acks, swaps := scaled(t, "writes", sightAcks, 300, 300), scaled(t, "compactions", sightSwaps, 3, 3)
	if mode == SyncAlways {
		acks /= 5
	}
	c := killWriter.start(t, task{Path: path, Mode: mode, Seed: rand.Uint64(), Life: 1}, nil)
	ready, enough := make(chan struct{}), make(chan struct{})
	c.follow(func(e event) {
		j.note(e)
		if e.Op == opReady {
			close(ready)
		}
		if acks, swaps = acks-btoi(e.Op == opAck), swaps-btoi(e.Op == opSwapped); acks <= 0 && swaps <= 0 && enough != nil {
			close(enough)
			enough = nil
		}
	})
	done := enough
	select {
	case <-ready:
	case <-c.followed:
		c.quit(t) // tells why
	}
	var running sync.WaitGroup // the readers, which end with done; waited for below
	var followers []*onlooker
	var stores []*Store
	var all []*onlooker
	for i, kind := range []string{"refreshed", "refreshed", "opened again", "opened again", "following", "following"} {
		o := &onlooker{name: fmt.Sprintf("%s %d", kind, i), journal: j}
		all = append(all, o)
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		look := o.reopened(path, rng)
		if kind != "opened again" {
			opts := Options{ReadOnly: true}
			if kind == "following" {
				opts.Follow = time.Millisecond
			}
			s := mustOpen(t, path, opts)
			look = o.refreshed(s, rng)
			if kind == "following" {
				followers, stores = append(followers, o), append(stores, s)
				look = func() error { return o.look(s, rng, [journalWorkers]uint64{}) }
			}
		}
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-c.followed:
					return
				default:
				}
				if err := look(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	c.quit(t)
	for i, o := range followers {
		o.catchUp(t, stores[i])
	}
	for _, o := range all {
		o.judge(t)
	}
	s := mustOpen(t, path, Options{})
	_, live, err := j.compare(func(key int) ([]byte, error) { return getOrNil(s, key) })
	if err != nil || s.Len() != live {
		t.Errorf("in the end: %d keys, want %d: %v", s.Len(), live, err)
	}
}

// getOrNil returns the verified value of a key, nil for none.
func getOrNil(s *Store, key int) ([]byte, error) {
	got, err := s.Get(keyName(key))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return got, err
}

// reopened looks at what a store shows that has just been opened.
func (o *onlooker) reopened(path string, rng *rand.Rand) func() error {
	return func() error {
		acked := o.journal.progress()
		s, err := Open(path, Options{ReadOnly: true})
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		return errors.Join(o.look(s, rng, acked), s.Close())
	}
}

// refreshed looks at what a store shows that has just been refreshed.
func (o *onlooker) refreshed(s *Store, rng *rand.Rand) func() error {
	return func() error {
		acked := o.journal.progress()
		if _, err := s.Refresh(); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		return o.look(s, rng, acked)
	}
}

// catchUp waits until a store that follows by itself shows what was written last.
func (o *onlooker) catchUp(t *testing.T, s *Store) {
	t.Helper()
	limit := time.After(catchUpWithin)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		_, live, err := o.journal.compare(func(key int) ([]byte, error) { return getOrNil(s, key) })
		if err == nil && s.Len() == live {
			return
		}
		select {
		case <-limit:
			t.Errorf("%s: still not up to date: %v", o.name, err)
			return
		case <-tick.C:
		}
	}
}

// filler writes values to keys of their own, one after another or in batches.
var filler = newRole("filler", func(a *actor) error {
	s, err := Open(a.Path, Options{Sync: a.Mode})
	if err != nil {
		return err
	}
	a.report(event{Op: opReady})
	a.command()
	for key := 0; key < a.N; {
		var items []Item
		for range max(1, a.Life) {
			items = append(items, Item{keyName(key), value{key, 2, a.Size}.bytes()})
			key++
		}
		if len(items) == 1 {
			_, err = s.Write(items[0].Key, items[0].Value)
		} else {
			_, err = s.WriteBatch(items)
		}
		if err != nil {
			return err
		}
		a.report(event{Op: opAck, Seq: uint64(key)})
	}
	return s.Close()
})

// btoi returns 1 for true.
func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
