package drive

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
	// tornWrite is the page within which one write is taken to be whole or absent when the process is killed in
	// it: the system looks for signals between pages.
	tornWrite = 4 << 10
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

// batch is a number of entries on their way into the file: they are encoded one
// after another, written together, and then published. It belongs to the writer;
// its memory is used again.
//
// A batch of some size is made whole or absent, even if the process is killed in
// the middle of a write: everything behind the first entry is written first, and
// the first entry last. Until then what is written is linked to nothing: its chain
// of previous offsets leads into the gap, and opening finds the entry in the gap
// invalid and cuts the file back to where it ended before.
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

	holdFirst    bool // the first entry is to be written last
	firstHash    uint64
	firstPayload []byte
	firstSum     uint32
	firstHeld    bool
}

// start begins a batch of the given total size at the tail of g.
func (b *batch) start(g *generation, size int64, many bool) {
	tail := g.tail.Load()
	b.g, b.begin, b.end, b.at = g, tail, tail, tail
	b.buf, b.pieces, b.changes = b.buf[:0], b.pieces[:0], b.changes[:0]
	b.counts, b.dirty = counts{}, false
	b.holdFirst, b.firstHeld = many && tail/tornWrite != (tail+size-1)/tornWrite, false
}

// value adds a value. payload must stay as it is until finish.
func (b *batch) value(hash uint64, payload []byte, sum uint32) error {
	pad := padding(b.end)
	start := b.end + pad
	b.changes = append(b.changes, change{hash, locationOf(start, int64(len(payload)))})
	b.counts.add(pad, false)
	if b.holdFirst && !b.firstHeld {
		b.firstHeld = true
		b.firstHash, b.firstPayload, b.firstSum = hash, payload, sum
		b.end = start + int64(len(payload)) + metadataSize
		b.at = b.end
		return nil
	}
	b.encode(b.end, hash, payload, sum)
	b.end = start + int64(len(payload)) + metadataSize
	if len(b.buf) >= flushBytes || len(b.pieces) >= flushPieces {
		return b.flush()
	}
	return nil
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

// tombstone adds a tombstone. Batches of tombstones are not held back: any part
// of them is a valid file. (The original writes them one by one.)
func (b *batch) tombstone(hash uint64) error {
	b.buf = appendTombstone(b.buf, b.end, hash)
	b.changes = append(b.changes, change{hash, 0})
	b.counts.add(0, true)
	b.end += tombstoneSize
	if len(b.buf) >= flushBytes {
		return b.flush()
	}
	return nil
}

// flush writes what is buffered.
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
	return err
}

// finish writes what is left, the held entry last.
func (b *batch) finish() error {
	if err := b.flush(); err != nil {
		return err
	}
	if !b.firstHeld {
		return nil
	}
	b.firstHeld = false
	b.at = b.begin
	b.encode(b.begin, b.firstHash, b.firstPayload, b.firstSum)
	b.firstPayload = nil
	return b.flush()
}

// release lets go of the caller's memory and of buffers that have grown large.
func (b *batch) release() {
	b.g, b.firstPayload = nil, nil
	clear(b.pieces[:cap(b.pieces)])
	if cap(b.buf) > keepBuffer {
		b.buf = nil
	}
	if cap(b.changes) > keepChanges {
		b.changes = nil
	}
}
