package drive

import "errors"

// operation is a change of the drive by one call. Several may share a batch.
type operation interface {
	// plan finds out whether the operation can be done after the entries that b has so far, and where its
	// entries will end at most. It has no effect; what it refuses, it refuses here. errNextBatch means that
	// the operation needs those entries to be in the file first.
	plan(b *batch) (end int64, err error)
	// add puts the entries of a planned operation into b. It fails only where the file cannot be written, or
	// the memory of a value cannot be read.
	add(b *batch) error
	// atomic tells whether there may be several entries, to be kept or lost together.
	atomic() bool
	// size is about how many bytes the operation writes.
	size() int64
}

// errNextBatch asks for a batch of its own.
var errNextBatch = errors.New("drive: the operation needs what the batch before it writes")

// valueOperation writes one value, which has been checked.
type valueOperation struct {
	hash  uint64
	value []byte
	sum   uint32
}

func (o *valueOperation) plan(b *batch) (int64, error) {
	return planValue(b.end, int64(len(o.value)))
}
func (o *valueOperation) add(b *batch) error { return b.value(o.hash, o.value, o.sum) }
func (o *valueOperation) atomic() bool       { return false }
func (o *valueOperation) size() int64        { return int64(len(o.value)) }

// planValue is valueTail with an error.
func planValue(tail, size int64) (int64, error) {
	end, ok := valueTail(tail, size)
	if !ok {
		return 0, ErrTooLarge
	}
	return end, nil
}

// itemsOperation writes several values, which have been checked.
type itemsOperation[T batchItem] struct {
	items []T
	total int64 // bytes of the values
}

func (o *itemsOperation[T]) plan(b *batch) (end int64, err error) {
	end = b.end
	for i := range o.items {
		if end, err = planValue(end, int64(len(o.items[i].value()))); err != nil {
			return 0, err
		}
	}
	return end, nil
}

func (o *itemsOperation[T]) add(b *batch) error {
	for i := range o.items {
		if err := b.unsummed(o.items[i].hash(), o.items[i].value()); err != nil {
			return err
		}
	}
	return nil
}

func (o *itemsOperation[T]) atomic() bool { return len(o.items) > 1 }
func (o *itemsOperation[T]) size() int64  { return o.total }

// deleteOperation writes a tombstone for each of n hashes that is there when it
// begins.
type deleteOperation struct {
	n    int
	hash func(i int) uint64
}

func (o *deleteOperation) plan(b *batch) (int64, error) {
	if int64(o.n) > (maxOffset-b.end)/tombstoneSize {
		return 0, ErrTooLarge
	}
	return b.end + o.size(), nil
}

func (o *deleteOperation) add(b *batch) error {
	var hashes [readGroup]uint64
	for first := 0; first < o.n; first += readGroup {
		group := hashes[:min(readGroup, o.n-first)]
		for i := range group {
			group[i] = o.hash(first + i)
		}
		b.g.index.touchHashes(group)
		for _, h := range group {
			if loc, _ := b.current(h); loc == 0 {
				continue
			}
			if err := b.tombstone(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *deleteOperation) atomic() bool { return o.n > 1 }
func (o *deleteOperation) size() int64  { return int64(o.n) * tombstoneSize }

// deleteIfStill deletes hash unless it has another value than seen by now, which it
// then finds.
type deleteIfStill struct {
	hash  uint64
	seen  Entry
	newer Entry // the other value
}

func (o *deleteIfStill) plan(b *batch) (int64, error) {
	now, pending := b.current(o.hash)
	if pending {
		return 0, errNextBatch
	}
	if now != 0 && (now != o.seen.loc || b.g.number != o.seen.m.file) {
		newer, err := b.g.entry(now)
		o.newer = newer
		return b.end, err
	}
	return (&deleteOperation{n: 1}).plan(b)
}

func (o *deleteIfStill) add(b *batch) error {
	if now, _ := b.current(o.hash); now == 0 || !o.newer.IsZero() {
		return nil
	}
	return b.tombstone(o.hash)
}

func (o *deleteIfStill) atomic() bool { return false }
func (o *deleteIfStill) size() int64  { return tombstoneSize }

// renameOperation writes a value under another hash and deletes the old one. It must
// be kept alive until the batch is written.
type renameOperation struct {
	from, to uint64
	entry    Entry
	sum      uint32
	value    []byte // verified: a copy, or, from gatherMin on, the mapped bytes, which only the system reads
}

func (o *renameOperation) plan(b *batch) (int64, error) {
	loc, pending := b.current(o.from)
	switch {
	case pending:
		return 0, errNextBatch
	case loc == 0:
		return 0, ErrNotFound
	}
	var err error
	if o.entry, err = b.g.entry(loc); err != nil {
		return 0, err
	}
	err = o.entry.m.guard(func() error {
		o.sum = o.entry.Checksum()
		if o.entry.Size() < gatherMin {
			o.value, err = o.entry.appendVerified(nil)
			return err
		}
		o.value = o.entry.Bytes()
		return o.entry.verify()
	})
	if err != nil {
		return 0, err
	}
	end, err := planValue(b.end, int64(len(o.value)))
	if err == nil && end > maxOffset-tombstoneSize {
		err = ErrTooLarge
	}
	return end + tombstoneSize, err
}

func (o *renameOperation) add(b *batch) error {
	if err := b.value(o.to, o.value, o.sum); err != nil {
		return err
	}
	return b.tombstone(o.from)
}

func (o *renameOperation) atomic() bool { return true }
func (o *renameOperation) size() int64  { return gatherMin }
