package limits

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simd-drive/go/bench/engine/driver"
)

const (
	mib       = 1 << 20
	largeCopy = 256 * mib
	smallCopy = mib
	fileSize  = 1 << 30
	// entrySize is what an entry with a value of 128 B takes in a drive.
	entrySize = 192
	// smallWrites, syncs and memoryReads are how often the small ones are done.
	smallWrites = 500_000
	syncs       = 300
	memoryReads = 4_000_000
	copies      = 4 // of a large block; a small one is copied as many bytes
	lineSize    = 64
	pageSize    = 4 << 10
)

// Measure measures all limits, with a file at path.
func Measure(path string, scale driver.Scale) (f Figures, err error) {
	large := max(smallCopy, largeCopy/int(scale))
	f.CopyLarge = copyRate(large, copies)
	f.CopyTwo = copyTwice(large)
	f.CopySmall = copyRate(smallCopy, copies*large/smallCopy)
	f.Dependent, f.Independent = memoryLatency(large, int(scale.Of(memoryReads)))
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	if f.WriteLarge, err = writeLarge(path, int(scale.Of(fileSize/mib))); err != nil {
		return f, err
	}
	if f.FileFault, err = fileFault(path); err != nil {
		return f, err
	}
	if f.MemoryFault, err = memoryFault(large); err != nil {
		return f, err
	}
	if f.WriteSmall, err = writeSmall(path, int(scale.Of(smallWrites))); err != nil {
		return f, err
	}
	f.Sync, err = appendSynced(path, int(scale.Of(syncs)))
	return f, err
}

// copyRate copies a block and returns GB/s.
func copyRate(size, times int) float64 {
	from, to := make([]byte, size), make([]byte, size)
	copy(to, from) // brings the pages
	begun := time.Now()
	for range times {
		copy(to, from)
	}
	return float64(size) * float64(times) / float64(time.Since(begun).Nanoseconds())
}

// copyTwice does it in two goroutines and returns the sum.
func copyTwice(size int) float64 {
	var rates [2]float64
	var both sync.WaitGroup
	for i := range rates {
		both.Go(func() { rates[i] = copyRate(size, copies) })
	}
	both.Wait()
	return rates[0] + rates[1]
}

// kept keeps what was read, so that it must be read.
var kept atomic.Uint64

// line is a cache line that leads to another one.
type line struct {
	next uint64
	_    [lineSize - 8]byte
}

// cycle returns lines each of which leads to the next, in random order, and the
// last one to the first.
func cycle(count int) []line {
	lines, order := make([]line, count), driver.NewOrder(7)
	for i := range lines {
		lines[i].next = uint64(i)
	}
	for i := count - 1; i > 0; i-- {
		j := order.Next() % uint64(i)
		lines[i].next, lines[j].next = lines[j].next, lines[i].next
	}
	return lines
}

// memoryLatency walks through memory in random order and returns the ns of a
// read: when its address comes from the read before, and when it does not.
func memoryLatency(size, reads int) (dependent, independent float64) {
	lines, order := cycle(size/lineSize), driver.NewOrder(9)
	at := uint64(0)
	begun := time.Now()
	for range reads {
		at = lines[at].next
	}
	dependent = each(begun, reads)
	sum := at
	begun = time.Now()
	for range reads {
		sum += lines[order.Next()%uint64(len(lines))].next
	}
	independent = each(begun, reads)
	kept.Add(sum)
	return dependent, independent
}

// each returns the ns that one of count took.
func each(begun time.Time, count int) float64 {
	return float64(time.Since(begun).Nanoseconds()) / float64(count)
}

// writeLarge writes a new file in calls of 1 MiB and returns MB/s.
func writeLarge(path string, calls int) (float64, error) {
	took, err := write(path, mib, calls)
	return float64(calls) * mib / 1e6 / took.Seconds(), err
}

// writeSmall writes a new file in small calls and returns the ns of each.
func writeSmall(path string, calls int) (float64, error) {
	took, err := write(path, entrySize, calls)
	return float64(took.Nanoseconds()) / float64(calls), err
}

func write(path string, size, calls int) (took time.Duration, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block := make([]byte, size)
	for i := range block {
		block[i] = byte(i)
	}
	begun := time.Now()
	for range calls {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}

// appendSynced appends and syncs and returns the median in µs.
func appendSynced(path string, calls int) (_ float64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block := make([]byte, entrySize)
	times := make([]time.Duration, calls)
	for i := range times {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := driver.SyncData(f); err != nil {
			return 0, err
		}
		times[i] = time.Since(begun)
	}
	slices.Sort(times)
	return float64(times[calls/2].Nanoseconds()) / 1e3, nil
}

// touch reads a byte of each page and returns the ns of each.
func touch(pages []byte) float64 {
	sum := uint64(0)
	begun := time.Now()
	for i := 0; i < len(pages); i += pageSize {
		sum += uint64(pages[i])
	}
	took := each(begun, len(pages)/pageSize)
	kept.Add(sum)
	runtime.KeepAlive(pages)
	return took
}
