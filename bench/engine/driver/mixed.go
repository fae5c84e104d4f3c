package driver

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/drive-core"
)

const (
	// readsBetween is how many reads a reader makes between two looks at whether
	// the time is over.
	readsBetween = 64
	// writtenFrom is the number of the first key of the writer.
	writtenFrom = 10_000_000
	// writtenSize is the size of its values.
	writtenSize = 128
	// mixedSeed is that of the first reader; each has one of its own.
	mixedSeed = 100
	// mixedKeys is how many keys are read.
	mixedKeys = 1_000_000
)

// mixing counts what readers, and a writer if there is one, do in a time.
func mixing(readers int, writer bool, lasting time.Duration) runner {
	return func(ctx context.Context, path string, s Scale) (Result, error) {
		store, err := drive.Open(path, likeOriginal)
		return withStore(store, err, func(store *drive.Store) (Result, error) {
			var stop atomic.Bool
			var reads, writes atomic.Uint64
			c := StartClock()
			group, _ := errgroup.WithContext(ctx)
			for t := range readers {
				group.Go(func() error {
					n, err := readUntil(&stop, store, s.Of(mixedKeys), mixedSeed+uint64(t))
					reads.Add(n)
					return err
				})
			}
			if writer {
				group.Go(func() error {
					n, err := writeUntil(&stop, store)
					writes.Store(n)
					return err
				})
			}
			time.Sleep(s.Lasting(lasting))
			stop.Store(true)
			err := group.Wait()
			r := c.Stop(reads.Load()+writes.Load(), writes.Load()*writtenSize, 0)
			r.Reads, r.Writes = float64(reads.Load())/r.Seconds, float64(writes.Load())/r.Seconds
			return r, err
		})
	}
}

// seenSum keeps what readers have seen, so that they must look.
var seenSum atomic.Uint64

// readUntil reads at random, at least once, and returns how often.
func readUntil(stop *atomic.Bool, store *drive.Store, keys, seed uint64) (reads uint64, err error) {
	order, key := Order(seed), make([]byte, 0, maxKeySize)
	var sum uint64
	for {
		for range readsBetween {
			key = appendKey(key[:0], order.Next()%keys)
			e, found := store.Read(key)
			if !found {
				return reads, fmt.Errorf("%w: %s", drive.ErrNotFound, key)
			}
			sum += uint64(e.Bytes()[0]) + uint64(e.Size())
		}
		if reads += readsBetween; stop.Load() {
			seenSum.Add(sum)
			return reads, nil
		}
	}
}

// writeUntil writes new keys, at least one, and returns how many.
func writeUntil(stop *atomic.Bool, store *drive.Store) (writes uint64, err error) {
	key, value := make([]byte, 0, maxKeySize), newValue(writtenSize)
	for {
		key = appendKey(key[:0], writtenFrom+writes)
		setNumber(value, writes)
		if _, err := store.Write(key, value); err != nil {
			return writes, err
		}
		if writes++; stop.Load() {
			return writes, nil
		}
	}
}
