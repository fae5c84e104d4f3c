//go:build interop

package drive_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/simd-drive/go/drive-core"
)

var interopSeed = flag.Uint64("interop.seed", 0, "seed of the random workloads; 0 takes a new one")

const (
	maxInteropValue  = 200 << 10 // bytes of a value
	maxArgumentValue = 100 << 10 // bytes of a value that is an argument: Linux allows 128 KiB
	longStream       = 5 << 20   // bytes, or more, of a value that does not fit the buffer of a stream, 4 MiB
	interopKeys      = 24        // keys of one drive
)

// baseSeed is the seed of this run.
var baseSeed = sync.OnceValue(func() uint64 {
	if *interopSeed != 0 {
		return *interopSeed
	}
	return rand.Uint64()
})

// workload is a drive at path, and what must be in it after the calls that either
// engine made.
type workload struct {
	t    *testing.T
	rng  *rand.Rand
	path string
	pool []string          // the keys that calls are about
	live map[string][]byte // what a read must find
	dead map[string]bool   // keys whose newest entry is a tombstone
	// zeros allows values of zero bytes only. The original reads them, but can neither rename, copy nor compact
	// them (its bug B7).
	zeros bool
	// nested allows values that are a drive themselves. A torn file that begins with one cannot be judged.
	nested bool
	// syncs has our engine sync after each write.
	syncs bool
}

// newWorkload returns an empty one at path, whose file does not exist. Its calls
// follow from the seed of the run, the name of the test and that of the file.
func newWorkload(t *testing.T, path string) *workload {
	t.Helper()
	t.Logf("seed: -interop.seed=%d", baseSeed())
	w := &workload{t: t, path: path, rng: rand.New(rand.NewPCG(baseSeed(), drive.KeyHash([]byte(t.Name()+filepath.Base(path)))))}
	w.live, w.dead = map[string][]byte{}, map[string]bool{}
	keys := []string{
		"", " ", "a b", "-", "--", "-b", "--help", "--version", "help", "read", "0", "'", `"`, `back\slash`, "new\nline",
		"\t", "\x01", "a/../b", "\u043a\u043b\u044e\u0447", "\u9375", "\U0001F511", "\u00e9", "e\u0301", "\u202eright to left",
		"\ufeff", "\U0010FFFF", strings.Repeat("long key ", 5000),
	}
	for len(keys) < 2*interopKeys {
		keys = append(keys, fmt.Sprint("key ", len(keys), w.text(w.rng.IntN(300))))
	}
	w.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	w.pool = keys[:interopKeys]
	return w
}

// clone returns a workload that goes on with a copy of the file, at another path.
func (w *workload) clone(path string) *workload {
	w.t.Helper()
	c := *w
	c.path, c.live, c.dead = path, maps.Clone(w.live), maps.Clone(w.dead)
	w.writeFile(path, w.file(w.path))
	return &c
}

// key picks one of the keys.
func (w *workload) key() string { return w.pool[w.rng.IntN(len(w.pool))] }

// text returns n bytes that can be an argument.
func (w *workload) text(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz ABC-'\"\n\\0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[w.rng.IntN(len(letters))]
	}
	return string(b)
}

// size picks the length of a value: mostly small, often at a boundary.
func (w *workload) size() int {
	switch w.rng.IntN(10) {
	case 0, 1, 2:
		return 1 + w.rng.IntN(16)
	case 3, 4, 5:
		return 1 + w.rng.IntN(1000)
	case 6:
		return 64*(1+w.rng.IntN(130)) - 21 + w.rng.IntN(23) // around the pad, with and without metadata
	case 7:
		return 1<<16 - 1 + w.rng.IntN(3) // the original streams in chunks of 64 KiB
	case 8:
		return 1 + w.rng.IntN(20<<10)
	default:
		return 1 + w.rng.IntN(maxInteropValue)
	}
}

// value makes a value.
func (w *workload) value() []byte {
	n := w.size()
	v := make([]byte, n)
	from := 0
	switch w.rng.IntN(8) {
	case 0:
		if w.zeros && n >= 2 {
			return v
		}
	case 1:
		from = w.rng.IntN(n) // begins with zeros
	case 2:
		return []byte(w.text(n))
	case 3:
		if b := w.file(w.path); w.nested && len(b) > 0 && len(b) <= maxInteropValue {
			return b
		}
	}
	for i := from; i < n; i++ {
		v[i] = byte(w.rng.Uint32())
	}
	v[n-1] |= 1 // not all zeros
	return v
}

// put, drop and compacted say what a call did to the drive.
func (w *workload) put(key string, value []byte) {
	w.live[key] = value
	delete(w.dead, key)
}

func (w *workload) drop(key string) {
	if _, ok := w.live[key]; ok {
		delete(w.live, key)
		w.dead[key] = true
	}
}

func (w *workload) compacted() { clear(w.dead) }

// check fails the test on an error.
func (w *workload) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// file returns the bytes of a file; none if it does not exist.
func (w *workload) file(path string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return b
}

func (w *workload) writeFile(path string, b []byte) {
	w.t.Helper()
	w.check(os.WriteFile(path, b, 0o600))
}

// open opens the drive with our engine for writing.
func (w *workload) open() *drive.Store {
	w.t.Helper()
	opts := drive.Options{VerifyBytes: -1, ReserveBytes: 1 << (16 + w.rng.IntN(15))}
	switch n := w.rng.IntN(8); {
	case w.syncs || n == 0:
		opts.Sync = drive.SyncAlways
	case n < 4:
		opts.Sync = drive.SyncNone
	}
	s, err := drive.Open(w.path, opts)
	w.check(err)
	return s
}

// ours makes n calls to our engine. The first opens the drive, or creates it.
func (w *workload) ours(n int) {
	w.t.Helper()
	s := w.open()
	for range n {
		if w.rng.IntN(12) == 0 {
			w.check(s.Close())
			s = w.open()
		}
		w.ourCall(s)
		if s.Len() != len(w.live) {
			w.t.Fatalf("Len is %d, want %d", s.Len(), len(w.live))
		}
	}
	w.check(s.Close())
}

// ourCall makes one call.
func (w *workload) ourCall(s *drive.Store) {
	w.t.Helper()
	key, err := w.key(), error(nil)
	switch w.rng.IntN(13) {
	case 0, 1, 2, 3:
		v := w.value()
		_, err = s.Write([]byte(key), v)
		w.put(key, v)
	case 4, 5:
		var items []drive.Item
		for range w.rng.IntN(8) {
			it := drive.Item{Key: []byte(w.key()), Value: w.value()}
			items = append(items, it)
			w.put(string(it.Key), it.Value)
		}
		_, err = s.WriteBatch(items)
	case 6:
		_, err = s.Delete([]byte(key))
		w.drop(key)
	case 7:
		var keys [][]byte
		for range w.rng.IntN(4) {
			k := w.key()
			keys = append(keys, []byte(k))
			w.drop(k)
		}
		_, err = s.DeleteBatch(keys)
	case 8:
		w.ourRename(s, key, w.key())
	case 9, 10:
		v := w.value()
		if w.rng.IntN(2) == 0 {
			_, err = s.WriteFrom([]byte(key), bytes.NewReader(v))
		} else {
			_, err = s.WriteFrom([]byte(key), iotest.HalfReader(bytes.NewReader(v)))
		}
		w.put(key, v)
	case 11:
		order := []drive.Order{drive.FileOrder, drive.NewestFirst}[w.rng.IntN(2)]
		_, err = s.Compact(w.t.Context(), drive.CompactOptions{Order: order})
		w.compacted()
	case 12:
		err = s.Sync()
	}
	w.check(err)
}

// longStreams stores streams that are too long to be held in memory: one that could
// stall, which goes to a temporary file first, and one that could not.
func (w *workload) longStreams() {
	w.t.Helper()
	s := w.open()
	for _, prompt := range []bool{false, true} {
		v := bytes.Repeat([]byte(w.text(61)), longStream/61+w.rng.IntN(1000))
		r := io.Reader(bytes.NewReader(v))
		if !prompt {
			r = iotest.HalfReader(r)
		}
		key := w.key()
		_, err := s.WriteFrom([]byte(key), r)
		w.check(err)
		w.put(key, v)
	}
	w.check(s.Close())
}

// ourRename renames a key, there or not, perhaps to itself.
func (w *workload) ourRename(s *drive.Store, from, to string) {
	w.t.Helper()
	v, ok := w.live[from]
	var want error
	switch {
	case from == to:
		want = drive.ErrSameKey
	case !ok:
		want = drive.ErrNotFound
	default:
		w.drop(from)
		w.put(to, v)
	}
	if _, err := s.Rename([]byte(from), []byte(to)); !errors.Is(err, want) {
		w.t.Fatalf("rename: %v, want %v", err, want)
	}
}
