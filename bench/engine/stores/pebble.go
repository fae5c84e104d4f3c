package stores

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

const (
	pebbleCache    = 256 << 20
	pebbleMemTable = 64 << 20
)

var pebbleKind = Kind{
	Name: "pebble", Module: "github.com/cockroachdb/pebble/v2",
	Settings:   "256 MiB of cache, memtables of 64 MiB; NoSync or Sync as the case says",
	More:       "scans in the order of keys, range deletions, snapshots, compression, keys themselves",
	Durability: []Durability{Never, EveryCommit},
	open: func(dir string, o Options) (Store, error) {
		cache := pebble.NewCache(pebbleCache)
		defer cache.Unref() // the database keeps it
		db, err := pebble.Open(dir, &pebble.Options{Cache: cache, MemTableSize: pebbleMemTable, Logger: quietLogger{}})
		if err != nil {
			return nil, err
		}
		return &pebbleStore{db, &pebble.WriteOptions{Sync: o.Durability == EveryCommit}}, nil
	},
}

// quietLogger drops what pebble reports, and panics where it asks for the end.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)              {}
func (quietLogger) Errorf(string, ...any)             {}
func (quietLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

type pebbleStore struct {
	db    *pebble.DB
	write *pebble.WriteOptions
}

func (p *pebbleStore) Put(key, value []byte) error { return p.db.Set(key, value, p.write) }

func (p *pebbleStore) PutMany(items []Item) error {
	return p.commit(len(items), func(b *pebble.Batch, i int) error { return b.Set(items[i].Key, items[i].Value, nil) })
}

// commit commits a batch of count operations.
func (p *pebbleStore) commit(count int, add func(*pebble.Batch, int) error) error {
	batch := p.db.NewBatch()
	for i := range count {
		if err := add(batch, i); err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	err := batch.Commit(p.write)
	return errors.Join(err, batch.Close())
}

func (p *pebbleStore) Get(key []byte, look func([]byte)) error {
	value, closer, err := p.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return ErrMissing
	}
	if err != nil {
		return err
	}
	look(value)
	return closer.Close()
}

func (p *pebbleStore) GetMany(keys [][]byte, look func([]byte)) error { return getEach(p, keys, look) }

func (p *pebbleStore) DeleteMany(keys [][]byte) error {
	return p.commit(len(keys), func(b *pebble.Batch, i int) error { return b.Delete(keys[i], nil) })
}

func (p *pebbleStore) Each(look func([]byte)) error {
	it, err := p.db.NewIter(nil)
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		look(value)
	}
	return errors.Join(it.Error(), it.Close())
}

func (p *pebbleStore) Close() error { return p.db.Close() }
