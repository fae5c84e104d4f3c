package drive

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestEntriesOfWholeDrive holds what an iteration promises in a drive in which
// every entry is live, whose index it does not ask until something is written:
// keys that are written meanwhile come once, with their newer value if they were
// there at the start.
func TestEntriesOfWholeDrive(t *testing.T) {
	const keys = 10 * scanGroup
	value := func(n int) string { return fmt.Sprintf("value %d", n) }
	key := func(n int) []byte { return fmt.Appendf(nil, "key %d", n) }
	for _, order := range []Order{FileOrder, NewestFirst} {
		for _, writeAt := range []int{0, 1, scanGroup - 1, scanGroup, 5 * scanGroup, keys - 1} {
			t.Run(fmt.Sprintf("order %d, written at %d", order, writeAt), func(t *testing.T) {
				s, err := Open(filepath.Join(t.TempDir(), "x.drive"), Options{Sync: SyncNone})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				for n := range keys {
					if _, err := s.Write(key(n), []byte(value(n))); err != nil {
						t.Fatal(err)
					}
				}
				w, err := s.walk(false)
				if err != nil || !w.direct() {
					t.Fatalf("the index is asked, although every entry is live; %v", err)
				}
				checkIterationWhileWriting(t, s, order, keys, writeAt, key, value)
				if w.direct() {
					t.Error("the walk that began before the writes does not ask the index")
				}
				if w, err = s.walk(false); err != nil || w.direct() {
					t.Errorf("a drive with superseded entries is taken for whole; %v", err)
				}
			})
		}
	}
}

// checkIterationWhileWriting overwrites the oldest and the newest key, deletes the
// one after the oldest and adds one, all when writeAt entries have come.
func checkIterationWhileWriting(t *testing.T, s *Store, order Order, keys, writeAt int, key func(int) []byte, value func(int) string) {
	t.Helper()
	deleted, added, newer := 1, keys, "newer"
	met := map[uint64]string{}
	before := map[uint64]bool{} // what had come when the writes were made
	count := 0
	for e, err := range s.Entries(order) {
		if err != nil {
			t.Fatal(err)
		}
		if _, again := met[e.KeyHash()]; again {
			t.Errorf("entry %d has a key that came before", count)
		}
		met[e.KeyHash()] = string(e.Bytes())
		if count == writeAt {
			for hash := range met {
				before[hash] = true
			}
			for _, n := range []int{0, keys - 1, added} {
				if _, err := s.Write(key(n), []byte(newer)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Delete(key(deleted)); err != nil {
				t.Fatal(err)
			}
		}
		count++
	}
	for n := range keys {
		got, found := met[KeyHash(key(n))]
		overwritten := n == 0 || n == keys-1
		switch {
		case n == deleted: // may come or not
		case !found:
			t.Errorf("key %d did not come", n)
		case got != value(n) && (!overwritten || got != newer):
			t.Errorf("key %d came with %q", n, got)
		case overwritten && order == NewestFirst && !before[KeyHash(key(n))] && got != newer && farBehind(n, keys, writeAt):
			t.Errorf("key %d came with its older value, long after it was overwritten", n)
		}
	}
	if _, found := met[KeyHash(key(added))]; found {
		t.Error("a key came that was not there at the start")
	}
}

// farBehind tells whether key n, newest first, comes in a later group than the
// entry at writeAt: the entries of one group are found together.
func farBehind(n, keys, writeAt int) bool { return (keys-1-n)/scanGroup > writeAt/scanGroup }
