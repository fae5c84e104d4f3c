package originals

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/figure"
	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/program"
)

// howMeasured is the text over the tables.
const howMeasured = `The clients are the published ones, simd-r-drive-ws-client 0.17.5-alpha from crates.io and 0.11.1a0 from PyPI, unmodified; the
programs around them are in interop. The original servers are simd-r-drive-ws-server 0.17.5-alpha and, for the Python client, which
understands no other, 0.11.0-alpha. Ours is drive-ws-server with %s.
The originals never sync, so ours does not either: what is written is in the page cache. They have no work in the background, so
that of ours is switched off.

Each run has a fresh server, a fresh file in the same folder as all others, and one connection over loopback. The keys are written
first, %d of them or as many as there are calls in flight, each with noise of its own as the value. Each worker then has one call in
flight and checks the answer. The runs of a case are interleaved: each client and server once, then each one again. Every figure is
the median of its own over the rounds; the lowest and the highest calls/s are in the JSON file.

With one call in flight the original server reaches some 11 calls/s, because of Nagle's algorithm and delayed acknowledgements. The
target is for this case, single calls with small values; of the others nothing is asked. Our Go client, in the native protocol on our
server, stands beside for orientation.
`

// titles are the headings of the operations.
var titles = []struct{ op, title string }{
	{kv.Read, "Read"},
	{kv.Write, "Write"},
	{kv.BatchRead, "Read of 100 keys by one call"},
	{kv.BatchWrite, "Write of 100 keys by one call"},
}

// document is the whole Markdown file.
func (r *Results) document(stem string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The original clients on both servers\n\nThe last run of `make bench-originals`, unedited. The same figures are in %s.json.\n\n", stem)
	if r.Match != "" {
		fmt.Fprintf(&b, "Only the cases were measured whose description has %q.\n\n", r.Match)
	}
	fmt.Fprintf(&b, "%s. %d rounds, %s s for a run, %.0f minutes in all.\n\n", r.Machine, r.Rounds, figure.Number(r.Run), r.Seconds/60)
	fmt.Fprintf(&b, howMeasured, "`"+strings.Join(program.LikeOriginal, " ")+"`", kv.BatchKeys)
	b.WriteString("\n## Target\n\n" + figure.VerdictTable(r.Verdicts))
	for _, t := range titles {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		r.table(&b, t.op)
	}
	fmt.Fprintf(&b, "\nCases with more than %s of values in flight are left out.\n", figure.Size(kv.MaxInFlightBytes))
	if !r.has(clientPython) {
		b.WriteString("\nThe Python client was not measured: it was not installed.\n")
	}
	for _, one := range r.Results {
		if one.Error != "" {
			fmt.Fprintf(&b, "\nFailed: %s\n", strings.Join(strings.Fields(one.Error), " "))
		}
	}
	return b.String()
}

// has tells whether a client was tried.
func (r *Results) has(client string) bool {
	for _, one := range r.Results {
		if one.Client == client {
			return true
		}
	}
	return false
}

// table has a row for each case of an operation and each original client, and
// our own client's figures in the rows of the Rust client.
func (r *Results) table(b *strings.Builder, op string) {
	b.WriteString("| value | in flight | client | original calls/s | ours calls/s | ratio | original p50 µs | ours p50 µs | original p99 µs | ours p99 µs |" +
		" Go client calls/s | p50 µs | p99 µs |\n|---:|---:|---|" + strings.Repeat("---:|", 10) + "\n")
	for _, c := range cases() {
		if c.Op != op {
			continue
		}
		for _, client := range []string{clientRust, clientPython} {
			theirs, ours := r.find(client, serverTheirs, c), r.find(client, serverOurs, c)
			if theirs.Calls == 0 && ours.Calls == 0 {
				continue
			}
			ratio := 0.0
			if theirs.Calls > 0 {
				ratio = ours.Calls / theirs.Calls
			}
			own := Result{}
			if client == clientRust {
				own = r.find(clientGo, serverOurs, c)
			}
			fmt.Fprintf(b, "| %s | %d | %s |", figure.Size(c.Size), c.InFlight, client)
			for _, v := range []float64{
				theirs.Calls, ours.Calls, ratio, theirs.P50, ours.P50, theirs.P99, ours.P99, own.Calls, own.P50, own.P99,
			} {
				fmt.Fprintf(b, " %s |", cell(v))
			}
			b.WriteString("\n")
		}
	}
}

// cell prints a figure, nothing for one that was not measured.
func cell(v float64) string {
	if v == 0 {
		return ""
	}
	return figure.Number(v)
}
