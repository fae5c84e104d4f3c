package driver

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/drive-core"
)

const (
	// syncedSize is the size of values in the cases that sync.
	syncedSize = 128
	// syncedStep is what an entry with such a value takes in the file: the value and its metadata, up to the
	// next multiple of 64.
	syncedStep = 192
)

// appendSynced lets writers write, each some values, and acknowledges each when
// it is on stable storage.
func appendSynced(ctx context.Context, path string, writers int, each uint64) (Result, error) {
	store, err := fresh(path, drive.Options{Sync: drive.SyncAlways})
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		c := StartClock()
		group, _ := errgroup.WithContext(ctx)
		for t := range writers {
			group.Go(func() error { return contend(store, t, each, syncedSize) })
		}
		err := group.Wait()
		ops := uint64(writers) * each
		return c.Stop(ops, ops*syncedSize, uint64(store.Len())), err
	})
}

// bareSynced appends as many bytes to a plain file and syncs each time: what a
// synced write costs at least.
func bareSynced(path string, count uint64) (r Result, err error) {
	if err := Remove(path); err != nil {
		return Result{}, err
	}
	f, err := os.Create(path)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	entry := make([]byte, syncedStep)
	for i := range entry {
		entry[i] = fill
	}
	c := StartClock()
	for n := range count {
		setNumber(entry, n)
		if _, err := f.Write(entry); err != nil {
			return Result{}, err
		}
		if err := SyncData(f); err != nil {
			return Result{}, err
		}
	}
	return c.Stop(count, count*syncedSize, count), nil
}
