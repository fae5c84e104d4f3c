package drive

import "slices"

// Item is a key with its value, for WriteBatch.
type Item struct{ Key, Value []byte }

// HashedItem is the KeyHash of a key with a value, for WriteBatchHash.
type HashedItem struct {
	Hash  uint64
	Value []byte
}

func (i Item) hash() uint64        { return KeyHash(i.Key) }
func (i Item) value() []byte       { return i.Value }
func (i HashedItem) hash() uint64  { return i.Hash }
func (i HashedItem) value() []byte { return i.Value }

// batchItem is what can be written in a batch.
type batchItem interface {
	hash() uint64
	value() []byte
}

// checkValue refuses the values that the format cannot hold.
func checkValue(value []byte) error {
	if len(value) == 0 {
		return ErrEmptyValue
	}
	if len(value) == 1 && value[0] == tombstoneByte {
		return ErrNullValue
	}
	return nil
}

// Write stores value under key, which may be empty, and returns the new tail: the
// size of the file after the entry. The value is visible to reads when Write
// returns, and durable against a power loss after Sync. Neither slice is kept.
//
// Errors, here and in all writing methods, leave the store as it was before the
// call: ErrEmptyValue, ErrNullValue, ErrTooLarge, ErrReadOnly, ErrClosed,
// ErrFailed, or what the file system reported.
func (s *Store) Write(key, value []byte) (int64, error) { return s.WriteHash(KeyHash(key), value) }

// WriteHash is Write for the KeyHash of a key.
func (s *Store) WriteHash(hash uint64, value []byte) (int64, error) {
	if err := checkValue(value); err != nil {
		return 0, err
	}
	sum := Checksum(value) // before the lock: others may write meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeLocked(hash, value, sum)
}

// writeLocked appends one value that has been checked. s.mu must be held.
func (s *Store) writeLocked(hash uint64, value []byte, sum uint32) (int64, error) {
	g, err := s.writableLocked()
	if err != nil {
		return 0, err
	}
	end, ok := valueTail(g.tail.Load(), int64(len(value)))
	if !ok {
		return 0, ErrTooLarge
	}
	if err := g.makeRoom(end); err != nil {
		return 0, err
	}
	b := &s.batch
	b.start(g, end-g.tail.Load(), false)
	return s.commitLocked(b.value(hash, value, sum))
}

// WriteBatch stores all items, in their order, with few system calls, and returns
// the tail after the last one, or the current tail if there are none. A key that
// occurs twice is stored twice; the last one wins. If one item is refused nothing
// is written. When the process is killed in the middle, a batch is found whole or
// not at all; readers see its entries appear one after another.
func (s *Store) WriteBatch(items []Item) (int64, error) { return writeBatch(s, items) }

// WriteBatchHash is WriteBatch for hashes of keys.
func (s *Store) WriteBatchHash(items []HashedItem) (int64, error) { return writeBatch(s, items) }

func writeBatch[T batchItem](s *Store, items []T) (int64, error) {
	for i := range items {
		if err := checkValue(items[i].value()); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.writableLocked()
	if err != nil {
		return 0, err
	}
	end := g.tail.Load()
	for i := range items {
		var ok bool
		if end, ok = valueTail(end, int64(len(items[i].value()))); !ok {
			return 0, ErrTooLarge
		}
	}
	if err := g.makeRoom(end); err != nil {
		return 0, err
	}
	b := &s.batch
	b.start(g, end-g.tail.Load(), len(items) > 1)
	for i := range items {
		v := items[i].value()
		if err = b.value(items[i].hash(), v, Checksum(v)); err != nil {
			break
		}
	}
	return s.commitLocked(err)
}

// Delete removes key and returns the new tail. If there is no such key nothing is
// written, and the current tail is returned.
func (s *Store) Delete(key []byte) (int64, error) { return s.DeleteHash(KeyHash(key)) }

// DeleteHash is Delete for the KeyHash of a key.
func (s *Store) DeleteHash(hash uint64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteLocked(1, func(int) uint64 { return hash })
}

// DeleteBatch removes all keys that are there, with one write, and returns the new
// tail. A key that is listed twice gets two tombstones, as in the original.
func (s *Store) DeleteBatch(keys [][]byte) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteLocked(len(keys), func(i int) uint64 { return KeyHash(keys[i]) })
}

// DeleteBatchHash is DeleteBatch for hashes of keys.
func (s *Store) DeleteBatchHash(hashes []uint64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deleteLocked(len(hashes), func(i int) uint64 { return hashes[i] })
}

// deleteLocked appends a tombstone for each of n hashes that is there at the
// start. s.mu must be held.
func (s *Store) deleteLocked(n int, hash func(i int) uint64) (int64, error) {
	g, err := s.writableLocked()
	if err != nil {
		return 0, err
	}
	tail := g.tail.Load()
	if int64(n) > (maxOffset-tail)/tombstoneSize {
		return 0, ErrTooLarge
	}
	if err := g.makeRoom(tail + int64(n)*tombstoneSize); err != nil {
		return 0, err
	}
	b := &s.batch
	b.start(g, 0, false)
	for i := range n {
		h := hash(i)
		if g.index.get(h) == 0 {
			continue
		}
		if err = b.tombstone(h); err != nil {
			break
		}
	}
	return s.commitLocked(err)
}

// makeRoom sees to it that what is written before end can be read.
func (g *generation) makeRoom(end int64) error {
	if !g.pastEnd {
		return nil // the first reader of the new bytes maps them
	}
	_, err := g.cover(end)
	return err
}

// commitLocked writes and publishes the batch, unless making it has failed, and
// returns the new tail. On any error the file is as it was before. s.mu must be
// held.
func (s *Store) commitLocked(err error) (int64, error) {
	b := &s.batch
	defer b.release()
	if err == nil {
		err = b.finish()
	}
	if err != nil && !b.dirty {
		return 0, err
	}
	if err != nil {
		return 0, s.rollBackLocked(b.g, err)
	}
	if len(b.changes) > 0 {
		s.publishLocked(b.g, b.end, b.changes, &b.counts)
	}
	return b.end, nil
}

// publishLocked makes entries visible that are in the file: the index first, then
// the tail, so that an iteration, which begins at the tail, never meets an entry
// that the index does not know yet. s.mu must be held.
func (s *Store) publishLocked(g *generation, tail int64, changes []change, added *counts) {
	s.countsMu.Lock()
	defer s.countsMu.Unlock()
	for group := range slices.Chunk(changes, scanGroup) {
		g.index.touchAll(group)
		for _, c := range group {
			g.apply(c, added)
		}
	}
	g.index.settle()
	g.tail.Store(tail)
	s.counts.merge(added)
}

// apply makes one change to the index and counts what becomes live and what no
// longer is.
func (g *generation) apply(c change, added *counts) {
	if old := g.index.set(c.hash, c.loc); old != 0 {
		size, ok := g.sizeAt(old)
		added.dropLive(size)
		added.unknown = added.unknown || !ok
	}
	if c.loc != 0 {
		size, ok := g.sizeAt(c.loc)
		added.addLive(size)
		added.unknown = added.unknown || !ok
	}
}
