package stores

import (
	"path/filepath"

	"go.etcd.io/bbolt"
)

// bboltMap is the size of the first mapping, so that growth does not remap.
const bboltMap = 1 << 30

var bboltKind = Kind{
	Name: "bbolt", Module: "go.etcd.io/bbolt",
	Settings: "NoFreelistSync, map freelist, InitialMmapSize 1 GiB; NoSync unless every commit is synced; a transaction for each call, " +
		"DB.Batch where 16 goroutines write",
	More:       "scans in the order of keys, buckets, transactions that read and write, keys themselves",
	Durability: []Durability{Never, EveryCommit},
	open: func(dir string, o Options) (Store, error) {
		db, err := bbolt.Open(filepath.Join(dir, "data.bolt"), 0o600, &bbolt.Options{
			NoSync: o.Durability == Never, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: bboltMap,
		})
		if err != nil {
			return nil, err
		}
		s := &bboltStore{db: db, update: db.Update}
		if o.Writers > 1 {
			s.update = db.Batch
		}
		return s, db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bboltBucket)
			return err
		})
	},
}

var bboltBucket = []byte("b")

type bboltStore struct {
	db     *bbolt.DB
	update func(func(*bbolt.Tx) error) error
}

func (b *bboltStore) Put(key, value []byte) error {
	return b.update(func(tx *bbolt.Tx) error { return tx.Bucket(bboltBucket).Put(key, value) })
}

func (b *bboltStore) PutMany(items []Item) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bboltBucket)
		for _, i := range items {
			if err := bucket.Put(i.Key, i.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bboltStore) Get(key []byte, look func([]byte)) error {
	return b.db.View(func(tx *bbolt.Tx) error { return bboltGet(tx.Bucket(bboltBucket), key, look) })
}

func bboltGet(bucket *bbolt.Bucket, key []byte, look func([]byte)) error {
	value := bucket.Get(key)
	if value == nil {
		return ErrMissing
	}
	look(value)
	return nil
}

func (b *bboltStore) GetMany(keys [][]byte, look func([]byte)) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bboltBucket)
		for _, key := range keys {
			if err := bboltGet(bucket, key, look); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bboltStore) DeleteMany(keys [][]byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bboltBucket)
		for _, key := range keys {
			if err := bucket.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bboltStore) Each(look func([]byte)) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bboltBucket).ForEach(func(_, value []byte) error {
			look(value)
			return nil
		})
	})
}

func (b *bboltStore) Close() error { return b.db.Close() }
