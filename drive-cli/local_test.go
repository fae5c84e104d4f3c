package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// With --sync a change of a storage file is on stable storage when it is
// acknowledged: the mark beside the file says so at once, not a second later.
func TestSyncedStoreMarksEachWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.drive")
	store, err := openLocal(path, createStore, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var before []byte
	for range 3 {
		if _, err := store.write(t.Context(), keyOf([]byte("k")), []byte("value")); err != nil {
			t.Fatal(err)
		}
		mark, err := os.ReadFile(path + ".synced")
		if err != nil || bytes.Equal(mark, before) {
			t.Errorf("the mark is as it was before the write, %v", err)
		}
		before = mark
	}
}
