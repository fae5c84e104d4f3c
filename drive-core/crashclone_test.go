//go:build unix

package drive

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/simd-drive/go/drive-core/internal/crashfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

var (
	crashSeeds = flag.Int("crash.seeds", 6, "how many histories the tests of crash clones try for each sync mode")
	crashFirst = flag.Uint64("crash.first", 1, "the seed of the first of them")
)

const (
	crashPath = "/data/a.drive"
	// crashKeys is how many keys a history uses.
	crashKeys = 10
	// crashSteps is how many calls of the store a history has.
	crashSteps = 50
	// crashClones is how many power cuts are tried at each call of the file system.
	crashClones = 2
	// crashAside is at how many calls of the file system one is chosen to go on with its crash.
	crashAside = 20
	// crashTold is how many calls a failure tells of.
	crashTold = 12
	// crashLongWrite is the length from which a write is one of many of a stream, a few of which are enough.
	crashLongWrite = 128 << 10
)

// crashModes are the modes of a history. The interval never ends by itself.
var crashModes = []SyncMode{SyncAlways, SyncInterval(time.Hour), SyncNone}

// crashState is what a drive holds at a moment: for each key the number of its
// value, 0 for none.
type crashState [crashKeys]int

// survival is what a crash has left.
type survival struct {
	state crashState
	// strange tells that the drive has entries of keys that nobody used: a power cut took the sector with the
	// key hash of an entry and left the next one, and nothing in the format shows it.
	strange bool
}

// moment is a state that a history went through.
type moment struct {
	state  crashState
	inside bool // of a batch; not to be seen but after a power cut in a mode that does not promise it
}

// crashRun is a history of a store on a file system of which it takes crash clones
// before every call that changes something.
type crashRun struct {
	t    *testing.T
	seed uint64
	mode SyncMode
	rng  *rand.Rand // of the calls
	opts Options

	fsys   *crashfs.FS
	store  *Store
	during func() // what to call when a compaction first writes, once; the writers' lock is free then

	mu      sync.Mutex // guards what follows; never held during a call of store
	crash   *rand.Rand // of the clones
	calls   []string   // of the store; the last is being made
	values  [][]byte   // by number
	past    []moment   // in order, that of the call being made included
	acked   int        // the last of past that was acknowledged
	durable int        // the last of past that must survive a power cut
	aside   *aside     // nil if there is none
	clones  int
	failed  bool
}

// aside is a crash in the middle of a call, to go on with later.
type aside struct {
	fsys                 *crashfs.FS
	power                bool
	past, acked, durable int // of the run at that moment; past counts
}

// TestCrashClones makes random calls and looks, before every call of the file
// system, at what a power cut and a kill there would leave: the drive opens, holds
// exactly what it held at one moment, and that moment is not before the last one
// whose survival was promised. Some histories go on with what is left.
//
// A power cut that tears a key hash undoes one operation and leaves later ones. Where
// no sync was promised between the two that is no broken promise: then each key for
// itself must hold what it held at one of these moments.
func TestCrashClones(t *testing.T) {
	for _, mode := range crashModes {
		t.Run(mode.String(), func(t *testing.T) {
			clones := 0
			for i := range *crashSeeds {
				clones += newCrashRun(t, *crashFirst+uint64(i), mode).run()
				if t.Failed() {
					return
				}
			}
			t.Logf("%d histories, %d crash clones", *crashSeeds, clones)
		})
	}
}

func newCrashRun(t *testing.T, seed uint64, mode SyncMode) *crashRun {
	t.Helper()
	r := &crashRun{
		t: t, seed: seed, mode: mode,
		rng: rand.New(rand.NewPCG(seed, 1)), crash: rand.New(rand.NewPCG(seed, 2)),
		opts:   Options{Sync: mode, ReserveBytes: 1 << 20, Checkpoint: Checkpoint{Every: 7, MinEntries: 1}},
		values: [][]byte{nil}, past: []moment{{}},
	}
	r.use(crashfs.New())
	return r
}

// use lets the history go on in fsys.
func (r *crashRun) use(fsys *crashfs.FS) {
	r.fsys = fsys
	r.fsys.OnCall = r.onCall
}

// onCall takes clones and looks at them. It runs within calls of the store.
func (r *crashRun) onCall(op crashfs.Op) {
	if op.Kind == crashfs.Write && strings.Contains(op.Path, compactSuffix) {
		if fn := r.takeDuring(); fn != nil {
			fn()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed || op.Kind == crashfs.Write && op.Len >= crashLongWrite && r.crash.IntN(8) > 0 {
		return
	}
	for range crashClones {
		r.look(r.fsys.CrashClone(r.crash), true, op)
	}
	r.look(r.fsys.ProcessCrashClone(r.crash), false, op)
	if r.crash.IntN(crashAside) == 0 {
		r.setAside(r.crash.IntN(2) == 0)
	}
}

// takeDuring returns what is to be done in the middle of a compaction, once.
func (r *crashRun) takeDuring() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn := r.during
	r.during = nil
	return fn
}

// setAside keeps a crash of this moment instead of the one that was kept before.
// r.mu must be held.
func (r *crashRun) setAside(power bool) {
	r.dropAside()
	a := &aside{power: power, past: len(r.past), acked: r.acked, durable: r.durable}
	if power {
		a.fsys = r.fsys.CrashClone(r.crash)
	} else {
		a.fsys = r.fsys.ProcessCrashClone(r.crash)
	}
	r.aside = a
}

// dropAside gives up what was kept. r.mu must be held.
func (r *crashRun) dropAside() {
	if r.aside != nil {
		r.aside.fsys.Close()
		r.aside = nil
	}
}

// look checks what a crash at op has left, and uses it up. r.mu must be held.
func (r *crashRun) look(clone *crashfs.FS, power bool, op crashfs.Op) {
	defer clone.Close()
	r.clones++
	if r.failed {
		return
	}
	left, err := r.survivor(clone)
	if err == nil {
		_, err = r.find(left, power)
	}
	if err != nil {
		crash := "kill"
		if power {
			crash = "power cut"
		}
		r.fail(fmt.Errorf("%s before %v: %w", crash, op, err))
	}
}

// fail reports the first error of the history. r.mu must be held.
func (r *crashRun) fail(err error) {
	if !r.failed {
		r.failed = true
		r.t.Errorf("seed %d, mode %v: %v\nThe last calls:\n%s",
			r.seed, r.mode, err, strings.Join(r.calls[max(0, len(r.calls)-crashTold):], "\n"))
	}
}

// survivor opens the drive that a crash has left: for reading, which must find what
// opening it for writing finds and change nothing, and twice for writing, of which
// the second time must change nothing. r.mu must be held.
func (r *crashRun) survivor(clone *crashfs.FS) (survival, error) {
	before := snapshot(r.t, clone)
	var read survival
	_, exists := before[crashPath]
	if exists {
		opts := r.opts
		opts.ReadOnly = true
		var err error
		if read, err = r.reopened(clone, opts); err != nil {
			return read, fmt.Errorf("read-only: %w", err)
		}
		if after := snapshot(r.t, clone); !maps.Equal(before, after) {
			return read, fmt.Errorf("reading changed the files from %v to %v", before, after)
		}
	}
	left, err := r.reopened(clone, r.opts)
	if err != nil {
		return left, err
	}
	if exists && read != left {
		return left, fmt.Errorf("read-only %v, then for writing %v", read, left)
	}
	before = snapshot(r.t, clone)
	again, err := r.reopened(clone, Options{VerifyBytes: -1, ReserveBytes: r.opts.ReserveBytes, Sync: r.mode})
	if err != nil {
		return left, fmt.Errorf("second open: %w", err)
	}
	if again != left {
		return left, fmt.Errorf("second open: %v, the first %v", again, left)
	}
	if after := snapshot(r.t, clone); !maps.Equal(before, after) {
		return left, fmt.Errorf("the second open changed the files from %v to %v", before, after)
	}
	return left, nil
}

// reopened opens and closes the drive in fsys and returns what it holds.
func (r *crashRun) reopened(fsys vfs.FS, opts Options) (survival, error) {
	s, err := openIn(fsys, crashPath, opts)
	if err != nil {
		return survival{}, fmt.Errorf("open: %w", err)
	}
	left, err := r.holds(s)
	if e := s.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", e))
	}
	return left, err
}

// holds returns what a store holds; an error when a key has a value that was never
// stored. r.mu must be held.
func (r *crashRun) holds(s *Store) (left survival, err error) {
	live := map[uint64]bool{}
	for e, err := range s.History(FileOrder) {
		if err != nil {
			return left, err
		}
		live[e.KeyHash()] = !e.IsTombstone()
	}
	for k := range crashKeys {
		v, err := s.Get(crashKey(k))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return left, fmt.Errorf("key %d: %w", k, err)
		}
		n := numberOf(v)
		if n <= 0 || n >= len(r.values) || string(r.values[n]) != string(v) {
			return left, fmt.Errorf("key %d: %d bytes that were never stored, as value %d", k, len(v), n)
		}
		left.state[k] = n
	}
	for k := range crashKeys {
		h := KeyHash(crashKey(k))
		if live[h] != (left.state[k] != 0) {
			return left, fmt.Errorf("key %d has value %d, and its last entry in the file: %v", k, left.state[k], live[h])
		}
		delete(live, h)
	}
	left.strange = len(live) > 0
	if strange := len(slices.DeleteFunc(slices.Collect(maps.Values(live)), func(v bool) bool { return !v })); s.Len() != left.state.live()+strange {
		return left, fmt.Errorf("Len is %d with %d keys and %d strange ones", s.Len(), left.state.live(), strange)
	}
	return left, nil
}

// live returns how many keys have values.
func (s crashState) live() (n int) {
	for _, v := range s {
		if v != 0 {
			n++
		}
	}
	return n
}

// find returns the last moment that was like this and may be what a crash leaves; -1
// when it is a mixture of such moments that a power cut may leave. r.mu must be held.
func (r *crashRun) find(left survival, power bool) (int, error) {
	first := r.acked
	if power {
		first = r.durable
	}
	loose := power && r.mode != SyncAlways
	wrong := "was never"
	for i, m := range slices.Backward(r.past) {
		switch {
		case m.state != left.state:
		case m.inside && !loose:
			wrong = fmt.Sprintf("is part of a batch (moment %d)", i)
		case i < first:
			wrong = fmt.Sprintf("is of moment %d", i)
		default:
			return i, nil
		}
	}
	if loose && left.strange && mixture(left.state, r.past[first:]) {
		return -1, nil
	}
	return 0, fmt.Errorf("%v %s; may be of %d to %d: %v to %v",
		left, wrong, first, len(r.past)-1, r.past[first].state, r.past[len(r.past)-1].state)
}

// mixture tells whether each key is as it was at one of the moments.
func mixture(state crashState, of []moment) bool {
	for k, v := range state {
		if !slices.ContainsFunc(of, func(m moment) bool { return m.state[k] == v }) {
			return false
		}
	}
	return true
}

// fileSum stands for the content of a file.
type fileSum struct {
	size int64
	hash uint64
}

// snapshot returns what there is of files.
func snapshot(t *testing.T, fsys vfs.FS) map[string]fileSum {
	t.Helper()
	all := map[string]fileSum{}
	list, err := fsys.ReadDir(filepath.Dir(crashPath))
	if err != nil {
		t.Error(err)
	}
	for _, d := range list {
		path := filepath.Join(filepath.Dir(crashPath), d.Name())
		if all[path], err = sumOf(fsys, path); err != nil {
			t.Error(err)
		}
	}
	return all
}

func sumOf(fsys vfs.FS, path string) (sum fileSum, err error) {
	f, err := fsys.Open(path, vfs.ReadOnly, 0)
	if err != nil {
		return fileSum{}, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		var data []byte
		var unmap func()
		if data, unmap, err = f.Map(info.Size()); err == nil {
			sum = fileSum{info.Size(), xxh3.Hash(data)}
			unmap()
		}
	}
	return sum, errors.Join(err, f.Close())
}
