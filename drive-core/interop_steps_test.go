//go:build interop

package drive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"

	"github.com/simd-drive/go/drive-core"
)

// step is one call that the original's program can make.
type step struct {
	verb  string
	key   string
	to    string // the new key of rename
	value []byte // of write and stream
}

// verbs are those of step, the frequent ones several times.
var verbs = []string{"write", "write", "stream", "stream", "stream", "delete", "delete", "rename", "copy", "move", "compact"}

// zeroOnly reports whether a value consists of zero bytes.
func zeroOnly(v []byte) bool { return len(v) > 0 && len(bytes.Trim(v, "\x00")) == 0 }

// step picks a call that the original masters: it cannot stream values of zeros only,
// and so neither rename, copy, move nor compact them (B7; what it leaves then can
// hide the whole drive, B3).
func (w *workload) step() step {
	for {
		s := step{verb: verbs[w.rng.IntN(len(verbs))], key: w.key()}
		switch s.verb {
		case "write":
			s.value = []byte(w.text(min(w.size(), maxArgumentValue)))
		case "stream":
			s.value = w.value()
			if zeroOnly(s.value) {
				continue
			}
		case "rename":
			if s.to = w.key(); zeroOnly(w.live[s.key]) {
				continue
			}
		case "copy", "move":
			if v, ok := w.live[s.key]; !ok {
				s.key = "absent"
			} else if zeroOnly(v) {
				continue
			}
		case "compact":
			if w.hasZeros() {
				continue
			}
		}
		return s
	}
}

func (w *workload) hasZeros() bool {
	for _, v := range w.live {
		if zeroOnly(v) {
			return true
		}
	}
	return false
}

// theirs has the original make n calls. It copies and moves to the drive of other.
// It reports whether it has compacted.
func (w *workload) theirs(n int, other *workload) (compacted bool) {
	w.t.Helper()
	for range n {
		s := w.step()
		w.theirStep(s, other)
		compacted = compacted || s.verb == "compact"
	}
	return compacted
}

// theirStep has the original make one call, whose output and effect are as documented.
func (w *workload) theirStep(s step, other *workload) {
	w.t.Helper()
	o := original{w.t, w.path}
	before := int64(len(w.file(w.path)))
	value, present := w.live[s.key]
	switch s.verb {
	case "write":
		o.write(s.key, string(s.value))
		w.put(s.key, s.value)
	case "stream":
		o.stream(s.key, s.value)
		w.put(s.key, s.value)
	case "delete":
		grown := int64(0)
		if present || w.dead[s.key] { // B1: what was deleted before is deleted again
			grown = tombstoneBytes
		}
		o.remove(s.key)
		w.drop(s.key)
		if size := int64(len(w.file(w.path))); size != before+grown {
			w.t.Fatalf("delete grew the file from %d to %d bytes", before, size)
		}
	case "rename":
		o.rename(s.key, s.to, present)
		if present && s.key != s.to {
			w.drop(s.key)
			w.put(s.to, value)
		}
	case "copy":
		o.transfer("copy", "Copied", s.key, other.path, present)
	case "move":
		o.transfer("move", "Moved", s.key, other.path, present)
		w.drop(s.key)
	case "compact":
		o.compact()
		w.compacted()
	}
	if present && (s.verb == "copy" || s.verb == "move") {
		other.put(s.key, value)
	}
}

// mirror makes the call of a step with our engine, so that the file of the drive at
// path gets the bytes that it gets by the original. w is as it was before the step.
func (w *workload) mirror(s step, path, other string) {
	w.t.Helper()
	if s.verb == "delete" && w.dead[s.key] {
		w.appendTombstone(s.key, path) // B1: our engine knows that there is nothing to delete
		return
	}
	from, err := drive.Open(path, drive.Options{ReserveBytes: 1 << 20})
	w.check(err)
	to, err := drive.Open(other, drive.Options{ReserveBytes: 1 << 20})
	w.check(err)
	key := []byte(s.key)
	switch s.verb {
	case "write":
		_, err = from.Write(key, s.value)
	case "stream":
		_, err = from.WriteFrom(key, bytes.NewReader(s.value))
	case "delete":
		_, err = from.Delete(key)
	case "rename":
		_, err = from.Rename(key, []byte(s.to))
	case "copy":
		_, err = from.CopyTo(key, to)
	case "move":
		_, err = from.MoveTo(key, to)
	case "compact":
		_, err = from.Compact(w.t.Context(), drive.CompactOptions{Order: drive.NewestFirst})
	}
	var want error
	switch _, present := w.live[s.key]; {
	case s.verb == "rename" && s.key == s.to:
		want = drive.ErrSameKey
	case !present && (s.verb == "rename" || s.verb == "copy" || s.verb == "move"):
		want = drive.ErrNotFound
	}
	if !errors.Is(err, want) {
		w.t.Fatalf("our %s: %v, want %v", s.verb, err, want)
	}
	w.check(from.Close())
	w.check(to.Close())
}

// appendTombstone appends the entry of a deletion to a closed drive.
func (w *workload) appendTombstone(key, path string) {
	w.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	w.check(err)
	info, err := f.Stat()
	w.check(err)
	b := binary.LittleEndian.AppendUint64([]byte{0}, drive.KeyHash([]byte(key)))
	b = binary.LittleEndian.AppendUint64(b, uint64(info.Size()))
	_, err = f.Write(binary.LittleEndian.AppendUint32(b, drive.Checksum([]byte{0})))
	w.check(errors.Join(err, f.Close()))
}
