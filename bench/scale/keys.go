package scale

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/memory"
	"github.com/simd-drive/go/drive-core"
)

const (
	// valueSize is that of the values of a drive with many keys: the smallest
	// drive for its keys.
	valueSize = 8
	// batch is how many of them are written at once.
	batch = 1024
	// warmReads and coldReads are how many reads are timed. Each of the cold ones
	// takes the disk.
	warmReads, coldReads = 2_000_000, 5_000
	// readSeed chooses what is read.
	readSeed = 77
)

// unsynced are the options of all phases: the disk is not what is measured.
var unsynced = drive.Options{Sync: drive.SyncNone}

// micros returns d in microseconds.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// fill writes n keys, the number i under the hash of the number i.
func fill(ctx context.Context, path string, n int64) (r Result, err error) {
	if err := driver.Remove(path); err != nil {
		return Result{}, err
	}
	base := memory.Now().Anonymous
	store, err := drive.Open(path, unsynced)
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	items := make([]drive.HashedItem, batch)
	for i := range items {
		items[i].Value = make([]byte, valueSize)
	}
	for first := int64(0); first < n && err == nil; first += batch {
		if err = ctx.Err(); err != nil {
			break
		}
		some := items[:min(batch, n-first)]
		for i := range some {
			some[i].Hash = hashOf(first + int64(i))
			binary.LittleEndian.PutUint64(some[i].Value, uint64(first)+uint64(i)+1)
		}
		before := time.Now()
		_, err = store.WriteBatchHash(some)
		r.Slowest = max(r.Slowest, micros(time.Since(before))/1000)
		if first/batch%64 == 0 {
			r.Peak = max(r.Peak, memory.Now().Anonymous-base)
		}
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Keys, r.File = int64(store.Len()), store.FileSize()
	r.Memory = memory.Now().Anonymous - base
	r.Peak = max(r.Peak, r.Memory)
	closing := time.Now()
	err = errors.Join(err, store.Close())
	r.Closing = time.Since(closing).Seconds()
	if err == nil {
		r.Beside, err = besideBytes(path)
	}
	return r, err
}

// hashOf returns the hash of key number n.
func hashOf(n int64) uint64 {
	var key [8]byte
	binary.LittleEndian.PutUint64(key[:], uint64(n))
	return drive.KeyHash(key[:])
}

// besideBytes returns the size of the files that lie beside a drive.
func besideBytes(path string) (total int64, err error) {
	for _, name := range driver.Beside(path) {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// open opens a drive with n keys, with or without its checkpoint.
func open(path string, n int64, checkpoint bool) (r Result, err error) {
	if !checkpoint {
		if err := driver.DropCheckpoint(path); err != nil {
			return Result{}, err
		}
	}
	base := memory.Now().Anonymous
	begun := time.Now()
	store, err := drive.Open(path, unsynced)
	if err != nil {
		return Result{}, err
	}
	r.Seconds = time.Since(begun).Seconds()
	before := time.Now()
	err = readNumber(store, n/2)
	r.First = micros(time.Since(before))
	r.Keys, r.File = int64(store.Len()), store.FileSize()
	r.Memory = memory.Now().Anonymous - base
	r.Peak = r.Memory
	if r.Keys != n {
		err = errors.Join(err, fmt.Errorf("%d keys, want %d", r.Keys, n))
	}
	return r, errors.Join(err, store.Close())
}

// readNumber reads key number i, which must hold i+1.
func readNumber(store *drive.Store, i int64) error {
	e, ok := store.ReadHash(hashOf(i))
	if !ok {
		return fmt.Errorf("key %d is missing", i)
	}
	if got := binary.LittleEndian.Uint64(e.Bytes()); got != uint64(i)+1 {
		return fmt.Errorf("key %d holds %d", i, got)
	}
	return nil
}

// read reads random keys of n. For cold reads the system drops the file first, and
// each read is timed. It keeps the pages that opening has looked at through the
// mapping: reads that did not wait for the disk are no cold ones, and not told.
func read(ctx context.Context, path string, n, count int64, cold bool) (r Result, err error) {
	if cold {
		if err := driver.DropCache(path); err != nil {
			return Result{}, err
		}
	}
	store, err := drive.Open(path, unsynced)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if cold { // what opening has read
		if err := driver.DropCache(path); err != nil {
			return Result{}, err
		}
	}
	order := driver.NewOrder(readSeed)
	times := make([]float64, 0, coldReads)
	waited, err := driver.MajorFaults()
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	for i := range count {
		if i%batch == 0 && ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		var before time.Time
		if cold {
			before = time.Now()
		}
		if err := readNumber(store, int64(order.Next()%uint64(n))); err != nil {
			return Result{}, err
		}
		if cold {
			times = append(times, micros(time.Since(before)))
		}
	}
	r.Keys, r.Reads = n, float64(count)/time.Since(begun).Seconds()
	faults, err := driver.MajorFaults()
	if err != nil {
		return Result{}, err
	}
	r.Faults = faults - waited
	if cold && r.Faults > count/2 {
		slices.Sort(times)
		r.P50, r.P99 = times[len(times)/2], times[len(times)*99/100]
	}
	return r, nil
}
