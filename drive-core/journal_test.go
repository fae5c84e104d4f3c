package drive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A journal is the history of a drive as those who write to it tell it to another
// process, before each operation and after it. What a kill leaves, and what readers
// see, is compared with it.

const (
	// journalWorkers is how many goroutines write to a drive, each to keys of its own.
	journalWorkers = 4
	// journalKeys is how many keys each of them has.
	journalKeys = 24
)

// The kinds of events of a journal. Those up to opRename announce an operation.
const (
	opWrite   = "write"
	opBatch   = "batch"
	opDelete  = "delete"
	opDeletes = "deletes"
	opStream  = "stream"  // from a reader that may stall: spooled when it is long
	opDirect  = "direct"  // from a reader in memory
	opRename  = "rename"  // of the first key to the second
	opAck     = "ack"     // the operation has returned; Note is what it refused
	opReady   = "ready"   // the drive is open
	opSwapped = "swapped" // a compaction has returned
)

// keyName is the key with a number.
func keyName(key int) []byte { return fmt.Appendf(nil, "key-%d", key) }

// workerOf is who writes to a key.
func workerOf(key int) int { return key / journalKeys }

// value names the contents of a value by what they are made from: the key and the
// number of the operation that wrote it. The zero value is that of a key that is not
// there.
type value struct {
	key  int
	seq  uint64
	size int
}

// zeroEvery is of how many values one is nothing but zeros, like what a torn file
// is filled with.
const zeroEvery = 16

// reader returns a reader of the contents, of a type that the engine does not know.
func (v value) reader() *valueReader { return &valueReader{v: v} }

// bytes returns the contents.
func (v value) bytes() []byte {
	b := make([]byte, v.size)
	_, _ = io.ReadFull(v.reader(), b) // it has so many
	return b
}

// is compares the contents with what was found; nil for nothing.
func (v value) is(found []byte) bool {
	if len(found) != v.size {
		return false
	}
	r := v.reader()
	for len(found) > 0 {
		r.fill()
		n := min(len(found), len(r.block))
		if !bytes.Equal(found[:n], r.block[:n]) {
			return false
		}
		found = found[n:]
	}
	return true
}

// valueReader makes the contents of a value, block by block.
type valueReader struct {
	v     value
	off   int
	n     uint64 // of words made
	block [512]byte
	rest  []byte // of block
}

// fill makes the next block.
func (r *valueReader) fill() {
	if r.v.seq%zeroEvery == 1 && r.v.size > 1 {
		return
	}
	seed := r.v.seq*0x9E3779B97F4A7C15 ^ uint64(r.v.key)<<40
	for i := 0; i < len(r.block); i += 8 {
		r.n++
		x := seed + r.n*0xBF58476D1CE4E5B9
		x = (x ^ x>>30) * 0x94D049BB133111EB
		binary.LittleEndian.PutUint64(r.block[i:], x^x>>31)
	}
	if r.v.size == 1 {
		r.block[0] |= 1 // a single zero cannot be stored
	}
}

// Read implements io.Reader.
func (r *valueReader) Read(p []byte) (n int, err error) {
	for n < len(p) && r.off < r.v.size {
		if len(r.rest) == 0 {
			r.fill()
			r.rest = r.block[:min(len(r.block), r.v.size-r.off)]
		}
		k := copy(p[n:], r.rest)
		r.rest = r.rest[k:]
		r.off += k
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// version is what an operation makes of a key.
type version struct {
	seq uint64
	val value
}

// journal is what the writers have told. Its methods are safe for concurrent use.
type journal struct {
	mu       sync.Mutex
	versions [journalWorkers * journalKeys][]version // oldest first; none: never there
	workers  [journalWorkers]workerState
	acks     int
	swaps    int
	wrong    error
}

// workerState is how far a worker is. It does one operation after another.
type workerState struct {
	issued, acked uint64 // numbers of operations, ascending
	last          event  // the one issued last
	refused       bool   // it is to be refused: there is nothing to rename
}

// note takes in an event.
func (j *journal) note(e event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e.Op {
	case opReady:
	case opSwapped:
		j.swaps++
	case opAck:
		w := &j.workers[e.Worker]
		w.acked = e.Seq
		j.acks++
		if e.Seq != w.issued || (e.Note != "") != w.refused || w.refused && !e.is("not found") {
			j.wrong = errors.Join(j.wrong, fmt.Errorf("worker %d: %+v after %+v", e.Worker, e, w.last))
		}
	default:
		j.issue(e)
	}
}

// issue notes that an operation begins. j.mu must be held.
func (j *journal) issue(e event) {
	w := &j.workers[e.Worker]
	w.issued, w.last, w.refused = e.Seq, e, false
	switch e.Op {
	case opDelete, opDeletes:
		for _, key := range e.Keys {
			j.set(key, e.Seq, value{})
		}
	case opRename:
		from, to := e.Keys[0], e.Keys[1]
		v := j.newest(from)
		if w.refused = v == (value{}); w.refused {
			return
		}
		j.set(from, e.Seq, value{})
		j.set(to, e.Seq, v)
	default:
		for i, key := range e.Keys {
			j.set(key, e.Seq, value{key, e.Seq, e.Sizes[i]})
		}
	}
}

// set notes what an operation makes of a key; a batch may do it twice. j.mu must be
// held.
func (j *journal) set(key int, seq uint64, v value) {
	j.versions[key] = append(j.versions[key], version{seq, v})
}

// newest returns what a key has after everything that was issued. j.mu must be held.
func (j *journal) newest(key int) value {
	list := j.versions[key]
	if len(list) == 0 {
		return value{}
	}
	return list[len(list)-1].val
}

// at returns what a key has after the operation seq of its worker. j.mu must be
// held.
func (j *journal) at(key int, seq uint64) value {
	var v value
	for _, ver := range j.versions[key] {
		if ver.seq > seq {
			break
		}
		v = ver.val
	}
	return v
}

// outcome is what became of the last operation of a worker that was killed.
type outcome struct {
	op   string // empty when it had returned
	kept bool   // it took effect
}

// compare compares a drive whose writers are dead with the journal: all that was
// acknowledged must be there, and the last operation of each worker whole or not at
// all. read returns the value of a key, nil for none. live is how many keys there
// should be.
func (j *journal) compare(read func(key int) ([]byte, error)) (outcomes []outcome, live int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err = j.wrong
	for w := range j.workers {
		o, n, e := j.compareWorker(w, read)
		outcomes = append(outcomes, o)
		live += n
		err = errors.Join(err, e)
	}
	return outcomes, live, err
}

// compareWorker is compare for the keys of one worker. j.mu must be held.
func (j *journal) compareWorker(w int, read func(key int) ([]byte, error)) (o outcome, live int, err error) {
	s := j.workers[w]
	pending := s.issued > s.acked
	var kept, dropped []int // keys that the pending operation changed, and seems not to have
	for key := w * journalKeys; key < (w+1)*journalKeys; key++ {
		got, readErr := read(key)
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("key %d: %w", key, readErr))
			continue
		}
		if got != nil {
			live++
		}
		before, after := j.at(key, s.acked), j.at(key, s.issued)
		switch {
		case before.is(got) && after.is(got): // unchanged, or by chance the same
		case before.is(got):
			dropped = append(dropped, key)
		case after.is(got):
			kept = append(kept, key)
		default:
			err = errors.Join(err, fmt.Errorf("key %d: %d bytes, want %+v, or after %+v (acknowledged: %v) %+v; all: %+v",
				key, len(got), before, s.last, !pending, after, j.versions[key]))
		}
	}
	if len(kept) > 0 && len(dropped) > 0 {
		err = errors.Join(err, fmt.Errorf("torn: %+v: keys %v have changed, %v have not", s.last, kept, dropped))
	}
	if pending {
		o = outcome{s.last.Op, len(kept) > 0}
	}
	return o, live, err
}

// settle makes outcomes of compare what was acknowledged, and forgets the past.
func (j *journal) settle(outcomes []outcome) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for w, o := range outcomes {
		s := &j.workers[w]
		upTo := s.acked
		if o.op == "" || o.kept {
			upTo = s.issued
		}
		for key := w * journalKeys; key < (w+1)*journalKeys; key++ {
			v := j.at(key, upTo)
			j.versions[key] = nil
			if v != (value{}) {
				j.versions[key] = []version{{seq: 0, val: v}}
			}
		}
		*s = workerState{issued: s.issued, acked: s.issued}
	}
}

// progress returns the last operation of each worker that was acknowledged.
func (j *journal) progress() (acked [journalWorkers]uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for w := range j.workers {
		acked[w] = j.workers[w].acked
	}
	return acked
}
