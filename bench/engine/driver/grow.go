package driver

import (
	"sync"
	"time"

	"github.com/simd-drive/go/bench/memory"
	"github.com/simd-drive/go/drive-core"
)

// lookEvery is how often memory is looked at while a drive grows.
const lookEvery = time.Millisecond

// grow fills a drive and tells the most memory that it took meanwhile.
func grow(path string, count uint64) (Result, error) {
	base := memory.Now()
	store, err := fresh(path, likeOriginal)
	return withStore(store, err, func(store *drive.Store) (Result, error) {
		c := StartClock()
		stop := watchMemory()
		tail, err := writeBatches(store, count, numberSize, growBatch)
		peak := stop()
		r := c.Stop(count, count*numberSize, uint64(tail))
		r.BaseAnon, r.PeakAnon, r.OpenAnon = mib(base.Anonymous), mib(peak), mib(memory.Now().Anonymous)
		return r, err
	})
}

// watchMemory looks at the memory that is no page of a file until stop is
// called, which returns the most that was seen.
func watchMemory() (stop func() int64) {
	done := make(chan struct{})
	var peak int64
	var watcher sync.WaitGroup
	watcher.Go(func() { // ends when stop is called, which waits for it
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			peak = max(peak, memory.Now().Anonymous)
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	})
	return func() int64 {
		close(done)
		watcher.Wait()
		return max(peak, memory.Now().Anonymous)
	}
}
