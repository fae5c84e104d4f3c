package stores

import (
	"errors"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	goleveldbBuffer = 64 << 20
	goleveldbCache  = 256 << 20
	goleveldbBloom  = 10 // bits for each key
)

var goleveldbKind = Kind{
	Name: "goleveldb", Module: "github.com/syndtr/goleveldb",
	Settings:   "64 MiB of write buffer, 256 MiB of cache, bloom filters of 10 bits; Sync as the case says",
	More:       "scans in the order of keys, snapshots, compression, keys themselves",
	Durability: []Durability{Never, EveryCommit},
	open: func(dir string, o Options) (Store, error) {
		db, err := leveldb.OpenFile(dir, &opt.Options{
			WriteBuffer: goleveldbBuffer, BlockCacheCapacity: goleveldbCache, Filter: filter.NewBloomFilter(goleveldbBloom),
		})
		if err != nil {
			return nil, err
		}
		return &goleveldbStore{db, &opt.WriteOptions{Sync: o.Durability == EveryCommit}}, nil
	},
}

type goleveldbStore struct {
	db    *leveldb.DB
	write *opt.WriteOptions
}

func (g *goleveldbStore) Put(key, value []byte) error { return g.db.Put(key, value, g.write) }

func (g *goleveldbStore) PutMany(items []Item) error {
	batch := new(leveldb.Batch)
	for _, i := range items {
		batch.Put(i.Key, i.Value)
	}
	return g.db.Write(batch, g.write)
}

func (g *goleveldbStore) Get(key []byte, look func([]byte)) error {
	value, err := g.db.Get(key, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return ErrMissing
	}
	if err != nil {
		return err
	}
	look(value)
	return nil
}

func (g *goleveldbStore) GetMany(keys [][]byte, look func([]byte)) error {
	return getEach(g, keys, look)
}

func (g *goleveldbStore) DeleteMany(keys [][]byte) error {
	batch := new(leveldb.Batch)
	for _, key := range keys {
		batch.Delete(key)
	}
	return g.db.Write(batch, g.write)
}

func (g *goleveldbStore) Each(look func([]byte)) error {
	it := g.db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		look(it.Value())
	}
	return it.Error()
}

func (g *goleveldbStore) Close() error { return g.db.Close() }
