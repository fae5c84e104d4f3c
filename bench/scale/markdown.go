package scale

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/figure"
)

// What is worked out: a drive of so many keys, and one of so many bytes.
const (
	manyKeys   = 100_000_000
	largeBytes = 200e9
	// largeValue is the size of the values in the large drive.
	largeValue = 2000
)

const (
	mb       = 1e6
	gb       = 1e9
	pageSize = 4096
	pageWord = 8 // of a page table, for each page
)

// markdown returns the document.
func (r Report) markdown(name string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	fill, walk, idx := r.Results[Fill], r.Results[Walk], r.Results[Checkpoint]
	p("# Scaling\n\nThe last run of `make bench-scale`, unedited. The figures are in [%s.json](%s.json).\n\n%s\n\n", name, name, r.Machine)

	p("## %s keys\n\nValues of %d bytes: the smallest drive for its keys. Nothing is synced but by closing.\n\n", figure.Number(float64(r.Plan.Keys)), valueSize)
	p("| what | measured |\n|---|---:|\n")
	row := func(what, format string, args ...any) { p("| %s | "+format+" |\n", append([]any{what}, args...)...) }
	row("the file; what lies beside it", "%s MB; %s MB", num(float64(fill.File)/mb), num(float64(fill.Beside)/mb))
	row(fmt.Sprintf("writing all, %d at once", batch), "%s keys/s", num(float64(fill.Keys)/fill.Seconds))
	row("the slowest batch, which growth of the index is part of", "%s ms", num(fill.Slowest))
	row("memory after writing; the most meanwhile", "%s; %s B a key", num(fill.PerKey()), num(float64(fill.Peak)/float64(fill.Keys)))
	row("closing, which syncs and writes what lies beside the drive", "%s s", num(fill.Closing))
	row("opening without an index beside the drive", "%s s, %s keys/s", num(walk.Seconds), num(float64(walk.Keys)/walk.Seconds))
	row("memory then", "%s B a key", num(walk.PerKey()))
	row("opening with what closing left there; the first read", "%s s; %s us", num(idx.Seconds), num(idx.First))
	row("memory then", "%s B a key", num(idx.PerKey()))
	row("random reads, the file in the system's cache", "%s /s", num(r.Results[Warm].Reads))
	if cold := r.Results[Cold]; cold.P50 > 0 {
		row("random reads from the disk, p50; p99", "%s; %s us", num(cold.P50), num(cold.P99))
	} else {
		row("random reads from the disk", "not measured: opening had mapped the pages, which the system then keeps")
	}

	sparse, opened := r.Results[Sparse], r.Results[SparseOpen]
	p("\n## A file of %s GB\n\n%d values of %d MiB, all holes: it takes %s MB on the disk.\n\n", num(float64(sparse.File)/gb), sparse.Keys, holeBytes>>20, num(float64(sparse.OnDisk)/mb))
	p("| what | measured |\n|---|---:|\n")
	row("opening", "%s s", num(opened.Seconds))
	row("memory then", "%s MB", num(float64(opened.Memory)/mb))
	row("reading both ends of every value", "%s values/s", num(opened.Reads))
	row("opening, writing 1 MiB behind it all, opening and reading it", "%s s", num(r.Results[SparseWrite].Seconds))

	p("\n## Worked out\n\nFrom the figures above, with nothing added for what a larger machine does better or worse.\n\n")
	p("| drive | file | memory of the index | files beside it | opening without an index there |\n|---|---:|---:|---:|---:|\n")
	line := func(what string, keys, bytes float64) {
		perKey := float64(fill.Beside) / float64(fill.Keys)
		p("| %s | %s GB | %s GB | %s GB | %s s |\n", what, num(bytes/gb), num(keys*walk.PerKey()/gb), num(keys*perKey/gb), num(keys/float64(walk.Keys)*walk.Seconds))
	}
	line(figure.Number(manyKeys)+" keys, values of 8 bytes", manyKeys, manyKeys*float64(fill.File)/float64(fill.Keys))
	line(fmt.Sprintf("200 GB, values of %d bytes", largeValue), largeBytes/aligned(largeValue), largeBytes)
	p("\n## Where the design bends\n\n")
	p("- **Memory of the index.** All keys are in memory: %s keys take %s GB whatever their values. There is no index on the disk that reads\n  would search.\n",
		figure.Number(manyKeys), num(manyKeys*walk.PerKey()/gb))
	p("- **Opening without an index beside the drive** reads the metadata of every entry, which for small values is the whole file, from its end: at disk\n  speed if the file is not in the cache.\n")
	p("- **Small values.** An entry takes a multiple of 64 bytes: 8 bytes of value take 64 of the file.\n")
	p("- **Cold reads** wait for the disk once for each value, as no two keys lie together on purpose. Batches of reads do not overlap these waits:\n  they are page faults.\n")
	p("- **Page tables.** Reading every page of 200 GB takes up to %s MB of them, which the system counts for the process and can drop.\n", num(largeBytes/pageSize*pageWord/mb))
	p("- **Address space.** A file that outgrows its reserved range (64 GiB at first) is mapped again, twice as far; entries read before keep\n  the old mapping, which is addresses and no memory. Systems with 32-bit addresses map some hundred MiB.\n")
	p("- **Hashes** of 64 bits stand for keys: among %s keys the chance that any two share one is about %s.\n", figure.Number(manyKeys), fmt.Sprintf("%.0e", manyKeys*manyKeys/2/18446744073709551616.0))
	p("- **Compaction** needs room for a second file, and both indexes while it runs.\n")
	return b.String()
}

// aligned returns what an entry with a value of n bytes takes in a file.
func aligned(n float64) float64 {
	const metadata, alignment = 20, 64
	entries := int64(n+metadata+alignment-1) / alignment
	return float64(entries * alignment)
}

// num prints three significant digits.
func num(v float64) string { return figure.Number(v) }
