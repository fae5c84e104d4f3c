package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/simd-drive/go/drive-core"
)

const (
	engineKeys  = 1_000_000
	engineBatch = 1024
	readBatch   = 100
	// largeEntryBytes is what the entry of a 1 MiB value takes in the file. Writes
	// of exactly 1 MiB lie on page boundaries and may run at another speed.
	largeEntryBytes = 1<<20 + 64
)

// engineRows measures the engine in this process. Nothing is synced, in no
// row: these are figures of the page cache.
func engineRows(_ context.Context, s settings) ([]row, func(), error) {
	path := filepath.Join(s.dir, "engine.drive")
	store, err := drive.Open(path, drive.Options{Sync: drive.SyncNone})
	if err != nil {
		return nil, nil, err
	}
	if err := fill(store); err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	rows := []row{
		{name: "append 8 B, batches of 1024", run: appendRow(s.dir, 8, engineBatch)},
		{name: "append 128 B, single", run: appendRow(s.dir, 128, 1)},
		{name: "append 1 KiB, batches of 100", run: appendRow(s.dir, 1<<10, 100)},
		{name: "append 1 MiB, single", run: appendRow(s.dir, 1<<20, 1)},
		{name: "write(2) of as many bytes, for comparison", run: writeRow(s.dir, largeEntryBytes)},
		{name: "random read of 1 M keys", run: readRow(store)},
		{name: "read in batches of 100", run: batchReadRow(store)},
		{name: "iterate 1 M entries", run: iterateRow(store)},
		{name: "open 1 M entries", run: openRow(path)},
	}
	return rows, func() { _ = store.Close() }, nil
}

func engineKey(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst[:0], "bench-key-"...), int64(i), 10)
}

// items makes n items of the given size with keys from first on.
func items(first, n, size int) []drive.Item {
	list := make([]drive.Item, n)
	for i := range list {
		value := make([]byte, size)
		for j := range value {
			value[j] = 0xAB
		}
		list[i] = drive.Item{Key: engineKey(nil, first+i), Value: value}
	}
	return list
}

func fill(store *drive.Store) error {
	for first := 0; first < engineKeys; first += engineBatch {
		if _, err := store.WriteBatch(items(first, min(engineBatch, engineKeys-first), 8)); err != nil {
			return err
		}
	}
	return nil
}

// appendRow appends values of one size to a fresh store.
func appendRow(dir string, size, batch int) func(context.Context, time.Duration) (sample, error) {
	list := items(0, batch, size)
	return func(_ context.Context, d time.Duration) (s sample, err error) {
		path := filepath.Join(dir, "append.drive")
		store, err := drive.Open(path, drive.Options{Sync: drive.SyncNone})
		if err != nil {
			return s, err
		}
		// Cut first: the mapping keeps a removed file's pages until the garbage
		// collector finds it, and freeing them then would slow another row.
		defer func() { err = errors.Join(err, store.Close(), os.Truncate(path, 0), os.Remove(path)) }()
		start := time.Now()
		n := 0
		for time.Since(start) < d {
			for i := range list {
				list[i].Key = engineKey(list[i].Key, n+i)
			}
			if batch == 1 {
				_, err = store.Write(list[0].Key, list[0].Value)
			} else {
				_, err = store.WriteBatch(list)
			}
			if err != nil {
				return s, err
			}
			n += batch
		}
		return rate(n, size, start), nil
	}
}

// writeRow writes to a plain file, as the limit for appends.
func writeRow(dir string, size int) func(context.Context, time.Duration) (sample, error) {
	value := bytes.Repeat([]byte{0xAB}, size)
	return func(_ context.Context, d time.Duration) (s sample, err error) {
		f, err := os.Create(filepath.Join(dir, "plain"))
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
		start := time.Now()
		n := 0
		for ; time.Since(start) < d; n++ {
			if _, err := f.Write(value); err != nil {
				return s, err
			}
		}
		return rate(n, size, start), nil
	}
}

func rate(n, size int, start time.Time) sample {
	perSecond := float64(n) / time.Since(start).Seconds()
	return sample{perSecond: perSecond, bytesPerSecond: perSecond * float64(size)}
}

// random is splitmix64.
type random uint64

func (r *random) below(n int) int {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return int((z ^ (z >> 31)) % uint64(n))
}

// clockEvery is how many operations of some tens of nanoseconds run between
// two looks at the clock.
const clockEvery = 1024

func readRow(store *drive.Store) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) {
		r := random(42)
		var key []byte
		start := time.Now()
		n, sum := 0, 0
		for ; n%clockEvery != 0 || time.Since(start) < d; n++ {
			key = engineKey(key, r.below(engineKeys))
			entry, ok := store.Read(key)
			if !ok {
				return sample{}, fmt.Errorf("key %s is missing", key)
			}
			sum += int(entry.Bytes()[0])
		}
		if sum == 0 {
			return sample{}, errors.New("the values are wrong")
		}
		return rate(n, 8, start), nil
	}
}

func batchReadRow(store *drive.Store) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) {
		r := random(43)
		keys := make([][]byte, readBatch)
		var entries []drive.Entry
		start := time.Now()
		n, sum := 0, 0
		for ; time.Since(start) < d; n += readBatch {
			for i := range keys {
				keys[i] = engineKey(keys[i], r.below(engineKeys))
			}
			entries = store.ReadBatch(entries[:0], keys)
			for _, e := range entries {
				sum += int(e.Bytes()[0])
			}
		}
		if sum == 0 {
			return sample{}, errors.New("the values are wrong")
		}
		return rate(n, 8, start), nil
	}
}

func iterateRow(store *drive.Store) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) {
		start := time.Now()
		n := 0
		for time.Since(start) < d {
			for _, err := range store.Entries(drive.NewestFirst) {
				if err != nil {
					return sample{}, err
				}
				n++
			}
		}
		return rate(n, 8, start), nil
	}
}

func openRow(path string) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) {
		start := time.Now()
		n := 0
		for time.Since(start) < d {
			store, err := drive.Open(path, drive.Options{ReadOnly: true})
			if err != nil {
				return sample{}, err
			}
			n += store.Len()
			if err := store.Close(); err != nil {
				return sample{}, err
			}
		}
		return rate(n, 8, start), nil
	}
}
