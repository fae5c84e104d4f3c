package report

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/engine/limits"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/engine/workload"
	"github.com/simd-drive/go/bench/figure"
)

// howMeasured is the text over the tables.
const howMeasured = `Every run is a process of its own. The runs of a case are interleaved: each implementation once, then each one again. Before each
run all that the runs before have written is brought onto the disk. Every figure is the median of its own over the rounds. Runs
whose checks differ, the sums of what they read or the ends of what they wrote, did different work, and are reported as failed.

The original is the published simd-r-drive 0.17.5-alpha, driven by a program in Rust (bench/rust-engine). It never syncs, so
nothing is synced on either side but where it is said: figures of writing are those of the page cache. Both read the same files,
which drive-core has written. Opening and closing do not count but where they are what is measured.
`

// howCompared is the text over the table of the stores.
const howCompared = `The same keys of 16 bytes that look random, the same values that do not compress, through one small interface; each store with the
settings named below. What a store syncs is told of each case; only drive-core has a class between never and every commit by
itself. The map is not durable at all and stands there for orientation; no verdict looks at it.
`

// document is the whole Markdown file.
func (r *Results) document(stem string, plots []chart.File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The engine\n\nThe last run of `make bench-engine`, unedited. The same figures are in %s.json.\n\n", stem)
	if r.Shrink > 1 {
		b.WriteString("This was a smoke test: its figures are worth nothing.\n\n")
	}
	if r.Match != "" {
		fmt.Fprintf(&b, "Only the cases were measured whose name matches `%s`.\n\n", r.Match)
	}
	fmt.Fprintf(&b, "%s. %d rounds, %.0f minutes in all.\n\n%s\n## Targets\n\n", r.Machine, r.Rounds, r.Seconds/60, howMeasured)
	b.WriteString(figure.VerdictTable(r.Verdicts))
	for _, p := range plots {
		fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.Name)
	}
	r.engineTable(&b)
	r.memoryTable(&b)
	r.storeTable(&b)
	r.limitTable(&b)
	for _, reason := range r.Failures {
		fmt.Fprintf(&b, "\nFailed: %s\n", strings.Join(strings.Fields(reason), " "))
	}
	return b.String()
}

// engine returns a result of a row; one that was not measured has no rounds.
func (r *Results) engine(impl, name string) Result {
	for _, one := range r.Engines {
		if one.Impl == impl && one.Case == name && one.Error == "" {
			return one
		}
	}
	return Result{}
}

// cell prints a figure, nothing for one that was not measured.
func cell(v float64) string {
	if v == 0 {
		return ""
	}
	return figure.Number(v)
}

// engineTable has a row for each case of the driver.
func (r *Results) engineTable(b *strings.Builder) {
	b.WriteString("\n## Beside the original\n\n| case | unit | drive-core | lowest, highest | original | lowest, highest | ratio | MB/s | original |" +
		" allocations of each |\n|---|---|" + strings.Repeat("---:|", 8) + "\n")
	for _, w := range rows {
		own, theirs := r.engine(ours, w.name), r.engine(original, w.name)
		if own.Rounds == 0 && theirs.Rounds == 0 {
			continue
		}
		ratio := 0.0
		if v := w.figure(theirs.Result); v > 0 {
			ratio = w.figure(own.Result) / v
		}
		allocated := ""
		if own.Allocations != nil {
			allocated = figure.Number(*own.Allocations)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", w.title, w.unitName(), cell(w.figure(own.Result)), extremes(own),
			cell(w.figure(theirs.Result)), extremes(theirs), cell(ratio), cell(own.Megabytes), cell(theirs.Megabytes), allocated)
	}
}

// extremes prints the lowest and the highest run.
func extremes(r Result) string {
	if r.Rounds == 0 {
		return ""
	}
	return figure.Number(r.Lowest) + ", " + figure.Number(r.Highest)
}

// memoryTable has the cases that tell of memory.
func (r *Results) memoryTable(b *strings.Builder) {
	b.WriteString("\n## Memory that is no page of a file\n\n| case | implementation | MiB before opening | MiB open | most while it grew | B a key |\n" +
		"|---|---|---:|---:|---:|---:|\n")
	for _, w := range rows {
		for _, impl := range []string{ours, original} {
			if one := r.engine(impl, w.name); one.OpenAnon > 0 {
				fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", w.title, impl, cell(one.BaseAnon), cell(one.OpenAnon), cell(one.PeakAnon),
					figure.Number(bytesPerKey(one.Result)))
			}
		}
	}
}

// store returns a result of a case of the stores.
func (r *Results) store(name string, c workload.Case) Result {
	for _, one := range r.Stores {
		if one.Impl == name && one.Case == storeCase(c) && one.Error == "" {
			return one
		}
	}
	return Result{}
}

// storeTable has a row for each case and a column for each store.
func (r *Results) storeTable(b *strings.Builder) {
	b.WriteString("\n## Beside other stores in Go\n\n" + howCompared + "\n| case | synced | unit |")
	for _, i := range r.Infos {
		fmt.Fprintf(b, " %s |", i.Name)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---:|", len(r.Infos)) + "\n")
	line := func(title string, c workload.Case, rate workload.Rate) {
		fmt.Fprintf(b, "| %s | %s | %s |", title, c.Durability, rate)
		for _, i := range r.Infos {
			fmt.Fprintf(b, " %s |", cell(rate.Of(r.store(i.Name, c).Result)))
		}
		b.WriteString("\n")
	}
	for _, c := range workload.Cases() {
		line(c.Title, c, c.Rate)
		switch c.Rate {
		case workload.Reads:
			line("the writer meanwhile", c, workload.Writes)
		case workload.Millis:
			line("memory after that and 100 k reads", c, workload.Mebibytes)
			line("files of 1 M keys with 8 B each", c, workload.DiskBytes)
		default: // one line tells it all
		}
	}
	b.WriteString("\n| store | version | settings | classes of durability | what it does beyond these cases |\n|---|---|---|---|---|\n")
	for _, i := range r.Infos {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", i.Name, i.Version, i.Settings, classes(i.Durability), i.More)
	}
}

func classes(list []stores.Durability) string {
	if len(list) == 0 {
		return "not durable"
	}
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

// limitTable has what the machine can do.
func (r *Results) limitTable(b *strings.Builder) {
	if r.Limits == (limits.Figures{}) {
		return
	}
	b.WriteString("\n## Limits of the machine\n\n| limit | unit | |\n|---|---|---:|\n")
	for _, l := range limits.All {
		fmt.Fprintf(b, "| %s | %s | %s |\n", l.Name, l.Unit, cell(l.Of(r.Limits)))
	}
}
