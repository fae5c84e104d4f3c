package service

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/chart"
	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
)

// howMeasured is the text over the tables.
const howMeasured = `Server and client are two processes on this machine, joined by one loopback connection, both new for each run. Runs of a case are
interleaved: each implementation once, then each one again. Every figure is the median of its own over the rounds. All have the
same keys and values: as many as there are calls in flight, 100 at least. A call in flight follows the one before it, and every answer is
compared with what was stored; mixed is nine reads, then a write; a batch is 100 keys in one call, MGET and MSET of Redis.

They do not do the same work. In the first class nothing is synced: the servers of a drive leave it to the system when their file
gets to the disk, and their data survives the end of the process; **Redis keeps no file at all** and loses everything with its process.
In the second class, for writes only, everybody syncs once in a second. A drive's file grows by everything that is written; Redis
keeps the last value of each key. Our client compares each value with a checksum from the file, the others do not. CPU of a process is its
user and system time; the original client's contains the filling of the store. Memory contains the pages of mapped files.
`

// document is the whole Markdown file.
func (r *Results) document(stem string, plots []chart.File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The service beside others\n\nThe last run of `make bench-service`, unedited. The same figures are in %s.json.\n\n", stem)
	if r.Smoke {
		b.WriteString("This was a smoke test: its figures are worth nothing.\n\n")
	}
	if r.Match != "" {
		fmt.Fprintf(&b, "Only cases that match `%s` were measured.\n\n", r.Match)
	}
	for _, what := range r.Missing {
		fmt.Fprintf(&b, "Without %s, which was not found, what needs it was not measured.\n\n", what)
	}
	fmt.Fprintf(&b, "%s. %d rounds of %g s, %.0f minutes in all.\n\n%s\n## Targets\n\n",
		r.Machine, r.Rounds, r.Run, r.Seconds/60, howMeasured)
	b.WriteString(figure.VerdictTable(r.Verdicts))
	for _, p := range plots {
		fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.Name)
	}
	for _, c := range cases(r.Smoke) {
		r.table(&b, c)
	}
	b.WriteString("\n## Implementations\n\n| name | settings |\n|---|---|\n")
	for _, i := range r.all {
		fmt.Fprintf(&b, "| %s | %s |\n", i.Name, i.Settings)
	}
	return b.String()
}

// table writes what was measured in a case, if anything.
func (r *Results) table(b *strings.Builder, c kv.Case) {
	begun := false
	for _, one := range r.Results {
		if one.Case != c {
			continue
		}
		if !begun {
			begun = true
			fmt.Fprintf(b, "\n## %s\n\n", strings.ReplaceAll(c.String(), "_", " "))
			b.WriteString("| implementation | calls/s | lowest, highest | MB/s | p50 µs | p99 µs | server CPU µs per call | client CPU µs per call | server MB | client's allocations per call |\n")
			b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
		}
		if one.Error != "" {
			fmt.Fprintf(b, "| %s | failed: %s |\n", one.Impl, strings.NewReplacer("|", "/", "\n", " ").Replace(one.Error))
			continue
		}
		allocations := ""
		if one.Allocations != nil {
			allocations = figure.Number(*one.Allocations)
		}
		fmt.Fprintf(b, "| %s | %s | %s, %s | %s | %s | %s | %s | %s | %s | %s |\n", one.Impl, figure.Number(one.Calls),
			figure.Number(one.Lowest), figure.Number(one.Highest), figure.Number(one.Megabytes), figure.Number(one.P50), figure.Number(one.P99),
			figure.Number(one.ServerCPU), figure.Number(one.ClientCPU), figure.Number(one.ServerMemory), allocations)
	}
}
