//go:build unix

package drive

import (
	"slices"
	"testing"
	"time"
)

// Values that hold what looks like an entry after the very tail that their own entry
// follows. Whoever stores such a value must not be able to forge a key, nor to have
// anything given up that comes after it.

// disguised returns a ledger with such a value in the middle.
func disguised() *ledger {
	j := newLedger()
	j.put(1, []byte("before"))
	inner := []byte("forged")
	j.put(2, append(appendMetadata(inner, metadata{666, j.size(), Checksum(inner)}), "and more"...))
	j.put(3, []byte("after"))
	return j
}

// torn returns the file with a part of another entry behind it.
func (j *ledger) torn() []byte { return append(slices.Clone(j.data), make([]byte, 30)...) }

// TestDisguisedEntryInATornFile opens a file whose last write was torn, with a mark
// that was made before anything was written, and without.
func TestDisguisedEntryInATornFile(t *testing.T) {
	j := disguised()
	first := mark{file: laidNumber, points: []markPoint{pointAt(j.data, j.entries[0].tail)}}
	for name, m := range map[string][]byte{"no mark": nil, "old mark": appendMark(nil, first)} {
		l := lay(t, name, j.torn(), m)
		l.opensAs(j)
		l.remove()
	}
}

// TestDisguisedEntryBeforeTheFollower lets a follower look while the writer is in the
// middle of a write.
func TestDisguisedEntryBeforeTheFollower(t *testing.T) {
	j := disguised()
	before := j.upTo(j.entries[0].tail)
	l := lay(t, "followed", before.data, nil)
	defer l.remove()
	s, err := openIn(l.fsys, laidPath, Options{ReadOnly: true, ReserveBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l.write(laidPath, j.torn())
	if _, err := s.Refresh(); err != nil {
		t.Fatal(err)
	}
	if err := j.compare(s); err != nil {
		t.Errorf("during the next write: %v", err)
	}
}

// TestDisguisedEntryIsNotSaved recovers the torn file: all that was stored is saved,
// and nothing else.
func TestDisguisedEntryIsNotSaved(t *testing.T) {
	j := disguised()
	out, _, err := recoverBytes(t, j.torn())
	if err != nil || string(out) != string(j.data) {
		t.Errorf("%d bytes saved, want %d; %v", len(out), len(j.data), err)
	}
}

// TestDisguisedEntryAfterAKill does the first through a store: what was acknowledged
// before the process was killed is there.
func TestDisguisedEntryAfterAKill(t *testing.T) {
	fsys := lay(t, "killed", nil, nil).fsys
	s, err := openIn(fsys, laidPath, Options{Sync: SyncInterval(time.Hour), ReserveBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	j := disguised()
	for _, r := range j.entries {
		if _, err := s.WriteHash(r.hash, []byte(r.value)); err != nil {
			t.Fatal(err)
		}
	}
	killed := &laid{t: t, name: "killed", fsys: fsys.ProcessCrashClone(nil)}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	killed.data = j.torn()
	killed.write(laidPath, killed.data)
	killed.mark = []byte(killed.files()[laidPath+markSuffix])
	killed.opensAs(j)
}

// TestDisguisedEntryInADamagedValue damages the value that holds what looks like an entry:
// it is lost, and nothing comes out of it.
func TestDisguisedEntryInADamagedValue(t *testing.T) {
	j := disguised()
	at := j.entries[1].tail - metadataSize - 3
	damaged := slices.Clone(j.data)
	damaged[at] ^= 1
	for name, data := range map[string][]byte{"healthy end": damaged, "torn": append(damaged, make([]byte, 30)...)} {
		out, report, err := recoverBytes(t, data)
		if err != nil {
			t.Fatal(err)
		}
		var saved []uint64
		for _, e := range storedEntries(t, out) {
			saved = append(saved, e.Hash)
		}
		if want := []uint64{j.entries[0].hash, j.entries[2].hash}; !slices.Equal(saved, want) {
			t.Errorf("%s: saved the keys %x, want %x; %+v", name, saved, want, report)
		}
	}
}

// TestDisguisedChain tries values that hold several of them, one after the other, and one
// that holds the metadata of what comes before it.
func TestDisguisedChain(t *testing.T) {
	j := newLedger()
	j.put(1, []byte("before"))
	inner := newLedger()
	inner.data = slices.Clone(j.data) // so that offsets fit
	for i := range 5 {
		inner.put(600+uint64(i), []byte("forged"))
	}
	j.put(2, append(slices.Clone(inner.data[j.size()+padding(j.size()):]), "and more"...))
	j.put(3, []byte("after"))
	// A value whose beginning ends an entry that would reach over those before it.
	first := j.entries[0].tail
	begin := j.size() + padding(j.size())
	reach := append(slices.Clone(j.data[first+padding(first):]), make([]byte, begin-j.size())...)
	j.put(4, append(appendMetadata(nil, metadata{667, first, Checksum(reach)}), "and more"...))
	j.put(5, []byte("the last"))
	for name, data := range map[string][]byte{"whole": j.data, "torn": j.torn()} {
		out, _, err := recoverBytes(t, data)
		if err != nil || string(out) != string(j.data) {
			t.Errorf("%s: %d bytes saved, want %d; %v", name, len(out), len(j.data), err)
		}
	}
}
