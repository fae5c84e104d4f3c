//go:build interop

package drive_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"

	"github.com/simd-drive/go/drive-core"
)

// compare compares the drive with what must be in it, from both sides.
func (w *workload) compare() {
	w.t.Helper()
	w.compareOriginal()
	w.compareOurs()
}

// compareOriginal has the original read the drive of w and fails the test unless it
// finds all that must be there, nothing else, and changes nothing.
func (w *workload) compareOriginal() {
	w.t.Helper()
	o := original{w.t, w.path}
	before := w.file(w.path)
	meta := w.metadata()
	savings := int64(len(before)) // it counts all padding as savings
	for _, k := range w.pool {
		value, ok := w.live[k]
		o.expectRead(k, value)
		if ok {
			o.expectMetadata(k, meta[k])
			savings -= int64(len(value)) + metadataBytes
		}
	}
	o.expectInfo(int64(len(before)), len(w.live)+len(w.dead), savings) // B1: it counts deleted keys as active
	if !bytes.Equal(w.file(w.path), before) {
		w.t.Fatal("reading by the original changed the file")
	}
}

// metadata returns what our engine says of where the live values are.
func (w *workload) metadata() map[string]drive.Metadata {
	w.t.Helper()
	s, err := drive.Open(w.path, drive.Options{ReadOnly: true, ReserveBytes: 1 << 20})
	w.check(err)
	meta := map[string]drive.Metadata{}
	for k, v := range w.live {
		m, err := s.Metadata([]byte(k))
		w.check(err)
		if m.KeyHash != drive.KeyHash([]byte(k)) || m.Size != int64(len(v)) || m.Checksum != drive.Checksum(v) {
			w.t.Fatalf("Metadata(%.*q) = %+v of a value of %d bytes", shownBytes, k, m, len(v))
		}
		meta[k] = m
	}
	w.check(s.Close())
	return meta
}

// compareOurs opens the drive with our engine and fails the test unless it is
// healthy and holds what it must. Opening a healthy drive changes nothing.
func (w *workload) compareOurs() {
	w.t.Helper()
	before := w.file(w.path)
	report, err := drive.Check(w.t.Context(), w.path, drive.CheckOptions{})
	w.check(err)
	if !report.Healthy() || report.Notes != 0 || report.Live != int64(len(w.live)) {
		w.t.Fatalf("Check: %+v, want %d live keys", report, len(w.live))
	}
	for _, readOnly := range []bool{true, false} {
		s, err := drive.Open(w.path, drive.Options{VerifyBytes: -1, ReadOnly: readOnly, MustExist: true, ReserveBytes: 1 << 20})
		w.check(err)
		w.compareStore(s)
		w.check(s.Close())
	}
	if !bytes.Equal(w.file(w.path), before) {
		w.t.Fatal("opening changed the file")
	}
	if cut, err := filepath.Glob(w.path + ".cut-*"); err != nil || len(cut) > 0 {
		w.t.Fatalf("a healthy drive was cut: %q, %v", cut, err)
	}
}

// compareStore compares an open drive with what it must hold.
func (w *workload) compareStore(s *drive.Store) {
	w.t.Helper()
	for _, k := range w.pool {
		got, err := s.Get([]byte(k))
		want, ok := w.live[k]
		switch {
		case !ok && !errors.Is(err, drive.ErrNotFound):
			w.t.Fatalf("Get(%.*q) of a missing key: %d bytes, %v", shownBytes, k, len(got), err)
		case ok && (err != nil || !bytes.Equal(got, want)):
			w.t.Fatalf("Get(%.*q): %d bytes, %v, want %d bytes", shownBytes, k, len(got), err, len(want))
		}
	}
	var hashes, want []uint64
	for e, err := range s.Entries(drive.FileOrder) {
		w.check(err)
		hashes = append(hashes, e.KeyHash())
	}
	for k := range w.live {
		want = append(want, drive.KeyHash([]byte(k)))
	}
	slices.Sort(hashes)
	slices.Sort(want)
	if !slices.Equal(hashes, want) || s.Len() != len(want) {
		w.t.Fatalf("%d entries, Len %d, want %d", len(hashes), s.Len(), len(want))
	}
}
