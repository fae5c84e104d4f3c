//go:build unix

package drive

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// Every single bit of a small drive flipped, and every prefix of it, with and without
// the mark of what was synced; and the same of the mark.

// bitFlip is a bit to turn over.
type bitFlip struct {
	at    int64 // byte of the file
	bit   int
	entry int
	field string
}

// flips lists every bit of a file.
func (j *ledger) flips() (all []bitFlip) {
	for i, r := range j.entries {
		end := r.tail - metadataSize
		for at := r.prev; at < r.tail; at++ {
			field := "checksum"
			switch {
			case at < r.start():
				field = "padding"
			case at < end:
				field = "payload"
			case at < end+8:
				field = "hash"
			case at < end+16:
				field = "previous offset"
			}
			for bit := range 8 {
				all = append(all, bitFlip{at, bit, i, field})
			}
		}
	}
	return all
}

// apply returns the file with the bit turned over.
func (f bitFlip) apply(j *ledger) []byte {
	bad := slices.Clone(j.data)
	bad[f.at] ^= 1 << f.bit
	return bad
}

// seen returns the entries as they read after the flip: a hash that was changed is
// another hash, and nothing can tell.
func (f bitFlip) seen(j *ledger, bad []byte) []record {
	entries := slices.Clone(j.entries)
	if f.field == "hash" {
		m, _ := parseMetadata(bad[entries[f.entry].tail-metadataSize:])
		entries[f.entry].hash = m.keyHash
	}
	return entries
}

// expect demands that s, which shows size bytes of the flipped file, reads every key
// whose newest entry is untouched byte for byte, and the touched one so or not at all.
func (f bitFlip) expect(l *laid, j *ledger, s *Store) {
	l.t.Helper()
	entries := f.seen(j, l.data)
	newest := map[uint64]int{}
	for i, r := range entries {
		if r.tail <= s.FileSize() {
			newest[r.hash] = i
		}
	}
	for h, i := range newest {
		r := entries[i]
		v, err := s.GetHash(h)
		exact := err == nil && !r.tombstone && string(v) == r.value || errors.Is(err, ErrNotFound) && r.tombstone
		if !exact && (i != f.entry || !errors.Is(err, ErrCorrupt)) {
			l.errorf("%s: entry %d, tombstone %v, reads %q, %v", f.field, i, r.tombstone, v, err)
		}
	}
	for e, err := range s.Entries(NewestFirst) {
		if err != nil {
			l.errorf("%s: entries: %v", f.field, err)
		} else if _, ok := newest[e.KeyHash()]; !ok {
			l.errorf("%s: key %x from nowhere", f.field, e.KeyHash())
		}
	}
}

// check opens the flipped file in every way. outcome says in a word what came of it.
func (f bitFlip) check(t *testing.T, j *ledger, name string, mark specimenMark) (outcome string) {
	t.Helper()
	l := lay(t, fmt.Sprintf("bit %d of byte %d, %s", f.bit, f.at, name), f.apply(j), mark.bytes)
	defer l.remove()
	if mark.bytes == nil { // it does not look at the mark
		f.recovered(l, j)
	}
	size := int64(-1)
	if s := l.open(Options{ReadOnly: true}); s != nil {
		f.expect(l, j, s)
		size = s.FileSize()
		l.close(s)
	} else if s := l.open(Options{ReadOnly: true, AcceptDamage: true}); s != nil {
		f.expect(l, j, s)
		l.close(s)
	}
	s := l.open(Options{})
	switch {
	case s == nil && size >= 0:
		l.errorf("a reader opens it, a writer does not")
		return ""
	case s == nil:
		return "refused"
	case s.FileSize() != size:
		l.errorf("the reader saw %d bytes, the writer %d", size, s.FileSize())
	}
	f.expect(l, j, s)
	l.nothingLost(size)
	r := j.entries[f.entry]
	last := f.entry == len(j.entries)-1
	outcome = "whole"
	if size < j.size() {
		outcome = "cut"
		if size != r.prev || size < mark.synced || mark.bytes == nil && !last {
			l.errorf("%s: cut to %d, but entry %d of %d is the damaged one, and %d bytes were synced", f.field, size, f.entry, len(j.entries), mark.synced)
		}
	}
	mustWrite(t, s, "afterwards", []byte("written"))
	l.close(s)
	if s, err := openIn(l.fsys, laidPath, Options{ReserveBytes: 1 << 16}); err != nil {
		l.errorf("after a write: %v", err)
	} else {
		f.expect(l, journalOf(append(slices.Clone(j.upTo(size).entries), record{hash: KeyHash([]byte("afterwards")), value: "written"})), s)
		l.close(s)
	}
	return outcome
}

// recovered demands that Recover saves every entry that the flip did not touch, and
// the touched one, too, where its payload and checksum still agree.
func (f bitFlip) recovered(l *laid, j *ledger) {
	l.t.Helper()
	r := newSalvage(l.t.Context(), l.data, RecoverOptions{})
	out, err := l.fsys.Open("/copy", vfs.Exclusive, filePerm)
	if err == nil {
		err = errors.Join(r.find(), r.copyTo(&copyWriter{file: out}), out.Close()) // without Recover's large buffer
	}
	if err != nil {
		l.errorf("recover: %v", err)
		return
	}
	want := f.seen(j, l.data)
	if f.field == "payload" || f.field == "checksum" {
		want = slices.Delete(want, f.entry, f.entry+1)
	}
	if got := l.files()["/copy"]; got != string(journalOf(want).data) {
		l.errorf("%s of entry %d: recover made %d bytes, want %d", f.field, f.entry, len(got), len(journalOf(want).data))
	}
	if err := l.fsys.Remove("/copy"); err != nil {
		l.t.Fatal(err)
	}
}

// may tells which outcomes a flip can have.
func (f bitFlip) may(j *ledger, mark specimenMark) string {
	r, last := j.entries[f.entry], f.entry == len(j.entries)-1
	torn := mark.bytes == nil && last || mark.bytes != nil && r.tail > mark.synced // as if the write had not ended
	switch {
	case f.field == "padding" || f.field == "hash":
		return "whole"
	case torn && f.field != "previous offset":
		return "cut"
	case torn && mark.bytes != nil:
		return "cut"
	case f.field == "previous offset", f.field == "payload" && r.tombstone, last && f.field == "checksum":
		return "refused"
	}
	return "whole"
}

// TestEveryFlippedBit turns over each bit of two small drives, with the mark as
// closing left it, with one that was made earlier, and without.
func TestEveryFlippedBit(t *testing.T) {
	for _, endsIn := range []string{"value", "tombstone"} {
		sp := newSpecimen(t, endsIn)
		for name, mark := range sp.marks {
			t.Run(endsIn+"/"+name, func(t *testing.T) {
				for _, f := range sp.journal.flips() {
					outcome := f.check(t, sp.journal, name, mark)
					if want := f.may(sp.journal, mark); outcome != want {
						t.Errorf("bit %d of byte %d, %s of entry %d: %s, want %s", f.bit, f.at, f.field, f.entry, outcome, want)
					}
				}
			})
		}
	}
}

// TestEveryPrefix cuts the drives at every byte: every entry that is whole is there,
// and what is left of the next one is kept beside the file.
func TestEveryPrefix(t *testing.T) {
	for _, endsIn := range []string{"value", "tombstone"} {
		sp := newSpecimen(t, endsIn)
		for name, mark := range sp.marks {
			t.Run(endsIn+"/"+name, func(t *testing.T) {
				for n := range sp.journal.size() + 1 {
					l := lay(t, fmt.Sprintf("%d bytes, %s", n, name), sp.journal.data[:n], mark.bytes)
					l.opensAs(sp.journal.upTo(n))
					l.remove()
				}
			})
		}
	}
}

// TestEveryDamageOfTheMark turns over each bit of the mark, cuts it at every byte and
// makes it longer: the drive beside it is whole, and opens.
func TestEveryDamageOfTheMark(t *testing.T) {
	sp := newSpecimen(t, "value")
	with := func(name string, mark []byte) {
		l := lay(t, name, sp.journal.data, mark)
		defer l.remove()
		l.opensAs(sp.journal)
	}
	for name, mark := range sp.marks {
		if mark.bytes == nil {
			continue
		}
		for n := range len(mark.bytes) + 1 {
			for bit := range 8 {
				bad := slices.Clone(mark.bytes)
				if n < len(bad) {
					bad[n] ^= 1 << bit
				}
				with(fmt.Sprintf("%s, bit %d of byte %d", name, bit, n), bad)
			}
			with(fmt.Sprintf("%s, %d bytes", name, n), mark.bytes[:n])
		}
		with(name+", longer", append(slices.Clone(mark.bytes), 0))
	}
}
