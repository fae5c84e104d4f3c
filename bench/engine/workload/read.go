package workload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/memory"
)

const (
	// reads is how many keys each reader reads, and warmReads how many before.
	reads, warmReads = 300_000, 100_000
	// getBatch is how many keys one call of a batch reads.
	getBatch = 100
	// The seeds of the order of reading.
	warmSeed, readSeed = 41, 42
	// mixedReaders read beside a writer for mixedTime.
	mixedReaders = 4
	mixedTime    = 2 * time.Second
	// readsBetween is how many reads a reader makes between two looks at whether
	// the time is over.
	readsBetween = 64
	// mixedSize is the size of the values that the writer puts from number
	// writtenFrom on.
	mixedSize   = 128
	writtenFrom = 1 << 32
)

// readSome reads keys in the order of a seed, each reader its own.
func (s *subject) readSome(keys, count, seed uint64, missing bool) (seen, error) {
	order, key := driver.NewOrder(seed), make([]byte, keySize)
	var found seen
	look := found.look
	for range count {
		n := order.Next() % keys
		if !missing {
			putKey(key, n)
			if err := s.Get(key, look); err != nil {
				return found, err
			}
			continue
		}
		putKey(key, missingFrom+n)
		if err := s.Get(key, look); !errors.Is(err, stores.ErrMissing) {
			return found, fmt.Errorf("a key that is missing: %w", err)
		}
	}
	found.ops = count
	return found, nil
}

// get reads keys, or keys that are missing.
func get(readers int, missing bool) runner {
	return func(ctx context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
		keys := scale.Of(filled)
		if _, err := s.readSome(keys, scale.Of(warmReads), warmSeed, missing); err != nil {
			return driver.Result{}, err
		}
		parts := make([]seen, readers)
		c := driver.StartClock()
		group, _ := errgroup.WithContext(ctx)
		for t := range readers {
			group.Go(func() (err error) {
				parts[t], err = s.readSome(keys, scale.Of(reads), readSeed+uint64(t), missing)
				return err
			})
		}
		err := group.Wait()
		var total seen
		for _, p := range parts {
			total = seen{total.ops + p.ops, total.bytes + p.bytes, total.sum + p.sum}
		}
		return c.Stop(total.ops, total.bytes, total.sum), err
	}
}

// readSomeBatches reads as many keys, getBatch at a time.
func (s *subject) readSomeBatches(keys, count, seed uint64) (seen, error) {
	order, batch := driver.NewOrder(seed), keyBatch(getBatch)
	var found seen
	look := found.look
	for found.ops < count {
		for _, key := range batch {
			putKey(key, order.Next()%keys)
		}
		if err := s.GetMany(batch, look); err != nil {
			return found, err
		}
	}
	return found, nil
}

// getMany reads keys, many by each call.
func getMany(_ context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
	keys := scale.Of(filled)
	if _, err := s.readSomeBatches(keys, scale.Of(warmReads), warmSeed); err != nil {
		return driver.Result{}, err
	}
	c := driver.StartClock()
	found, err := s.readSomeBatches(keys, scale.Of(reads), readSeed)
	return c.Stop(found.ops, found.bytes, found.sum), err
}

// each iterates over all values after a round to warm up.
func each(_ context.Context, s *subject, _ driver.Scale) (driver.Result, error) {
	var first, found seen
	if err := s.Each(first.look); err != nil {
		return driver.Result{}, err
	}
	c := driver.StartClock()
	err := s.Each(found.look)
	return c.Stop(found.ops, found.bytes, found.sum), err
}

// reopen closes the store, opens it and gets one value; after that it reads, and
// tells what memory and disk the store takes.
func reopen(_ context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
	if err := s.Close(); err != nil {
		return driver.Result{}, err
	}
	var found seen
	key := make([]byte, keySize)
	putKey(key, 0)
	c := driver.StartClock()
	var err error
	if s.Store, err = s.kind.Open(s.dir, s.opts); err != nil {
		return driver.Result{}, err
	}
	if err := s.Get(key, found.look); err != nil {
		return driver.Result{}, err
	}
	r := c.Stop(1, found.bytes, found.sum)
	if _, err := s.readSome(scale.Of(filled), scale.Of(warmReads), warmSeed, false); err != nil {
		return driver.Result{}, err
	}
	r.OpenAnon = float64(memory.Now().Anonymous) / mb1
	r.FileAfter, err = sizeOf(s.dir)
	return r, err
}

// sizeOf returns the bytes of all files in a folder.
func sizeOf(dir string) (float64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return float64(size), err
}

// mixed counts what readers and a writer do in a time.
func mixed(ctx context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
	var stop atomic.Bool
	var reads, writes atomic.Uint64
	from := newNoise(mixedSize)
	c := driver.StartClock()
	group, _ := errgroup.WithContext(ctx)
	for t := range mixedReaders {
		group.Go(func() error {
			for seed := readSeed + uint64(t); !stop.Load(); seed += mixedReaders {
				if _, err := s.readSome(scale.Of(filled), readsBetween, seed, false); err != nil {
					return err
				}
				reads.Add(readsBetween)
			}
			return nil
		})
	}
	group.Go(func() error {
		key := make([]byte, keySize)
		for n := uint64(writtenFrom); !stop.Load(); n++ {
			putKey(key, n)
			if err := s.Put(key, from.value(n, mixedSize)); err != nil {
				return err
			}
			writes.Add(1)
		}
		return nil
	})
	time.Sleep(scale.Lasting(mixedTime))
	stop.Store(true)
	err := group.Wait()
	r := c.Stop(reads.Load()+writes.Load(), writes.Load()*mixedSize, 0)
	r.Reads, r.Writes = float64(reads.Load())/r.Seconds, float64(writes.Load())/r.Seconds
	return r, err
}
