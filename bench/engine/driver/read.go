package driver

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/drive-core"
)

const (
	// readBatch is how many keys one call of a batch reads.
	readBatch = 100
	// The seeds of the order of reading.
	warmSeed, readSeed           = 41, 42
	warmBatchSeed, readBatchSeed = 42, 43
)

// seen is what was looked at.
type seen struct{ ops, bytes, sum uint64 }

// reading reads keys at random, each of some goroutines as many.
func reading(keys, reads uint64, goroutines int, all bool) runner {
	return func(ctx context.Context, path string, s Scale) (Result, error) {
		keys, reads := s.Of(keys), s.Of(reads)
		store, err := drive.Open(path, likeOriginal)
		return withStore(store, err, func(store *drive.Store) (Result, error) {
			if _, err := readSome(store, keys, reads, warmSeed, all); err != nil {
				return Result{}, err
			}
			parts := make([]seen, goroutines)
			c := StartClock()
			group, _ := errgroup.WithContext(ctx)
			for t := range goroutines {
				group.Go(func() (err error) {
					parts[t], err = readSome(store, keys, reads, readSeed+uint64(t), all)
					return err
				})
			}
			err := group.Wait()
			var total seen
			for _, p := range parts {
				total = seen{total.ops + p.ops, total.bytes + p.bytes, total.sum + p.sum}
			}
			return c.Stop(total.ops, total.bytes, total.sum), err
		})
	}
}

// readSome reads in the order of a seed.
func readSome(store *drive.Store, keys, reads, seed uint64, all bool) (seen, error) {
	order, key := Order(seed), make([]byte, 0, maxKeySize)
	s := seen{ops: reads}
	for range reads {
		key = appendKey(key[:0], order.Next()%keys)
		e, found := store.Read(key)
		if !found {
			return s, fmt.Errorf("%w: %s", drive.ErrNotFound, key)
		}
		value := e.Bytes()
		s.bytes += uint64(len(value))
		s.sum += look(value, all)
	}
	return s, nil
}

// readBatches reads keys at random, many by each call.
func readBatches(path string, keys, calls uint64) (Result, error) {
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		if _, err := readSomeBatches(store, keys, calls, warmBatchSeed); err != nil {
			return Result{}, err
		}
		c := StartClock()
		s, err := readSomeBatches(store, keys, calls, readBatchSeed)
		return c.Stop(s.ops, s.bytes, s.sum), err
	})
}

// readSomeBatches reads in the order of a seed.
func readSomeBatches(store *drive.Store, keys, calls, seed uint64) (seen, error) {
	order, batch, entries := Order(seed), newKeyBatch(readBatch), make([]drive.Entry, 0, readBatch)
	s := seen{ops: calls * readBatch}
	for range calls {
		batch.reset()
		for range readBatch {
			batch.add(order.Next() % keys)
		}
		entries = store.ReadBatch(entries[:0], batch.keys)
		for i, e := range entries {
			if e.IsZero() {
				return s, fmt.Errorf("%w: %s", drive.ErrNotFound, batch.keys[i])
			}
			value := e.Bytes()
			s.bytes += uint64(len(value))
			s.sum += look(value, false)
		}
	}
	return s, nil
}

// iterate goes over all live entries, newest first as the original does, after
// a round to warm up.
func iterate(path string, all bool) (Result, error) {
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		if _, err := iterateOnce(store, all); err != nil {
			return Result{}, err
		}
		c := StartClock()
		s, err := iterateOnce(store, all)
		return c.Stop(s.ops, s.bytes, s.sum), err
	})
}

func iterateOnce(store *drive.Store, all bool) (s seen, err error) {
	for e, err := range store.Entries(drive.NewestFirst) {
		if err != nil {
			return s, err
		}
		value := e.Bytes()
		s.ops++
		s.bytes += uint64(len(value))
		s.sum += look(value, all)
	}
	return s, nil
}
