package drive

import (
	"errors"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// gatherMin is the size from which a value is written from the caller's slice instead of through the buffer.
	gatherMin = 64 << 10
	// flushBytes is how much is buffered before it is written.
	flushBytes = 4 << 20
	// flushPieces is how many pieces of a gathering write are collected at most.
	flushPieces = 512
	// keepBuffer is the largest buffer kept between writes.
	keepBuffer = 4 << 20
	// keepChanges is the longest list of changes kept between writes.
	keepChanges = 64 << 10
	// killUnit is the page within which one write is whole or absent when the process is killed in it: the
	// system looks for signals between pages.
	killUnit = 4 << 10
	// powerUnit is the sector within which one write is whole or absent when the power is lost.
	powerUnit = 512
)

// change is what one entry does to the index. A location of 0 is a tombstone.
type change struct {
	hash uint64
	loc  location
}

// inPlace is a payload to be written from where it is, between buf[:at] and buf[at:].
type inPlace struct {
	at      int
	payload []byte
}

// sealSize is the end of an entry's metadata, from the previous offset on: all of an
// entry that its other bytes tell beforehand.
const sealSize = metadataSize - 8

// seal is what closes the chain of a batch, when it is to be written last.
type seal struct {
	at    int64
	bytes [sealSize]byte
}

// batch is a number of entries on their way into the file: they are encoded one
// after another, written together, and then published. It belongs to the writer;
// its memory is used again.
//
// A batch that holds its seal is whole or absent whatever happens: the previous
// offset and the checksum of its first entry are written last, after all the rest.
// Until then what is written is linked to nothing: its chain of previous offsets
// leads to an entry that is none, and opening cuts the file back to where it ended
// before. The seal may be torn: whatever part of it is written, it is the seal, or
// contradicts the entry. (The key hash, which nothing contradicts, is no part of it.)
type batch struct {
	g     *generation
	begin int64 // the tail before the batch
	end   int64 // the tail after the entries so far
	at    int64 // where in the file buf begins

	buf     []byte
	pieces  []inPlace
	vec     [][]byte // scratch for writing
	changes []change
	counts  counts
	dirty   bool // something was, perhaps, written behind the tail

	hold bool // the seal is written last
	seal seal

	// What the operations before the present one do to the index, for those that ask: several operations may
	// share a batch.
	before  int // changes of operations before
	noted   int // of these, in overlay
	overlay map[uint64]location
}

// start begins a batch at the tail of g.
func (b *batch) start(g *generation) {
	tail := g.tail.Load()
	b.g, b.begin, b.end, b.at = g, tail, tail, tail
	b.buf, b.pieces, b.changes = b.buf[:0], b.pieces[:0], b.changes[:0]
	b.counts, b.dirty = counts{}, false
	b.hold = false
	b.before, b.noted = 0, 0
	clear(b.overlay)
}

// nextOperation tells the batch that entries of another operation follow.
func (b *batch) nextOperation() { b.before = len(b.changes) }

// current returns where the value of hash is, or will be, after the operations
// before the present one; 0 for nowhere. pending tells that one of them changed it.
func (b *batch) current(hash uint64) (loc location, pending bool) {
	if b.before > b.noted && b.overlay == nil {
		b.overlay = make(map[uint64]location)
	}
	for _, c := range b.changes[b.noted:b.before] {
		b.overlay[c.hash] = c.loc
	}
	b.noted = b.before
	if loc, ok := b.overlay[hash]; ok {
		return loc, true
	}
	return b.g.index.get(hash), false
}

// value adds a value. payload must stay as it is until finish.
func (b *batch) value(hash uint64, payload []byte, sum uint32) error {
	begin := b.place(hash, int64(len(payload)))
	b.encode(begin, hash, payload, sum)
	b.withhold(begin)
	return b.flushFull()
}

// unsummed adds a value whose checksum is not known yet. payload must stay as it is
// until finish.
func (b *batch) unsummed(hash uint64, payload []byte) error {
	if len(payload) >= gatherMin {
		return b.value(hash, payload, Checksum(payload))
	}
	begin := b.place(hash, int64(len(payload)))
	b.buf = appendUnsummed(b.buf, begin, hash, payload)
	b.withhold(begin)
	return b.flushFull()
}

// place makes room for a value of size bytes behind the entries so far, and returns
// where its entry begins.
func (b *batch) place(hash uint64, size int64) (begin int64) {
	begin = b.end
	pad := padding(begin)
	b.changes = append(b.changes, change{hash, locationOf(begin+pad, size)})
	b.counts.add(pad, false)
	b.end = begin + pad + size + metadataSize
	return begin
}

// tombstone adds a tombstone.
func (b *batch) tombstone(hash uint64) error {
	b.changes = append(b.changes, change{hash, 0})
	b.counts.add(0, true)
	begin := b.end
	b.end += tombstoneSize
	b.buf = appendTombstone(b.buf, begin, hash)
	b.withhold(begin)
	return b.flushFull()
}

// withhold takes the seal out of the entry that began at begin and has just been
// encoded, if it is the first of a batch that holds it.
func (b *batch) withhold(begin int64) {
	if !b.hold || begin != b.begin {
		return
	}
	end := b.buf[len(b.buf)-sealSize:]
	b.seal.at = b.end - sealSize
	copy(b.seal.bytes[:], end)
	clear(end)
}

// encode puts a value that begins at tail into the buffer.
func (b *batch) encode(tail int64, hash uint64, payload []byte, sum uint32) {
	if len(payload) < gatherMin {
		b.buf = appendValue(b.buf, tail, hash, payload, sum)
		return
	}
	b.buf = append(b.buf, zeroPad[:padding(tail)]...)
	b.pieces = append(b.pieces, inPlace{len(b.buf), payload})
	b.buf = appendMetadata(b.buf, metadata{keyHash: hash, prevOffset: tail, checksum: sum})
}

// flushFull writes what is buffered when it is worth it.
func (b *batch) flushFull() error {
	if len(b.buf) >= flushBytes || len(b.pieces) >= flushPieces {
		return b.flush()
	}
	return nil
}

// flush writes what is buffered. An error is a *FailedError.
func (b *batch) flush() error {
	if len(b.buf) == 0 {
		return nil
	}
	b.dirty = true
	var n int64
	var err error
	switch {
	case len(b.pieces) == 0:
		var k int
		k, err = b.g.file.WriteAt(b.buf, b.at)
		n = int64(k)
	default:
		b.vec = b.vec[:0]
		from := 0
		for _, p := range b.pieces {
			if p.at > from {
				b.vec = append(b.vec, b.buf[from:p.at])
			}
			b.vec = append(b.vec, p.payload)
			from = p.at
		}
		b.vec = append(b.vec, b.buf[from:])
		n, err = b.g.file.WriteVec(b.vec, b.at)
		clear(b.vec)    // the payloads are the caller's
		clear(b.pieces) // likewise
	}
	b.at += n
	b.buf, b.pieces = b.buf[:0], b.pieces[:0]
	switch {
	case errors.Is(err, vfs.ErrFault): // mapped memory of a file that was cut; nothing is wrong with this one
		return errValueFault
	case err != nil:
		return &FailedError{Op: failedWrite, Err: err}
	}
	return nil
}

// errValueFault means that the memory of a value could not be read.
var errValueFault = &CorruptError{Reason: "the memory of a value that was to be written cannot be read; was its file cut short?"}

// finish writes what is left, the seal last. Before that it calls settle,
// unless nil, which brings what is written so far onto stable storage.
func (b *batch) finish(settle func() error) error {
	if err := b.flush(); err != nil {
		return err
	}
	if !b.hold || b.end == b.begin {
		return nil
	}
	if settle != nil && len(b.changes) > 1 {
		if err := settle(); err != nil {
			return err
		}
	}
	b.at = b.seal.at
	b.buf = append(b.buf, b.seal.bytes[:]...)
	return b.flush()
}

// release lets go of the caller's memory and of buffers that have grown large.
func (b *batch) release() {
	b.g = nil
	clear(b.pieces[:cap(b.pieces)])
	if cap(b.buf) > keepBuffer {
		b.buf = nil
	}
	if cap(b.changes) > keepChanges {
		b.changes = nil
	}
	if len(b.overlay) > keepChanges {
		b.overlay = nil
	}
}
