package drive

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
// size of the file after the entry. When Write returns the value is visible to
// reads, and durable against a power loss as Options.Sync says. Neither slice is
// kept.
//
// Errors, here and in all writing methods: ErrEmptyValue, ErrNullValue,
// ErrTooLarge, ErrReadOnly and ErrClosed leave the store as it was before the
// call. A *FailedError means that the file could not be written or synced: the
// call had no effect that reads show, and the store takes no more writes.
func (s *Store) Write(key, value []byte) (int64, error) { return s.WriteHash(KeyHash(key), value) }

// WriteHash is Write for the KeyHash of a key.
func (s *Store) WriteHash(hash uint64, value []byte) (int64, error) {
	if err := checkValue(value); err != nil {
		return 0, err
	}
	sum := Checksum(value) // before the lock: others may write meanwhile
	if s.group != nil {
		return s.group.do(&valueOperation{hash, value, sum})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.single = valueOperation{hash, value, sum} // in the store, where it costs no allocation
	tail, err := s.commitLocked(&s.single)
	s.single = valueOperation{}
	return tail, err
}

// WriteBatch stores all items, in their order, with few system calls, and returns
// the tail after the last one, or the current tail if there are none. A key that
// occurs twice is stored twice; the last one wins. If one item is refused nothing
// is written.
//
// A batch is found whole or not at all after the process is killed; with
// SyncAlways after a power loss too, which takes two syncs unless the batch fits
// one sector of 512 bytes. Readers see its entries appear one after another.
func (s *Store) WriteBatch(items []Item) (int64, error) { return writeBatch(s, items) }

// WriteBatchHash is WriteBatch for hashes of keys.
func (s *Store) WriteBatchHash(items []HashedItem) (int64, error) { return writeBatch(s, items) }

func writeBatch[T batchItem](s *Store, items []T) (int64, error) {
	op := itemsOperation[T]{items: items}
	for i := range items {
		v := items[i].value()
		if err := checkValue(v); err != nil {
			return 0, err
		}
		op.total += int64(len(v))
	}
	return s.commit(&op)
}

// Delete removes key and returns the new tail. If there is no such key nothing is
// written, and the current tail is returned.
func (s *Store) Delete(key []byte) (int64, error) { return s.DeleteHash(KeyHash(key)) }

// DeleteHash is Delete for the KeyHash of a key.
func (s *Store) DeleteHash(hash uint64) (int64, error) {
	return s.commit(&deleteOperation{1, func(int) uint64 { return hash }})
}

// DeleteBatch removes all keys that are there, with one write, and returns the new
// tail. A key that is listed twice gets two tombstones, as in the original. Like
// WriteBatch it is done as a whole or not at all.
func (s *Store) DeleteBatch(keys [][]byte) (int64, error) {
	return s.commit(&deleteOperation{len(keys), func(i int) uint64 { return KeyHash(keys[i]) }})
}

// DeleteBatchHash is DeleteBatch for hashes of keys.
func (s *Store) DeleteBatchHash(hashes []uint64) (int64, error) {
	return s.commit(&deleteOperation{len(hashes), func(i int) uint64 { return hashes[i] }})
}
