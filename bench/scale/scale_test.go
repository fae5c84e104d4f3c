package scale

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simd-drive/go/drive-core"
)

// TestPhases runs every phase on small drives: the checks of the phases hold.
func TestPhases(t *testing.T) {
	const keys, size = 5000, 3*entryBytes + 100
	dir := t.TempDir()
	got := map[string]Result{}
	for _, ph := range phases {
		path, n := filepath.Join(dir, "keys"), int64(keys)
		if strings.HasPrefix(ph.name, Sparse) {
			path, n = filepath.Join(dir, "sparse"), int64(size)
		}
		r, err := Run(t.Context(), ph.name, path, n)
		if err != nil {
			t.Fatal(err)
		}
		if r.Phase != ph.name {
			t.Errorf("%s calls itself %s", ph.name, r.Phase)
		}
		got[ph.name] = r
	}
	for _, name := range []string{Fill, Walk, Checkpoint, Warm, Cold} {
		if got[name].Keys != keys {
			t.Errorf("%s: %d keys", name, got[name].Keys)
		}
	}
	if r := got[Fill]; r.File != got[Walk].File || r.File < keys*valueSize {
		t.Errorf("files of %d and %d bytes", r.File, got[Walk].File)
	}
	if r := got[Cold]; r.Faults <= coldReads/2 && r.P50 != 0 {
		t.Errorf("reads that did not wait for the disk are told as cold ones: %+v", r)
	}
	if r := got[Sparse]; r.Keys != 3 || r.File != 3*entryBytes-64+metadataBytes || r.OnDisk > 1<<20 {
		t.Errorf("sparse: %+v", r)
	}
	if r := got[SparseWrite]; r.File < 3*entryBytes+afterwards {
		t.Errorf("sparse, written to: %+v", r)
	}
}

// TestSparseIsADrive verifies all of a sparse drive.
func TestSparseIsADrive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	if _, err := Run(t.Context(), Sparse, path, 2*entryBytes); err != nil {
		t.Fatal(err)
	}
	store, err := drive.Open(path, drive.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range store.Entries(drive.FileOrder) {
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Verify(); err != nil {
			t.Error(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// TestWrongDrive holds that phases notice a drive that is not what they expect.
func TestWrongDrive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, err := Run(t.Context(), Fill, path, 100); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Walk, Warm, SparseOpen} {
		if _, err := Run(t.Context(), name, path, 1<<40); err == nil {
			t.Errorf("%s takes a drive of 100 keys for another", name)
		}
	}
	if _, err := Run(t.Context(), "nothing", path, 1); !errors.Is(err, ErrUnknownPhase) {
		t.Errorf("an unknown phase: %v", err)
	}
}

// TestMarkdown renders figures that are easy to check.
func TestMarkdown(t *testing.T) {
	r := Report{Plan: Sizes{Keys: 1000, Sparse: 64e9}, Results: map[string]Result{
		Fill: {Keys: 1000, File: 64_000, Beside: 16_000, Seconds: 2, Memory: 20_000, Peak: 30_000},
		Walk: {Keys: 1000, File: 64_000, Seconds: 0.5, Memory: 24_000},
	}}
	text := r.markdown("scaling")
	for _, want := range []string{
		"| writing all, 1024 at once | 500 keys/s |",
		"| memory after writing; the most meanwhile | 20; 30 B a key |",
		"| random reads from the disk | not measured: opening had mapped the pages, which the system then keeps |",
		"| 100,000,000 keys, values of 8 bytes | 6.40 GB | 2.40 GB | 1.60 GB | 50,000 s |",
		"| 200 GB, values of 2000 bytes | 200 GB |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
