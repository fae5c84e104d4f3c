package stores

import (
	"errors"

	"github.com/dgraph-io/badger/v4"
)

var badgerKind = Kind{
	Name: "badger", Module: "github.com/dgraph-io/badger/v4",
	Settings:   "defaults, SyncWrites as the case says; a transaction for each call, WriteBatch for batches",
	More:       "scans in the order of keys, transactions that read and write, versions, expiry, compression, encryption, keys themselves",
	Durability: []Durability{Never, EveryCommit},
	open: func(dir string, o Options) (Store, error) {
		db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil).WithSyncWrites(o.Durability == EveryCommit))
		if err != nil {
			return nil, err
		}
		return &badgerStore{db}, nil
	},
}

type badgerStore struct{ db *badger.DB }

func (b *badgerStore) Put(key, value []byte) error {
	return b.db.Update(func(txn *badger.Txn) error { return txn.Set(key, value) })
}

// PutMany copies, because a WriteBatch keeps what it is given until it is
// flushed, and longer.
func (b *badgerStore) PutMany(items []Item) error {
	batch := b.db.NewWriteBatch()
	defer batch.Cancel()
	for _, i := range items {
		if err := batch.Set(append([]byte(nil), i.Key...), append([]byte(nil), i.Value...)); err != nil {
			return err
		}
	}
	return batch.Flush()
}

func (b *badgerStore) Get(key []byte, look func([]byte)) error {
	return b.db.View(func(txn *badger.Txn) error { return badgerGet(txn, key, look) })
}

func badgerGet(txn *badger.Txn, key []byte, look func([]byte)) error {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return ErrMissing
	}
	if err != nil {
		return err
	}
	return badgerLook(item, look)
}

func badgerLook(item *badger.Item, look func([]byte)) error {
	return item.Value(func(value []byte) error {
		look(value)
		return nil
	})
}

func (b *badgerStore) GetMany(keys [][]byte, look func([]byte)) error {
	return b.db.View(func(txn *badger.Txn) error {
		for _, key := range keys {
			if err := badgerGet(txn, key, look); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *badgerStore) DeleteMany(keys [][]byte) error {
	batch := b.db.NewWriteBatch()
	defer batch.Cancel()
	for _, key := range keys {
		if err := batch.Delete(append([]byte(nil), key...)); err != nil {
			return err
		}
	}
	return batch.Flush()
}

func (b *badgerStore) Each(look func([]byte)) error {
	return b.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := badgerLook(it.Item(), look); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *badgerStore) Close() error { return b.db.Close() }
