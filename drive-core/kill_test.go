//go:build unix

package drive

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	killSeed  = flag.Uint64("kill.seed", 0, "seed of the kill tests; 0 is another one each time")
	killCount = flag.Int("kill.count", 200, "how many writers the kill tests kill, in all sync modes together")
)

const (
	// killLives is how many writers work on one drive, one after another, at most.
	killLives = 8
	// killBytes is the size from which a drive gets no further life.
	killBytes = 48 << 20
	// killWithin is how long a writer lives at most, once it has opened the drive.
	killWithin = 100 * time.Millisecond
	// killEarly is when a writer is killed at the latest that is not let to open the drive.
	killEarly = 25 * time.Millisecond
	// compactPause is how long a writer waits at most before it compacts again.
	compactPause = 20 * time.Millisecond
	// largeValue is the size of the largest values.
	largeValue = 32 << 20
)

// killCheckpoint writes checkpoints all the time.
var killCheckpoint = Checkpoint{Every: 16, MinEntries: 1}

// killWriter writes to a drive at random until its end.
var killWriter = newRole("kill writer", func(a *actor) error {
	opts := Options{Sync: a.Mode, Checkpoint: killCheckpoint}
	if a.Auto {
		opts.AutoCompact = AutoCompact{Ratio: 0.5, MinBytes: 1 << 20}
	}
	s, err := Open(a.Path, opts)
	if err != nil {
		return err
	}
	a.report(event{Op: opReady})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup // all end with ctx, and are waited for below
	for w := range journalWorkers {
		running.Go(func() {
			if err := newWorkload(a, s, w).run(ctx); err != nil {
				a.fail(err)
			}
		})
	}
	running.Go(func() {
		if err := compactNowAndThen(ctx, a, s); err != nil {
			a.fail(err)
		}
	})
	for a.command() {
	}
	cancel()
	running.Wait()
	return s.Close()
})

// compactNowAndThen compacts a drive until ctx is done.
func compactNowAndThen(ctx context.Context, a *actor, s *Store) error {
	rng := rand.New(rand.NewPCG(a.Seed, a.Life))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(rng.Int64N(int64(compactPause)))):
		}
		_, err := s.Compact(ctx, CompactOptions{Order: Order(rng.IntN(2))})
		switch {
		case err == nil:
			a.report(event{Op: opSwapped})
		case ctx.Err() == nil && !errors.Is(err, ErrCompacting):
			return err
		}
	}
}

// workload is what one goroutine of a writer does.
type workload struct {
	a      *actor
	s      *Store
	worker int
	seq    uint64
	rng    *rand.Rand
}

func newWorkload(a *actor, s *Store, worker int) *workload {
	rng := rand.New(rand.NewPCG(a.Seed, a.Life*journalWorkers+uint64(worker)))
	return &workload{a: a, s: s, worker: worker, seq: a.Life << 32, rng: rng}
}

// run does operations until ctx is done.
func (w *workload) run(ctx context.Context) error {
	for ctx.Err() == nil {
		e := w.choose()
		w.a.report(e)
		err := w.do(e)
		ack := event{Op: opAck, Worker: w.worker, Seq: e.Seq}
		ack.Note, ack.Is = describe(err)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		w.a.report(ack)
	}
	return nil
}

// key returns a key of the worker.
func (w *workload) key() int { return w.worker*journalKeys + w.rng.IntN(journalKeys) }

// size returns the size of a value: small as a rule, seldom large.
func (w *workload) size() int {
	switch n := w.rng.IntN(2000); {
	case n == 0:
		return 1 + w.rng.IntN(largeValue)
	case n < 20:
		return 1 + w.rng.IntN(1<<20)
	}
	return 1 + w.rng.IntN(1<<w.rng.IntN(15))
}

// choose returns the next operation.
func (w *workload) choose() event {
	w.seq++
	e := event{Worker: w.worker, Seq: w.seq, Keys: []int{w.key()}}
	several := 2 + w.rng.IntN(journalKeys)
	size := w.size()
	switch n := w.rng.IntN(100); {
	case n < 40:
		e.Op = opWrite
	case n < 55:
		e.Op = opBatch
		for range several {
			e.Keys = append(e.Keys, w.key())
			e.Sizes = append(e.Sizes, w.size())
		}
	case n < 65:
		e.Op = opDelete
	case n < 70:
		e.Op = opDeletes
		for range several {
			e.Keys = append(e.Keys, w.key())
		}
	case n < 82:
		e.Op = opRename
		if e.Keys = append(e.Keys, w.key()); e.Keys[0] == e.Keys[1] {
			e.Keys[1] = w.worker*journalKeys + (e.Keys[0]+1)%journalKeys
		}
	case n < 91:
		e.Op = opStream
	default:
		e.Op = opDirect
	}
	if (e.Op == opStream || e.Op == opDirect) && w.rng.IntN(40) == 0 {
		size = spoolMin - 100 + w.rng.IntN(spoolMin)
	}
	if e.Op != opDelete && e.Op != opDeletes && e.Op != opRename {
		e.Sizes = append(e.Sizes, size)
	}
	return e
}

// do does an operation.
func (w *workload) do(e event) (err error) {
	contents := func(i int) value { return value{e.Keys[i], e.Seq, e.Sizes[i]} }
	key := keyName(e.Keys[0])
	switch e.Op {
	case opWrite:
		_, err = w.s.Write(key, contents(0).bytes())
	case opBatch:
		items := make([]Item, len(e.Keys))
		for i := range items {
			items[i] = Item{keyName(e.Keys[i]), contents(i).bytes()}
		}
		_, err = w.s.WriteBatch(items)
	case opDelete:
		_, err = w.s.Delete(key)
	case opDeletes:
		keys := make([][]byte, len(e.Keys))
		for i := range keys {
			keys[i] = keyName(e.Keys[i])
		}
		_, err = w.s.DeleteBatch(keys)
	case opRename:
		_, err = w.s.Rename(key, keyName(e.Keys[1]))
	case opStream:
		_, err = w.s.WriteFrom(key, contents(0).reader())
	case opDirect:
		_, err = w.s.WriteFrom(key, bytes.NewReader(contents(0).bytes()))
	}
	return err
}

// killModes are the modes that are tried. The interval is one that a writer lives
// to see.
var killModes = map[string]SyncMode{
	"always": SyncAlways, "interval": SyncInterval(5 * time.Millisecond), "none": SyncNone,
}

// TestKilledWriters kills processes that write to a drive at random, opens the drive,
// and compares it with what the process had told of its doings.
func TestKilledWriters(t *testing.T) {
	count := scaled(t, "kills", *killCount, 30, 24)
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again, as far as the moment of a kill allows: -kill.seed=%d", seed)
		}
	})
	modes := slices.Sorted(maps.Keys(killModes))
	for i, name := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := killRun{t: t, mode: killModes[name], rng: rand.New(rand.NewPCG(seed, uint64(i))), tally: map[string]int{}}
			for r.kills < (count+len(modes)-1)/len(modes) && !t.Failed() {
				r.drive(min(killLives, (count+len(modes)-1)/len(modes)-r.kills))
			}
			t.Logf("%d kills: %v", r.kills, r.tally)
			if r.tally["operations"] == 0 {
				t.Error("no writer ever wrote: nothing was tried")
			}
		})
	}
}

// killRun is the test of one mode.
type killRun struct {
	t     *testing.T
	mode  SyncMode
	rng   *rand.Rand
	kills int
	tally map[string]int // what happened how often

	// Of the present drive.
	path    string
	journal *journal
}

// drive lets writers work on a new drive and be killed, one after another.
func (r *killRun) drive(lives int) {
	r.path = filepath.Join(r.t.TempDir(), "a.drive")
	r.journal = &journal{}
	for range lives {
		r.kills++
		r.live()
		if r.t.Failed() {
			return
		}
		if info, err := os.Stat(r.path); err == nil && info.Size() > killBytes {
			break
		}
	}
	r.compactedAfterwards()
}

// live is the life of one writer, its end, and what comes after.
func (r *killRun) live() {
	t := r.t
	if r.rng.IntN(6) == 0 { // a drive without a mark, as others make them
		if err := os.Remove(r.path + markSuffix); err == nil {
			r.tally["drives without a mark"]++
		}
	}
	c := killWriter.start(t, task{Path: r.path, Mode: r.mode, Seed: r.rng.Uint64(), Life: uint64(r.kills), Auto: r.rng.IntN(2) == 0}, nil)
	ready := make(chan struct{})
	c.follow(func(e event) {
		if e.Op == opReady {
			close(ready)
		}
		r.journal.note(e)
	})
	early := r.rng.IntN(8) == 0
	within := killWithin
	if early {
		within = killEarly
	} else {
		select {
		case <-ready:
		case <-c.followed: // it has ended; kill tells
		}
	}
	<-time.After(time.Duration(r.rng.Int64N(int64(within))))
	c.kill(t)
	if early {
		r.tally["killed early"]++
	}
	r.check()
}

// check opens the drive of a killed writer, in every way, and compares.
func (r *killRun) check() {
	t := r.t
	if _, err := os.Stat(r.path); errors.Is(err, os.ErrNotExist) {
		return // killed before it was made
	}
	torn := fileBytes(t, r.path)
	seen := r.compare(Options{ReadOnly: true})
	if !bytes.Equal(fileBytes(t, r.path), torn) {
		t.Error("a read-only store changed the file")
	}
	outcomes := r.compare(Options{Sync: r.mode, Checkpoint: killCheckpoint})
	if !slices.Equal(seen, outcomes) {
		t.Errorf("a read-only store saw %v, one that writes %v", seen, outcomes)
	}
	if t.Failed() {
		return
	}
	r.journal.settle(outcomes)
	repaired := fileBytes(t, r.path)
	if !bytes.HasPrefix(torn, repaired) {
		t.Error("opening did more than cut the end of the file")
	}
	files := r.files()
	r.compare(Options{Sync: r.mode})
	if !bytes.Equal(fileBytes(t, r.path), repaired) || !slices.Equal(r.files(), files) {
		t.Errorf("opening again changed something; the files were %v, are %v", files, r.files())
	}
	if report, err := Check(t.Context(), r.path, CheckOptions{}); err != nil || !report.Healthy() {
		t.Errorf("Check: %v, %+v", err, report.Problems)
	}
	r.count(outcomes, len(torn)-len(repaired))
}

// compare opens the drive and compares it with the journal.
func (r *killRun) compare(opts Options) []outcome {
	t := r.t
	t.Helper()
	s, err := Open(r.path, opts)
	if err != nil {
		t.Fatalf("Open(%+v): %v", opts, err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	outcomes, live, err := r.journal.compare(func(key int) ([]byte, error) {
		e, err := s.Find(keyName(key))
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err == nil {
			err = e.Verify()
		}
		return e.Bytes(), err
	})
	if err != nil {
		t.Errorf("life %d, %v, read-only %v: %v", r.kills, r.mode, opts.ReadOnly, err)
	}
	if s.Len() != live {
		t.Errorf("%d keys, of which only %d were written", s.Len(), live)
	}
	if st, err := s.Stats(); err != nil || st.LiveEntries != int64(live) || st.FileSize != s.FileSize() {
		t.Errorf("Stats: %+v, %v", st, err)
	}
	return outcomes
}

// files returns the names of what lies beside the drive.
func (r *killRun) files() []string {
	list, err := os.ReadDir(filepath.Dir(r.path))
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

// count notes what happened, and clears away the saved tail and what is allowed to
// stay behind.
func (r *killRun) count(outcomes []outcome, cut int) {
	for _, o := range outcomes {
		switch {
		case o.op != "" && o.kept:
			r.tally["whole "+o.op]++
		case o.op != "":
			r.tally["absent "+o.op]++
		}
	}
	r.tally["operations"], r.journal.acks = r.tally["operations"]+r.journal.acks, 0
	r.tally["compactions"], r.journal.swaps = r.tally["compactions"]+r.journal.swaps, 0
	saved := 0
	for _, name := range r.files() {
		word, ours := strings.CutPrefix(name, "a.drive")
		switch {
		case word == "" || word == markSuffix || word == checkpointSuffix || word == checkpointSuffix+checkpointNew:
		case strings.HasPrefix(word, ".cut-"):
			saved++
			if err := os.Remove(filepath.Join(filepath.Dir(r.path), name)); err != nil {
				r.t.Error(err)
			}
		case strings.HasPrefix(word, compactSuffix):
			r.tally["unfinished compactions"]++
		case !ours || !strings.HasPrefix(word, ".spool-"):
			r.t.Errorf("a file that should not be there: %s", name)
		}
	}
	if cut > 0 {
		r.tally["torn tails"]++
	}
	if (cut > 0) != (saved == 1) || saved > 1 {
		r.t.Errorf("%d bytes were cut, and %d files hold them", cut, saved)
	}
}

// compactedAfterwards compacts the drive, which must hold the same afterwards, with
// nothing left beside it.
func (r *killRun) compactedAfterwards() {
	t := r.t
	if _, err := os.Stat(r.path); err != nil {
		return
	}
	s, err := Open(r.path, Options{Sync: r.mode})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(t.Context(), CompactOptions{}); err != nil {
		t.Errorf("Compact: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	r.compare(Options{})
	for _, name := range r.files() {
		if strings.HasPrefix(name, "a.drive"+compactSuffix) {
			t.Errorf("left behind: %s", name)
		}
	}
}
