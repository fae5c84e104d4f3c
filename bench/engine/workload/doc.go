// Package workload runs one case of the comparison of embedded stores on one
// store: a process of its own for each run, one line of JSON at the end, as in
// package driver.
//
// Keys are 16 bytes that look random, and values are windows of a block of
// noise, so that nothing compresses; all stores get the same. The check of a
// case that reads is made of the values that were found.
package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/stores"
)

const (
	kib = 1 << 10
	mb1 = 1 << 20
)

// Case is one case of the comparison.
type Case struct {
	Name  string
	Title string // for people
	// Durability is the class that it asks for.
	Durability stores.Durability
	// Filled says that the folder already holds what Fill writes.
	Filled bool
	// Changes says that it changes what is there.
	Changes bool
	// Rate says what is compared.
	Rate    Rate
	writers int // goroutines that write at a time
	run     func(ctx context.Context, s *subject, scale driver.Scale) (driver.Result, error)
}

// Rate is the figure of a case that counts.
type Rate string

// The rates.
const (
	PerSecond Rate = "ops/s"
	Megabytes Rate = "MB/s"
	Reads     Rate = "reads/s"
	Writes    Rate = "writes/s"
	Millis    Rate = "ms" // less is better
	Mebibytes Rate = "MiB anonymous"
	DiskBytes Rate = "MB on the disk"
)

// Of returns the figure of a result.
func (r Rate) Of(result driver.Result) float64 {
	switch r {
	case Megabytes:
		return result.Megabytes
	case Reads:
		return result.Reads
	case Writes:
		return result.Writes
	case Millis:
		return result.Seconds * float64(time.Second/time.Millisecond)
	case Mebibytes:
		return result.OpenAnon
	case DiskBytes:
		return result.FileAfter / 1e6
	default:
		return result.PerSecond
	}
}

// Less tells that smaller figures are better.
func (r Rate) Less() bool { return r == Millis || r == Mebibytes || r == DiskBytes }

// Fill is the name of the case whose folder the cases with Filled begin with.
const Fill = "put_8b_batch1024"

// filled is how many keys Fill writes.
const filled = 1_000_000

var cases = []Case{
	{Name: Fill, Title: "put 1 M × 8 B, batches of 1024", Durability: stores.Never, Rate: PerSecond, run: putMany(filled, 8, 1024)},
	{Name: "put_128b", Title: "put 50 k × 128 B, single", Durability: stores.Never, Rate: PerSecond, run: putEach(1, 50_000, 128)},
	{
		Name: "put_128b_second", Title: "put 50 k × 128 B, single", Durability: stores.PerSecond, Rate: PerSecond,
		run: putEach(1, 50_000, 128),
	},
	{
		Name: "put_128b_synced", Title: "put 128 B, 1 writer", Durability: stores.EveryCommit, Rate: PerSecond,
		run: putEach(1, 1_000, 128),
	},
	{
		Name: "put_128b_synced_16", Title: "put 128 B, 16 writers", Durability: stores.EveryCommit, Rate: PerSecond,
		writers: 16, run: putEach(16, 200, 128),
	},
	{Name: "put_1k_batch100", Title: "put 50 k × 1 KiB, batches of 100", Durability: stores.Never, Rate: PerSecond, run: putMany(50_000, kib, 100)},
	{Name: "put_1m", Title: "put 100 × 1 MiB, single", Durability: stores.Never, Rate: Megabytes, run: putEach(1, 100, mb1)},
	{Name: "get", Title: "get of 1 M keys, 1 goroutine", Durability: stores.Never, Filled: true, Rate: PerSecond, run: get(1, false)},
	{Name: "get_2", Title: "get, 2 goroutines", Durability: stores.Never, Filled: true, Rate: PerSecond, run: get(2, false)},
	{Name: "get_missing", Title: "get of keys that are missing", Durability: stores.Never, Filled: true, Rate: PerSecond, run: get(1, true)},
	{Name: "get_batch100", Title: "get of 100 keys at a time", Durability: stores.Never, Filled: true, Rate: PerSecond, run: getMany},
	{Name: "each", Title: "iterate over 1 M values", Durability: stores.Never, Filled: true, Rate: PerSecond, run: each},
	{Name: "reopen", Title: "open 1 M keys and get one", Durability: stores.Never, Filled: true, Rate: Millis, run: reopen},
	{
		Name: "mixed_reads", Title: "4 readers beside a writer: reads", Durability: stores.Never, Filled: true, Changes: true, Rate: Reads,
		writers: 1, run: mixed,
	},
	{Name: "delete_batch1000", Title: "delete 100 k keys, batches of 1000", Durability: stores.Never, Filled: true, Changes: true, Rate: PerSecond, run: deleteMany},
}

// Cases returns all cases.
func Cases() []Case { return slices.Clone(cases) }

// Find returns a case by its name.
func Find(name string) (Case, error) {
	i := slices.IndexFunc(cases, func(c Case) bool { return c.Name == name })
	if i < 0 {
		return Case{}, fmt.Errorf("workload: there is no case %q", name)
	}
	return cases[i], nil
}

// Fits tells whether a store can run the case.
func (c Case) Fits(k stores.Kind) bool {
	if k.InMemory() {
		return c.Durability == stores.Never && c.Name != "reopen"
	}
	return k.Offers(c.Durability)
}

// subject is a store that is measured.
type subject struct {
	kind stores.Kind
	dir  string
	opts stores.Options
	stores.Store
}

// Run runs a case on a store in dir, a folder of its own that is made when it is
// not there.
func Run(ctx context.Context, kind stores.Kind, c Case, dir string, scale driver.Scale) (r driver.Result, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, err
	}
	s := &subject{kind: kind, dir: dir, opts: stores.Options{Durability: c.Durability, Writers: max(1, c.writers)}}
	if s.Store, err = kind.Open(dir, s.opts); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if c.Filled && kind.InMemory() {
		fill, err := Find(Fill)
		if err != nil {
			return r, err
		}
		if _, err := fill.run(ctx, s, scale); err != nil {
			return r, err
		}
	}
	if r, err = c.run(ctx, s, scale); err != nil {
		return r, fmt.Errorf("workload: %s, %s: %w", kind.Name, c.Name, err)
	}
	r.Case = c.Name
	return r, nil
}
