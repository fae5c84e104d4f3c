//go:build unix

package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core/internal/vfs"
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

// TestLookingOnChangesNothing opens a drive in a loop, reads all of it, and checks it,
// as a command that shows what a drive holds does, while another process writes to
// it. The original loses nearly everything when that is done to it.
func TestLookingOnChangesNothing(t *testing.T) {
	for name, tt := range map[string]task{
		"large values": {Mode: SyncNone, Size: 2 << 20, N: 60},
		"small values": {Mode: SyncNone, Size: 100, N: 20_000},
		"batches":      {Mode: SyncInterval(0), Size: 5000, N: 8000, Life: 40},
		"synced":       {Mode: SyncAlways, Size: 100, N: 200},
	} {
		t.Run(name, func(t *testing.T) {
			tt.Path, tt.N = tempPath(t), scaled(t, "values", tt.N, tt.N/2, tt.N/8)
			c := filler.start(t, tt, nil)
			c.expect(t, opReady)
			var acked atomic.Int64
			c.follow(func(e event) { acked.Store(int64(e.Seq)) })
			c.send(t)
			looks := 0
			for busy := true; busy; looks++ {
				select {
				case <-c.followed:
					busy = false // and once more
				default:
				}
				lookOn(t, tt.Path, tt.Size, int(acked.Load()), tt.N)
				if t.Failed() {
					return
				}
			}
			c.quit(t)
			t.Logf("looked %d times", looks)
			before := fileBytes(t, tt.Path)
			lookOn(t, tt.Path, tt.Size, tt.N, tt.N)
			if string(before) != string(fileBytes(t, tt.Path)) {
				t.Error("looking changed the file")
			}
			s := mustOpen(t, tt.Path, Options{ReadOnly: true})
			for key := range tt.N {
				if got, err := s.Get(keyName(key)); err != nil || !(value{key, 2, tt.Size}).is(got) {
					t.Fatalf("key %d: %d bytes, %v", key, len(got), err)
				}
			}
			report, err := Check(t.Context(), tt.Path, CheckOptions{})
			if err != nil || !report.Healthy() || report.Entries != int64(tt.N) || report.Live != int64(tt.N) {
				t.Errorf("Check: %+v, %v", report, err)
			}
			list, err := os.ReadDir(filepath.Dir(tt.Path))
			if err != nil || len(list) != 2 {
				t.Errorf("files: %v, %v", list, err)
			}
		})
	}
}

// lookOn reads everything that there is to read of a drive that holds between low and
// high values of a size.
func lookOn(t *testing.T, path string, size, low, high int) {
	t.Helper()
	s, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer s.Close()
	n := s.Len()
	if n < low || n > high {
		t.Errorf("%d keys; %d were acknowledged of %d", n, low, high)
	}
	st, err := s.Stats()
	if err != nil || st.LiveEntries != int64(n) || st.Entries != int64(n) {
		t.Errorf("Stats: %+v, %v", st, err)
	}
	for e, err := range s.Entries(NewestFirst) {
		if err == nil {
			err = e.Verify()
		}
		if err != nil {
			t.Errorf("Entries: %v", err)
		}
		n--
	}
	if n != 0 {
		t.Errorf("%d entries too few", n)
	}
	report, err := Check(t.Context(), path, CheckOptions{})
	if err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, p := range report.Problems {
		// What is being written may look like anything; what was acknowledged is intact.
		if p.Offset <= int64(low)*span(int64(size))-alignment {
			t.Errorf("Check, with %d values acknowledged: %+v", low, p)
		}
	}
	if report.Live < int64(low) {
		t.Errorf("Check: %d live keys; %d were acknowledged", report.Live, low)
	}
}

// btoi returns 1 for true.
func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lateMark is a file system in which the mark, when it is first read, is still the one
// of some time ago: as if it had been written between that and the next call.
type lateMark struct {
	vfs.FS
	old  string // path of a copy
	read bool
}

func (l *lateMark) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	if strings.HasSuffix(path, markSuffix) && mode == vfs.ReadOnly && !l.read {
		l.read = true
		path = l.old
	}
	return l.FS.Open(path, mode, perm)
}

// TestOpenWhileTheMarkIsWritten opens a drive for reading in the middle of a batch,
// just after a compaction: the mark that it reads first is of the file before, or half
// written.
func TestOpenWhileTheMarkIsWritten(t *testing.T) {
	for name, old := range map[string]func(mark []byte) []byte{
		"of the file before": func([]byte) []byte { return appendMark(nil, mark{points: []markPoint{{9999, 1}}}) },
		"half written":       func(mark []byte) []byte { return append(bytes.Clone(mark[:markSize/2]), make([]byte, markSize/2)...) },
		"missing":            func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			s := mustOpen(t, path, Options{})
			tail := mustWrite(t, s, "k", []byte("value"))
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			late := &lateMark{FS: vfs.OS, old: path + ".old"}
			if err := os.WriteFile(late.old, old(fileBytes(t, path+markSuffix)), 0o600); err != nil {
				t.Fatal(err)
			}
			// What the batch holds back is what makes it whole: its first entry.
			if _, err := s.WriteBatch([]Item{{[]byte("a"), bytes.Repeat([]byte("a"), 5000)}, {[]byte("b"), bytes.Repeat([]byte("b"), 5000)}}); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt(make([]byte, 64+5000), tail)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			r, err := openIn(late, path, Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if v, err := r.Get([]byte("k")); err != nil || string(v) != "value" || r.Len() != 1 {
				t.Errorf("%q, %v, %d keys", v, err, r.Len())
			}
		})
	}
}
