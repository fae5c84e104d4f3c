package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Limits of a benchmark.
const (
	maxBenchCount = 100_000_000
	maxBenchValue = gib
	maxBenchBatch = 1_000_000
)

// benchCmd measures single writes, batches and reads in random order. For a
// file it uses a store of its own in the same directory, removed at the end:
// STORE itself is not touched. A server can only be measured in its own store,
// which keeps dead bytes until it is compacted; --scratch says that this is
// meant.
type benchCmd struct {
	Count   int      `short:"n" default:"10000" placeholder:"N" help:"Operations of each kind."`
	Size    byteSize `short:"s" default:"1K" placeholder:"SIZE" help:"Size of a value: a number with k, m or g."`
	Batch   int      `default:"100" placeholder:"N" help:"Entries of a batch."`
	Scratch bool     `help:"Allow scratch keys in a remote store; they are deleted afterwards."`
}

// Validate is called by kong.
func (c *benchCmd) Validate() error {
	switch {
	case c.Count < 1 || c.Count > maxBenchCount:
		return fmt.Errorf("--count must be from 1 to %d", maxBenchCount)
	case c.Size < 2 || c.Size > maxBenchValue: // a store takes neither 0 bytes nor a single zero byte
		return errors.New("--size must be from 2 bytes to 1g")
	case c.Batch < 1 || c.Batch > maxBenchBatch || int64(c.Batch)*int64(c.Size) > maxBenchValue:
		return fmt.Errorf("--batch must be from 1 to %d, and a batch no larger than 1g", maxBenchBatch)
	}
	return nil
}

// benchResult is the figure of one kind of operation.
type benchResult struct {
	Operation string  `json:"operation"`
	Count     int     `json:"count"` // entries
	ValueSize int64   `json:"value_size"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"entries_per_second"`
	MBPerS    float64 `json:"mb_per_second"` // 10^6 bytes of values
	P50us     float64 `json:"p50_us"`        // of one call
	P99us     float64 `json:"p99_us"`
}

const benchHeader = "OPERATION      ENTRIES/S        MB/S      P50 µs      P99 µs"

func (r benchResult) text() string {
	return fmt.Sprintf("%-11s %12.0f %11.1f %11.1f %11.1f", r.Operation, r.PerSecond, r.MBPerS, r.P50us, r.P99us)
}

func (c *benchCmd) Run(a *app) error {
	address := a.store
	if isRemote(address) {
		if !c.Scratch {
			return usagef("bench writes scratch keys into a remote store; --scratch allows that")
		}
	} else {
		if err := requireFile(address); err != nil {
			return err
		}
		dir, err := os.MkdirTemp(filepath.Dir(address), ".drive-bench-*")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // it is temporary, and ours alone
		address = filepath.Join(dir, "scratch")
	}
	return a.with(address, createStore, func(t target) (err error) {
		b := bench{cmd: c, app: a, target: t, prefix: "drive-bench/" + rand.Text() + "/"}
		b.bar = newProgress(a.stderr, "measuring", int64(c.Count)*int64(len(benchOperations)), false)
		defer b.bar.finish()
		if isRemote(address) {
			defer func() {
				// Also after an interrupt, so not under its context.
				if cleanErr := b.clean(context.WithoutCancel(a.ctx)); err == nil {
					err = cleanErr
				}
			}()
		}
		return b.all()
	})
}

// bench is one benchmark under way.
type bench struct {
	cmd     *benchCmd
	app     *app
	target  target
	prefix  string // of the scratch keys, unlike any other run's
	bar     *progress
	written int // keys 0..written-1 exist
}

// benchOperations are measured in this order. Each step works on up to batch
// entries from the given one on, and returns how many it did.
var benchOperations = []struct {
	name string
	step func(b *bench, ctx context.Context, from int, value []byte) (int, error)
}{
	{"write", (*bench).write},
	{"write batch", (*bench).writeBatch},
	{"read", (*bench).read},
	{"exists", (*bench).exists},
}

func (b *bench) all() error {
	value := make([]byte, b.cmd.Size)
	_, _ = rand.Read(value) // never fails
	if err := b.app.out.heading(benchHeader); err != nil {
		return err
	}
	for _, op := range benchOperations {
		times := make([]time.Duration, 0, b.cmd.Count)
		start := time.Now()
		for done := 0; done < b.cmd.Count; {
			if err := b.app.ctx.Err(); err != nil {
				return err
			}
			began := time.Now()
			n, err := op.step(b, b.app.ctx, done, value)
			if err != nil {
				return err
			}
			times = append(times, time.Since(began))
			done += n
			b.bar.add(int64(n))
		}
		if err := b.app.out.emit(b.figure(op.name, time.Since(start), times)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) figure(name string, took time.Duration, times []time.Duration) benchResult {
	slices.Sort(times)
	quantile := func(q float64) float64 {
		return float64(times[int(q*float64(len(times)-1))].Nanoseconds()) / 1e3
	}
	perSecond := float64(b.cmd.Count) / max(took.Seconds(), 1e-9)
	return benchResult{
		Operation: name, Count: b.cmd.Count, ValueSize: int64(b.cmd.Size), Seconds: took.Seconds(),
		PerSecond: perSecond, MBPerS: perSecond * float64(b.cmd.Size) / 1e6,
		P50us: quantile(0.50), P99us: quantile(0.99),
	}
}

func (b *bench) key(i int) key { return keyOf(fmt.Appendf(nil, "%s%d", b.prefix, i)) }

func (b *bench) write(ctx context.Context, i int, value []byte) (int, error) {
	_, err := b.target.write(ctx, b.key(i), value)
	b.written = max(b.written, i+1)
	return 1, err
}

func (b *bench) writeBatch(ctx context.Context, from int, value []byte) (int, error) {
	items := make([]item, min(b.cmd.Batch, b.cmd.Count-from))
	for i := range items {
		items[i] = item{b.key(from + i), value}
	}
	_, err := b.target.writeBatch(ctx, items)
	return len(items), err
}

func (b *bench) read(ctx context.Context, _ int, _ []byte) (int, error) {
	_, err := b.target.read(ctx, b.key(mathrand.IntN(b.cmd.Count)), io.Discard)
	return 1, err
}

func (b *bench) exists(ctx context.Context, _ int, _ []byte) (int, error) {
	_, err := b.target.exists(ctx, b.key(mathrand.IntN(b.cmd.Count)))
	return 1, err
}

// clean deletes the scratch keys.
func (b *bench) clean(ctx context.Context) error {
	for i := range b.written {
		if _, err := b.target.remove(ctx, b.key(i)); err != nil {
			return fmt.Errorf("deleting the scratch keys %s*: %w", b.prefix, err)
		}
	}
	return nil
}
