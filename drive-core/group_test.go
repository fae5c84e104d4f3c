package drive

import (
	"bytes"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/faultfs"
	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// together hands operations to a store in one group, in their order, by holding the
// writers' lock until all are in the queue.
func together(t *testing.T, s *Store, ops []operation) []error {
	t.Helper()
	errs := make([]error, len(ops))
	var wg sync.WaitGroup
	s.mu.Lock()
	for i, op := range ops {
		wg.Go(func() { _, errs[i] = s.group.do(op) }) // ends when op is committed; waited for below
		for queued := 0; queued <= i; {               // the next one only when this one is in the queue
			s.group.mu.Lock()
			queued = len(s.group.queue)
			s.group.mu.Unlock()
		}
	}
	s.mu.Unlock()
	wg.Wait()
	return errs
}

func valueOp(key, value string) operation {
	return &valueOperation{KeyHash([]byte(key)), []byte(value), Checksum([]byte(value))}
}

func deleteOp(keys ...string) operation {
	return &deleteOperation{len(keys), func(i int) uint64 { return KeyHash([]byte(keys[i])) }}
}

func renameOp(from, to string) operation {
	return &renameOperation{from: KeyHash([]byte(from)), to: KeyHash([]byte(to))}
}

// TestGroupKeepsOrder commits operations that depend on each other in one group:
// the outcome is that of one after another.
func TestGroupKeepsOrder(t *testing.T) {
	fsys := faultfs.New(vfs.OS)
	path := tempPath(t)
	s, err := openIn(fsys, path, Options{Sync: SyncAlways})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "old", []byte("old value"))
	mustWrite(t, s, "gone", []byte("gone value"))
	long := string(bytes.Repeat([]byte("x"), gatherMin+5))
	errs := together(t, s, []operation{
		valueOp("a", "1"),
		valueOp("b", long),
		renameOp("old", "new"), // of the file before
		deleteOp("a", "gone", "never"),
		deleteOp("a"), // gone by now: nothing to write
		renameOp("missing", "x"),
		valueOp("a", "2"),
		renameOp("b", "c"), // of this group: goes into the next
		renameOp("c", "d"), // and the next
		valueOp("last", "3"),
	})
	for i, err := range errs {
		if want := i == 5; want != errors.Is(err, ErrNotFound) || !want && err != nil {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	check := func(s *Store) {
		t.Helper()
		for key, want := range map[string]string{"a": "2", "new": "old value", "d": long, "last": "3"} {
			if v, err := s.Get([]byte(key)); err != nil || string(v) != want {
				t.Errorf("%s is %.20q, %v", key, v, err)
			}
		}
		if s.Len() != 4 {
			t.Errorf("%d keys", s.Len())
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path, Options{VerifyBytes: -1})
	check(s)
	if st, err := s.Stats(); err != nil || st.Tombstones != 5 {
		t.Errorf("%d tombstones, %v", st.Tombstones, err)
	}
}

// TestGroupSharesOneSync counts the syncs of a group, and of a group with a batch.
func TestGroupSharesOneSync(t *testing.T) {
	fsys := faultfs.New(vfs.OS)
	s, err := openIn(fsys, tempPath(t), Options{Sync: SyncAlways})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustWrite(t, s, "first", []byte("v"))
	batch := &itemsOperation[HashedItem]{items: []HashedItem{{1, bytes.Repeat([]byte("a"), 400)}, {2, bytes.Repeat([]byte("b"), 400)}}}
	var values []operation
	for i := range 50 {
		values = append(values, valueOp(strconv.Itoa(i), "value"))
	}
	for name, tt := range map[string]struct {
		ops  []operation
		want int // the leader has a group of its own
	}{
		"alone":      {values[:1], 1},
		"values":     {values, 2},
		"with batch": {append(values[:20:20], batch), 3},
	} {
		before := fsys.Calls(faultfs.Sync)
		for i, err := range together(t, s, tt.ops) {
			if err != nil {
				t.Errorf("%s: operation %d: %v", name, i, err)
			}
		}
		if got := fsys.Calls(faultfs.Sync) - before; got > tt.want || got < 1 {
			t.Errorf("%s: %d syncs, want %d", name, got, tt.want)
		}
	}
}

// TestGroupFailsTogether: when the sync of a group fails, nobody in it is told of
// success, nothing of it is visible, and nothing of it is found afterwards.
func TestGroupFailsTogether(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.Sync, faultfs.Write} {
		path := tempPath(t)
		fsys := faultfs.New(vfs.OS)
		s, err := openIn(fsys, path, Options{Sync: SyncAlways})
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, s, "kept", []byte("kept"))
		fsys.Fail(kind, 1)
		for i, err := range together(t, s, []operation{valueOp("a", "1"), valueOp("b", "2"), deleteOp("kept"), valueOp("c", "3")}) {
			if !errors.Is(err, ErrFailed) || !errors.Is(err, faultfs.ErrInjected) {
				t.Errorf("%v: operation %d: %v", kind, i, err)
			}
		}
		if s.Len() != 1 || !s.Exists([]byte("kept")) {
			t.Errorf("%v: %d keys are visible", kind, s.Len())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		s = mustOpen(t, path, Options{})
		if s.Len() != 1 || !s.Exists([]byte("kept")) {
			t.Errorf("%v: %d keys after a reopen", kind, s.Len())
		}
	}
}
