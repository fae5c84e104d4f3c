package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/simd-drive/go/bench/engine/driver"
)

// A row is one case of the driver, on a drive that fits.
type row struct {
	name  string // in the report
	title string // for people
	run   string // the driver's case
	// on is the case that makes the drive; empty when the case makes its own.
	on string
	// changes says that the case changes the drive: each run gets a copy.
	changes bool
	// alone says that the original has nothing like it.
	alone bool
	// counts is the figure that counts; nil is operations per second.
	counts func(driver.Result) float64
	unit   string // of the figure
}

// The cases that make drives.
const (
	makeSmall     = "a_append_8b_batch1024"
	makeKiB       = "c_append_1k_batch100"
	makeFive      = "mk_5m_8b"
	makeLarge     = "mk_2g_1m"
	makeToCompact = "mk_compact"
)

func perSecond(r driver.Result) float64 { return r.PerSecond }
func megabytes(r driver.Result) float64 { return r.Megabytes }
func reads(r driver.Result) float64     { return r.Reads }

// rows are all cases in the order of the report. Those that need one drive stand
// together.
var rows = []row{
	{name: "a_append_8b_batch1024", title: "append 1 M × 8 B, batches of 1024"},
	{name: "b_append_128b_single", title: "append 100 k × 128 B, single"},
	{name: "c_append_1k_batch100", title: "append 200 k × 1 KiB, batches of 100", counts: megabytes, unit: "MB/s"},
	{name: "d_append_1m_single", title: "append 500 × 1 MiB, single", counts: megabytes, unit: "MB/s"},
	{name: "e1_read_touch", title: "random read of 1 M keys, 1 goroutine", on: makeSmall},
	{name: "e1_read_touch_2", title: "random read of 1 M keys, 2 goroutines", on: makeSmall},
	{name: "e2_read_sum_8b", title: "random read of 8 B, all bytes summed", on: makeSmall},
	{name: "e3_read_sum_1k", title: "random read of 1 KiB, all bytes summed", on: makeKiB},
	{name: "e4_read_touch_5m", title: "random read of 5 M keys", on: makeFive},
	{name: "f_batch_read_100", title: "batch read of 100 keys", on: makeSmall},
	{name: "g_iterate", title: "iterate over 1 M × 8 B", on: makeSmall},
	{name: "g2_iterate_sum_1k", title: "iterate over 200 k × 1 KiB, all bytes summed", on: makeKiB},
	{name: "h_open", title: "open 1 M small entries", on: makeSmall},
	{name: "h_open_cold", title: "open 1 M small entries, cache dropped", on: makeSmall},
	{name: "h_open_checkpoint", title: "open 1 M small entries after a clean close", on: makeSmall, alone: true},
	{name: "h_open_5m", title: "open 5 M small entries", run: "h_open", on: makeFive},
	{name: "h_open_cold_5m", title: "open 5 M small entries, cache dropped", run: "h_open_cold", on: makeFive},
	{name: "h_open_checkpoint_5m", title: "open 5 M small entries after a clean close", run: "h_open_checkpoint", on: makeFive, alone: true},
	{name: "h_open_2g", title: "open 2 GB of 1 MiB entries", run: "h_open", on: makeLarge},
	{name: "h_open_cold_2g", title: "open 2 GB of 1 MiB entries, cache dropped", run: "h_open_cold", on: makeLarge},
	{name: "i_mixed_4r_1w", title: "4 readers beside a writer of 128 B", on: makeSmall, changes: true, counts: reads, unit: "reads/s"},
	{name: "i2_readers_only_4", title: "4 readers alone", on: makeSmall, counts: reads, unit: "reads/s"},
	{name: "i3_readers_only_1", title: "1 reader alone", on: makeSmall, counts: reads, unit: "reads/s"},
	{name: "j_mem", title: "memory of 1 M keys after opening", run: "j_mem", on: makeSmall, counts: bytesPerKey, unit: "B a key"},
	{name: "j_mem_5m", title: "memory of 5 M keys after opening", run: "j_mem", on: makeFive, counts: bytesPerKey, unit: "B a key"},
	{name: "j_grow", title: "memory while growing to 5 M keys", counts: growth, unit: "× at rest"},
	{name: "k_stream_1g", title: "stream of 1 GiB into one value", counts: megabytes, unit: "MB/s"},
	{name: "l_compact", title: "compact 200 k × 1 KiB live, 100 k dead", on: makeToCompact, changes: true, counts: megabytes, unit: "MB/s"},
	{name: "m_delete_batch1024", title: "delete 1 M keys, batches of 1024", on: makeSmall, changes: true},
	{name: "n_contend_128", title: "8 writers × 1000 × 128 B"},
	{name: "n_contend_4k", title: "8 writers × 1000 × 4 KiB"},
	{name: "n_contend_64k", title: "8 writers × 1000 × 64 KiB"},
	{name: "o_synced_bare", title: "append and fdatasync of a plain file", alone: true},
	{name: "o_synced_1", title: "synced writes of 128 B, 1 writer", alone: true},
	{name: "o_synced_16", title: "synced writes of 128 B, 16 writers", alone: true},
}

// bytesPerKey is the memory that an open drive takes for each key: what is no
// page of a file, less what the process had before.
func bytesPerKey(r driver.Result) float64 {
	return (r.OpenAnon - r.BaseAnon) * mib / float64(max(r.Ops, 1))
}

// growth is the most memory that a growing drive took, as a multiple of what it
// takes in the end.
func growth(r driver.Result) float64 {
	if rest := r.OpenAnon - r.BaseAnon; rest > 0 {
		return (r.PeakAnon - r.BaseAnon) / rest
	}
	return 0
}

// mib is the unit of sizes of memory in results.
const mib = 1 << 20

// driverCase is the name of the driver's case.
func (w row) driverCase() string {
	if w.run != "" {
		return w.run
	}
	return w.name
}

// figure is the figure that counts.
func (w row) figure(r driver.Result) float64 {
	if w.counts != nil {
		return w.counts(r)
	}
	return perSecond(r)
}

// unitName is the unit of the figure.
func (w row) unitName() string {
	if w.unit != "" {
		return w.unit
	}
	return "ops/s"
}

// runEngines runs all rows on drive-core and on the original.
func (r *Results) runEngines(ctx context.Context, p Plan) {
	for _, w := range rows {
		if p.has(w.name) && ctx.Err() == nil {
			r.Engines = append(r.Engines, p.runRow(ctx, w)...)
		}
	}
	for _, w := range rows {
		if w.on != "" {
			_ = driver.Remove(p.drivePath(w.on)) // the folder goes anyhow
		}
	}
}

// runRow runs one row.
func (p Plan) runRow(ctx context.Context, w row) []Result {
	programs := map[string]string{ours: p.Ours}
	list := []contestant{{impl: ours}}
	if p.Original != "" && !w.alone {
		programs[original] = p.Original
		list = append(list, contestant{impl: original})
	}
	madeErr := p.make(ctx, w.on)
	for i, c := range list {
		list[i].run = func(ctx context.Context) (one driver.Result, err error) {
			if madeErr != nil {
				return one, madeErr
			}
			path, done, err := p.pathFor(w)
			if err != nil {
				return one, err
			}
			defer func() { err = errors.Join(err, done()) }()
			err = ask(ctx, &one, programs[c.impl], p.Shrink, w.driverCase(), path)
			return one, err
		}
	}
	return contest(ctx, p, w.name, list, w.figure)
}

// drivePath is where the drive is that a case makes.
func (p Plan) drivePath(on string) string { return filepath.Join(p.Dir, on+".drive") }

// make makes the drive of a case, unless it is there.
func (p Plan) make(ctx context.Context, on string) error {
	if on == "" {
		return nil
	}
	path := p.drivePath(on)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	var r driver.Result
	if err := ask(ctx, &r, p.Ours, p.Shrink, on, path); err != nil {
		return fmt.Errorf("making a drive: %w", err)
	}
	return nil
}

// pathFor returns the path that a run gets, and what to do afterwards.
func (p Plan) pathFor(w row) (path string, done func() error, err error) {
	if w.on != "" && !w.changes {
		return p.drivePath(w.on), func() error { return nil }, nil
	}
	path = filepath.Join(p.Dir, "run.drive")
	if err := driver.Remove(path); err != nil {
		return "", nil, err
	}
	if w.on != "" {
		err = copyFile(p.drivePath(w.on), path)
	}
	return path, func() error { return driver.Remove(path) }, err
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
