package driver

import (
	"context"
	"errors"
	"os"

	"github.com/simd-drive/go/bench/memory"
	"github.com/simd-drive/go/drive-core"
)

// opening is what lies ready when a drive is opened.
type opening int

const (
	warm       opening = iota // the file in the system's cache, no index checkpoint
	cold                      // neither
	checkpoint                // the file in the cache, and what a clean Close leaves beside it
)

// prepare brings the drive at path into the state.
func (o opening) prepare(path string) error {
	if o == checkpoint {
		store, err := drive.Open(path, likeOriginal)
		if err != nil {
			return err
		}
		return store.Close()
	}
	if err := DropCheckpoint(path); err != nil {
		return err
	}
	if o == cold {
		return DropCache(path)
	}
	return nil
}

// DropCheckpoint removes the index checkpoint of the drive at path.
func DropCheckpoint(path string) error {
	if err := os.Remove(path + checkpointSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// open opens the drive at path.
func open(path string, state opening) (Result, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Result{}, err
	}
	if err := state.prepare(path); err != nil {
		return Result{}, err
	}
	c := StartClock()
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		count := uint64(store.Len())
		return c.Stop(count, uint64(info.Size()), count), nil
	})
}

// openMemory opens the drive at path without a checkpoint and tells what memory
// that takes.
func openMemory(path string) (Result, error) {
	if err := warm.prepare(path); err != nil {
		return Result{}, err
	}
	base := memory.Now()
	c := StartClock()
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		count := uint64(store.Len())
		r := c.Stop(count, 0, count)
		held := memory.Now()
		r.BaseAnon, r.OpenAnon, r.Peak = mib(base.Anonymous), mib(held.Anonymous), mib(held.Peak)
		return r, nil
	})
}

// compact compacts a drive with values of 1 KiB.
func compact(ctx context.Context, path string) (Result, error) {
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		before, live := store.FileSize(), uint64(store.Len())
		c := StartClock()
		// The order is that of the original, so that the sizes are equal.
		if _, err := store.Compact(ctx, drive.CompactOptions{Order: drive.NewestFirst}); err != nil {
			return Result{}, err
		}
		r := c.Stop(live, live*kib, uint64(store.FileSize()))
		r.FileBefore, r.FileAfter = float64(before), float64(store.FileSize())
		return r, nil
	})
}
