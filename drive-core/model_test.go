package drive

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/golden"
)

// The model test: a machine that makes random calls of a store, one after another,
// and holds after each that the store shows what a ledger says, byte for byte. The
// calls that change values are here; what else happens to a store is in
// model_life_test.go.

// machine is a store, another one to copy to, a reader that follows, and what each
// must show.
type machine struct {
	dir, path    string
	fsys         *faultfs.FS
	store        *Store
	ledger       *ledger
	other        *Store
	others       *ledger
	follower     *Store
	followed     *ledger // what the follower has seen
	files        int     // how many files the store has had before
	followedFile int     // the one of them that the follower has
	running      *background
	held         []heldValue
	walks        []*walk
	drives       map[string]bool // values that are drives themselves
	values       int             // how many were made, so that each differs
}

// heldValue is an entry that was read, and the value that it must keep.
type heldValue struct {
	e    Entry
	want string
}

// hashes are the keys of the machine.
var hashes = []uint64{KeyHash([]byte("a")), KeyHash(nil), 0, math.MaxUint64, 1, KeyHash([]byte("b")), 1 << 63, 7}

func key(t *rapid.T, label string) uint64 { return rapid.SampledFrom(hashes).Draw(t, label) }

// sizes are those that something changes at: the seams of the engine's buffers. The
// large ones are rare.
var (
	smallSizes  = []int{8, 1, 2, 20, 43, 44, 45, 63, 64, 65, 200, 500, 4096}
	mediumSizes = []int{gatherMin - 1, gatherMin, gatherMin + 1, streamBuffer}
	largeSizes  = []int{maxShortSize, maxShortSize + 1, spoolMin - 1, spoolMin, spoolMin + 1, spoolMin + streamBuffer + 7}
)

// value makes a value; some look like parts of a drive.
func (m *machine) value(t *rapid.T) []byte {
	m.values++
	n := rapid.IntRange(0, 199).Draw(t, "size class")
	sizes := smallSizes
	switch {
	case n == 198:
		sizes = largeSizes
	case n >= 190:
		sizes = mediumSizes
	}
	size := rapid.SampledFrom(sizes).Draw(t, "size")
	switch rapid.IntRange(0, 9).Draw(t, "contents") {
	case 0:
		return make([]byte, max(size, 2))
	case 1: // metadata that names the tail before this value, over and over
		meta := metadata{keyHash: 1, prevOffset: m.ledger.size(), checksum: uint32(m.values)}
		return bytes.Repeat(appendMetadata(nil, meta), 1+size/metadataSize)
	case 2: // a drive, if there is one yet
		v := slices.Clone(m.ledger.upTo(4096).data)
		m.drives[string(v)] = true
		return v
	default:
		return append(golden.SplitMix(max(size-1, 0), uint64(m.values)), byte(m.values|1))
	}
}

// filled is value where it can be stored.
func (m *machine) filled(t *rapid.T) []byte {
	if v := m.value(t); checkValue(v) == nil {
		return v
	}
	return []byte{1}
}

// did demands that a call succeeded and returned the tail of the ledger.
func did(t *rapid.T, call string, tail, want int64, err error) {
	t.Helper()
	if err != nil || tail != want {
		t.Fatalf("%s: tail %d, %v, want %d", call, tail, err, want)
	}
}

// put notes a value that has been stored.
func (m *machine) put(hash uint64, value []byte) int64 {
	for _, w := range m.walks {
		w.changed(hash, value)
	}
	return m.ledger.put(hash, value)
}

// remove notes that keys have been removed.
func (m *machine) remove(hashes ...uint64) int64 {
	for _, w := range m.walks {
		w.removed(hashes)
	}
	return m.ledger.remove(hashes...)
}

func (m *machine) Write(t *rapid.T) {
	k, v := key(t, "key"), m.filled(t)
	tail, err := m.store.WriteHash(k, v)
	did(t, "write", tail, m.put(k, v), err)
}

func (m *machine) WriteBatch(t *rapid.T) {
	var items []HashedItem
	for range rapid.SampledFrom([]int{3, 0, 1, 2, 7, 60}).Draw(t, "items") {
		items = append(items, HashedItem{key(t, "key"), m.filled(t)})
	}
	tail, err := m.store.WriteBatchHash(items)
	want := m.ledger.size()
	for _, it := range items {
		want = m.put(it.Hash, it.Value)
	}
	did(t, "batch", tail, want, err)
}

func (m *machine) WriteFrom(t *rapid.T) {
	k, v := key(t, "key"), m.filled(t)
	var r io.Reader = bytes.NewReader(v)
	if rapid.Bool().Draw(t, "may stall") {
		r = struct{ io.Reader }{r}
	}
	tail, err := m.store.WriteFromHash(k, r)
	did(t, "stream", tail, m.put(k, v), err)
}

func (m *machine) Delete(t *rapid.T) {
	k := key(t, "key")
	tail, err := m.store.DeleteHash(k)
	did(t, "delete", tail, m.remove(k), err)
}

func (m *machine) DeleteBatch(t *rapid.T) {
	keys := rapid.SliceOfN(rapid.SampledFrom(hashes), 0, 5).Draw(t, "keys")
	tail, err := m.store.DeleteBatchHash(keys)
	did(t, "delete batch", tail, m.remove(keys...), err)
}

func (m *machine) Rename(t *rapid.T) {
	from, to := key(t, "from"), key(t, "to")
	r, ok := m.ledger.get(from)
	tail, err := m.store.RenameHash(from, to)
	switch {
	case from == to:
		refused(t, "rename", tail, err, ErrSameKey)
	case !ok:
		refused(t, "rename", tail, err, ErrNotFound)
	default:
		m.put(to, []byte(r.value))
		did(t, "rename", tail, m.remove(from), err)
	}
}

func (m *machine) CopyTo(t *rapid.T) {
	k := key(t, "key")
	r, ok := m.ledger.get(k)
	tail, err := m.store.CopyToHash(k, m.other)
	if !ok {
		refused(t, "copy", tail, err, ErrNotFound)
		return
	}
	did(t, "copy", tail, m.others.put(k, []byte(r.value)), err)
}

func (m *machine) MoveTo(t *rapid.T) {
	k := key(t, "key")
	r, ok := m.ledger.get(k)
	tail, err := m.store.MoveToHash(k, m.other)
	if !ok {
		refused(t, "move", tail, err, ErrNotFound)
		return
	}
	m.others.put(k, []byte(r.value))
	did(t, "move", tail, m.remove(k), err)
}

// refused demands that a call failed for a reason.
func refused(t *rapid.T, call string, tail int64, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || tail != 0 {
		t.Fatalf("%s: tail %d, %v, want %v", call, tail, err, want)
	}
}

// Refused makes calls that no store grants.
func (m *machine) Refused(t *rapid.T) {
	k := key(t, "key")
	for _, tt := range []struct {
		value []byte
		want  error
	}{{nil, ErrEmptyValue}, {[]byte{0}, ErrNullValue}} {
		tail, err := m.store.WriteHash(k, tt.value)
		refused(t, "write", tail, err, tt.want)
		tail, err = m.store.WriteFromHash(k, bytes.NewReader(tt.value))
		refused(t, "stream", tail, err, tt.want)
		tail, err = m.store.WriteBatchHash([]HashedItem{{k, []byte("good")}, {k, tt.value}})
		refused(t, "batch", tail, err, tt.want)
	}
	tail, err := m.store.CopyToHash(k, m.store)
	refused(t, "copy", tail, err, ErrSameStore)
	if m.follower != nil {
		want := ErrReadOnly // it is on the file before
		if m.followedFile == m.files {
			want = ErrSameStore
		}
		tail, err = m.follower.MoveToHash(k, m.store)
		refused(t, "move", tail, err, want)
		tail, err = m.follower.WriteHash(k, []byte("x"))
		refused(t, "write of a reader", tail, err, ErrReadOnly)
	}
	if _, err := Open(m.path, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second writer: %v", err)
	}
}

func (m *machine) Sync(t *rapid.T) {
	if err := m.store.Sync(); err != nil {
		t.Fatal(err)
	}
}

// options chooses how a store is opened.
func options(t *rapid.T) Options {
	return Options{
		Sync:         rapid.SampledFrom([]SyncMode{0, SyncAlways, SyncNone, SyncInterval(time.Millisecond)}).Draw(t, "sync"),
		ReserveBytes: rapid.SampledFrom([]int64{1 << 24, 1}).Draw(t, "reserve"),
		VerifyBytes:  rapid.SampledFrom([]int64{0, -1, 1}).Draw(t, "verify"),
		VerifyReads:  rapid.Bool().Draw(t, "verify reads"),
		Checkpoint:   rapid.SampledFrom([]Checkpoint{{Every: 3, MinEntries: 1}, {}, {Every: -1, MinEntries: 1}, {Off: true}}).Draw(t, "checkpoint"),
	}
}

// start makes the stores of a machine in an empty directory.
func (m *machine) start(t *rapid.T) {
	fsys := faultfs.New(newUnsynced())
	if rapid.IntRange(0, 3).Draw(t, "mapping") == 3 {
		pastEnd := false
		fsys.PastEnd = &pastEnd
	}
	m.fsys, m.path = fsys, filepath.Join(m.dir, "a.drive")
	m.ledger, m.others, m.drives = newLedger(), newLedger(), map[string]bool{}
	t.Cleanup(m.stop)
	var err error
	if m.store, err = openIn(m.fsys, m.path, options(t)); err != nil {
		t.Fatal(err)
	}
	if m.other, err = openIn(m.fsys, filepath.Join(m.dir, "other.drive"), options(t)); err != nil {
		t.Fatal(err)
	}
}

// stop ends everything, whether or not the run was good.
func (m *machine) stop() {
	if m.running != nil {
		_ = m.running.end() // the run has failed, or it was checked before
	}
	for _, w := range m.walks {
		w.stop()
	}
	for _, s := range []*Store{m.store, m.other, m.follower} {
		if s != nil {
			_ = s.Close() // the run has told what there is to tell
		}
	}
	_ = os.RemoveAll(m.dir)
}

// Check holds what is always so.
func (m *machine) Check(t *rapid.T) {
	for _, tt := range []struct {
		name  string
		store *Store
		want  *ledger
	}{{"store", m.store, m.ledger}, {"other", m.other, m.others}, {"follower", m.follower, m.followed}} {
		if tt.store == nil {
			continue
		}
		if err := tt.want.compare(tt.store); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
	if err := errors.Join(m.ledger.compareFile(m.path), m.others.compareFile(m.other.Path())); err != nil {
		t.Fatal(err)
	}
	for i, h := range m.held {
		if string(h.e.Bytes()) != h.want || h.e.Verify() != nil {
			t.Fatalf("held entry %d has changed", i)
		}
	}
}

// runMachine runs a machine in a directory of its own.
func runMachine(t *rapid.T, dir string) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m := &machine{dir: dir}
	m.start(t)
	t.Repeat(rapid.StateMachineActions(m))
	m.endWalks(t)
	m.Reopen(t)
	m.Check(t)
}

// TestStoreAgainstJournal compares a store with a ledger under all calls,
// compactions, reopenings, torn writes, damage, followers and held entries.
func TestStoreAgainstJournal(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		runMachine(t, filepath.Join(dir, strconv.Itoa(runs)))
	})
}

// FuzzStoreAgainstJournal lets a fuzzer choose the calls.
func FuzzStoreAgainstJournal(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(golden.SplitMix(64<<10, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(t.TempDir(), "run")
		rapid.MakeFuzz(func(t *rapid.T) { runMachine(t, dir) })(t, data)
	})
}
