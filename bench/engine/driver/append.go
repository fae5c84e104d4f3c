package driver

import (
	"context"
	"encoding/binary"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/drive-core"
)

const (
	// contenders is how many writers contend.
	contenders = 8
	// deleteBatch is how many keys one call deletes.
	deleteBatch = 1024
	// growBatch is how many entries one call adds to a drive that grows.
	growBatch = 1024
	// compactBatch is how many entries one call adds to a drive to compact.
	compactBatch = 100
	// overwritten is what the newer values of a drive to compact consist of.
	overwritten = 0xCD
)

// appendSingle writes count values, one call for each.
func appendSingle(path string, count uint64, size int) (Result, error) {
	store, err := fresh(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		key, value := make([]byte, 0, maxKeySize), newValue(size)
		tail := int64(0)
		c := StartClock()
		for n := range count {
			key = appendKey(key[:0], n)
			setNumber(value, n)
			var err error
			if tail, err = store.Write(key, value); err != nil {
				return Result{}, err
			}
		}
		return c.Stop(count, count*uint64(size), uint64(tail)), nil
	})
}

// writeBatches writes keys 0 to count, batch by each call, and returns the tail.
func writeBatches(store *drive.Store, count uint64, size, batch int) (tail int64, err error) {
	items := newItemBatch(batch, size)
	for n := uint64(0); n < count; n += uint64(batch) {
		if tail, err = store.WriteBatch(items.fill(n, int(min(uint64(batch), count-n)))); err != nil {
			return 0, err
		}
	}
	return tail, nil
}

// appendBatches writes count values, batch of them by each call.
func appendBatches(path string, count uint64, size, batch int) (Result, error) {
	store, err := fresh(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		c := StartClock()
		tail, err := writeBatches(store, count, size, batch)
		return c.Stop(count, count*uint64(size), uint64(tail)), err
	})
}

// appendHalfTwice writes values of 1 KiB, and the first half of the keys once
// more.
func appendHalfTwice(path string, count uint64) (Result, error) {
	store, err := fresh(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		c := StartClock()
		tail, err := writeBatches(store, count, kib, compactBatch)
		if err != nil {
			return Result{}, err
		}
		value := newValue(kib)
		for i := range value {
			value[i] = overwritten
		}
		keys, items := newKeyBatch(compactBatch), make([]drive.Item, compactBatch)
		half := count / 2
		for n := uint64(0); n < half; n += compactBatch {
			size := int(min(compactBatch, half-n))
			keys.reset()
			for i := range size {
				keys.add(n + uint64(i))
				items[i] = drive.Item{Key: keys.keys[i], Value: value}
			}
			if tail, err = store.WriteBatch(items[:size]); err != nil {
				return Result{}, err
			}
		}
		return c.Stop(count+half, (count+half)*kib, uint64(tail)), nil
	})
}

// deleteAll deletes keys 0 to count.
func deleteAll(path string, count uint64) (Result, error) {
	store, err := drive.Open(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		keys := newKeyBatch(deleteBatch)
		tail := int64(0)
		c := StartClock()
		for n := uint64(0); n < count; {
			keys.reset()
			for end := min(count, n+deleteBatch); n < end; n++ {
				keys.add(n)
			}
			var err error
			if tail, err = store.DeleteBatch(keys.keys); err != nil {
				return Result{}, err
			}
		}
		return c.Stop(count, 0, uint64(tail)), nil
	})
}

// contending lets writers write values of a size, each with keys of its own.
func contending(size int) runner {
	return func(ctx context.Context, path string, s Scale) (Result, error) {
		each := s.Of(1_000)
		store, err := fresh(path, likeOriginal)
		return withStore(store, err, func(store *drive.Store) (Result, error) {
			c := StartClock()
			group, _ := errgroup.WithContext(ctx)
			for t := range contenders {
				group.Go(func() error { return contend(store, t, each, size) })
			}
			err := group.Wait()
			ops := contenders * each
			return c.Stop(ops, ops*uint64(size), uint64(store.Len())), err
		})
	}
}

// contend is one of the writers.
func contend(store *drive.Store, writer int, count uint64, size int) error {
	key, value := make([]byte, 0, maxKeySize), newValue(size)
	for n := range count {
		key = strconv.AppendInt(append(key[:0], 't'), int64(writer), 10)
		key = strconv.AppendUint(append(key, '_'), n, 10)
		binary.LittleEndian.PutUint64(value, n)
		if _, err := store.Write(key, value); err != nil {
			return err
		}
	}
	return nil
}

// pattern returns the same bytes again and again, left of them in all.
type pattern struct {
	bytes []byte
	left  uint64
}

// newPattern returns size bytes that come from one MiB.
func newPattern(size uint64) *pattern {
	p := &pattern{make([]byte, mb1), size}
	for i := range p.bytes {
		p.bytes[i] = byte(i%251 + 1)
	}
	return p
}

// Read implements io.Reader.
func (p *pattern) Read(into []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := copy(into[:min(uint64(len(into)), p.left)], p.bytes)
	p.left -= uint64(n)
	return n, nil
}

// stream writes one value from a reader.
func stream(path string, size uint64) (Result, error) {
	store, err := fresh(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		from := newPattern(size)
		c := StartClock()
		tail, err := store.WriteFrom([]byte("big"), from)
		return c.Stop(1, size, uint64(tail)), err
	})
}
