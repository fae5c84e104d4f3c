package stores

import (
	"path/filepath"
	"sync"

	"github.com/simd-drive/go/drive-core"
)

var driveKind = Kind{
	Name: "drive", Module: "github.com/simd-drive/go/drive-core",
	Settings:   "defaults, and Sync as the case says",
	More:       "a value of any size as a stream, and as a slice that stays valid; online compaction, backups; keys only as hashes, no order of keys, no transactions but batches",
	Durability: []Durability{Never, PerSecond, EveryCommit},
	open: func(dir string, o Options) (Store, error) {
		mode := map[Durability]drive.SyncMode{
			Never: drive.SyncNone, PerSecond: drive.SyncInterval(drive.DefaultSyncInterval), EveryCommit: drive.SyncAlways,
		}[o.Durability]
		s, err := drive.Open(filepath.Join(dir, "data.drive"), drive.Options{Sync: mode})
		if err != nil {
			return nil, err
		}
		return &driveStore{s: s}, nil
	},
}

type driveStore struct {
	s     *drive.Store
	items sync.Pool // of *[]drive.Item
	found sync.Pool // of *[]drive.Entry
}

func (d *driveStore) Put(key, value []byte) error {
	_, err := d.s.Write(key, value)
	return err
}

func (d *driveStore) PutMany(items []Item) error {
	list, _ := d.items.Get().(*[]drive.Item)
	if list == nil {
		list = new([]drive.Item)
	}
	*list = (*list)[:0]
	for _, i := range items {
		*list = append(*list, drive.Item(i))
	}
	_, err := d.s.WriteBatch(*list)
	clear(*list) // the slices are the caller's
	d.items.Put(list)
	return err
}

func (d *driveStore) Get(key []byte, look func([]byte)) error {
	e, found := d.s.Read(key)
	if !found {
		return ErrMissing
	}
	look(e.Bytes())
	return nil
}

func (d *driveStore) GetMany(keys [][]byte, look func([]byte)) error {
	list, _ := d.found.Get().(*[]drive.Entry)
	if list == nil {
		list = new([]drive.Entry)
	}
	defer d.found.Put(list)
	*list = d.s.ReadBatch((*list)[:0], keys)
	for _, e := range *list {
		if e.IsZero() {
			return ErrMissing
		}
		look(e.Bytes())
	}
	return nil
}

func (d *driveStore) DeleteMany(keys [][]byte) error {
	_, err := d.s.DeleteBatch(keys)
	return err
}

func (d *driveStore) Each(look func([]byte)) error {
	for e, err := range d.s.Entries(drive.NewestFirst) {
		if err != nil {
			return err
		}
		look(e.Bytes())
	}
	return nil
}

func (d *driveStore) Close() error { return d.s.Close() }
