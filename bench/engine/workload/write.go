package workload

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/bench/engine/driver"
)

const (
	// deleted is how many keys are deleted, deleteBatch of them at a time.
	deleted     = 100_000
	deleteBatch = 1000
)

type runner = func(ctx context.Context, s *subject, scale driver.Scale) (driver.Result, error)

// putMany puts count values, batch of them at a time.
func putMany(count uint64, size, batch int) runner {
	return func(_ context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
		count := scale.Of(count)
		items, from := itemBatch(batch), newNoise(size)
		c := driver.StartClock()
		for n := uint64(0); n < count; n += uint64(batch) {
			some := items[:min(uint64(batch), count-n)]
			for i := range some {
				putKey(some[i].Key, n+uint64(i))
				some[i].Value = from.value(n+uint64(i), size)
			}
			if err := s.PutMany(some); err != nil {
				return driver.Result{}, err
			}
		}
		return c.Stop(count, count*uint64(size), count), nil
	}
}

// putEach lets writers put values, each by a call of its own.
func putEach(writers int, each uint64, size int) runner {
	return func(ctx context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
		each := scale.Of(each)
		from := newNoise(size)
		c := driver.StartClock()
		group, _ := errgroup.WithContext(ctx)
		for w := range writers {
			group.Go(func() error {
				key := make([]byte, keySize)
				for n := uint64(w) * each; n < uint64(w+1)*each; n++ {
					putKey(key, n)
					if err := s.Put(key, from.value(n, size)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := group.Wait()
		count := uint64(writers) * each
		return c.Stop(count, count*uint64(size), count), err
	}
}

// deleteMany deletes keys.
func deleteMany(_ context.Context, s *subject, scale driver.Scale) (driver.Result, error) {
	count := scale.Of(deleted)
	keys := keyBatch(deleteBatch)
	c := driver.StartClock()
	for n := uint64(0); n < count; n += deleteBatch {
		some := keys[:min(deleteBatch, count-n)]
		for i := range some {
			putKey(some[i], n+uint64(i))
		}
		if err := s.DeleteMany(some); err != nil {
			return driver.Result{}, err
		}
	}
	return c.Stop(count, 0, count), nil
}
