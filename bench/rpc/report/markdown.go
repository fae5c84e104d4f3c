package report

import (
	"fmt"
	"strings"

	"github.com/simd-drive/go/bench/figure"
)

// howMeasured is the text over the tables.
const howMeasured = `Client and server are two processes on this machine, joined by one loopback connection. The runs of a case are interleaved: each
implementation once, then each one again. Every figure is the median of its own over the rounds. Allocations and CPU time are
those of both processes together. Each worker has one call in flight and checks the answer.

Every implementation carries the same service with its library's defaults unless its line at the end says otherwise. They do not
do the same work: gRPC, Connect, net/rpc and drpc encode typed messages, NATS passes each message through a broker, yamux and the
bare connections have no methods, codecs or errors, and the bare connections no flow control either. These are ceilings.
`

// document is the whole Markdown file.
func (r *Results) document(stem string, plots []plotFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Calls over one connection\n\nThe last full run of `make bench-rpc`, unedited. The same figures are in %s.json.\n\n", stem)
	if r.Scale.Smoke {
		b.WriteString("This was a smoke test: its figures are worth nothing.\n\n")
	}
	fmt.Fprintf(&b, "%s. %d rounds, %.0f minutes in all.\n\n%s\n## Targets\n\n", r.Machine, r.Rounds, r.Seconds/60, howMeasured)
	b.WriteString(figure.VerdictTable(r.Verdicts))
	for _, p := range plots {
		fmt.Fprintf(&b, "\n![%s](%s)\n", p.title, p.name)
	}
	for _, c := range echoCases {
		r.echoTable(&b, c[0], c[1])
	}
	r.streamTable(&b)
	r.mixedTable(&b)
	r.slowTable(&b)
	r.idleTable(&b)
	b.WriteString("\n## Implementations\n\n| name | settings |\n|---|---|\n")
	for _, i := range r.all {
		fmt.Fprintf(&b, "| %s | %s |\n", i.Name, i.Settings)
	}
	return b.String()
}

// failed writes the row of an implementation that was not measured.
func failed(b *strings.Builder, impl, reason string) {
	fmt.Fprintf(b, "| %s | failed: %s |\n", impl, strings.NewReplacer("|", "/", "\n", " ").Replace(reason))
}

func (r *Results) echoTable(b *strings.Builder, size, inFlight int) {
	fmt.Fprintf(b, "\n## %s\n\n", capital(echoName(size, inFlight)))
	b.WriteString("| implementation | calls/s | lowest, highest | MB/s | p50 µs | p99 µs | allocations per call | CPU µs per call | of these at the server |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, e := range r.Echo {
		switch {
		case e.Size != size || e.InFlight != inFlight:
		case e.Error != "":
			failed(b, e.Impl, e.Error)
		default:
			allocations := "not counted"
			if e.Allocations != nil {
				allocations = figure.Number(*e.Allocations)
			}
			fmt.Fprintf(b, "| %s | %s | %s, %s | %s | %s | %s | %s | %s | %s |\n", e.Impl, figure.Number(e.Calls), figure.Number(e.Lowest), figure.Number(e.Highest),
				figure.Number(e.Megabytes), figure.Number(e.P50), figure.Number(e.P99), allocations, figure.Number(e.CPU), figure.Number(e.ServerCPU))
		}
	}
}

func (r *Results) streamTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Stream of %s in writes of 64 KiB\n\n", figure.Size(int(r.Scale.Stream)))
	b.WriteString("| implementation | up MB/s | down MB/s | CPU s per GiB up | down |\n|---|---:|---:|---:|---:|\n")
	for _, s := range r.Stream {
		if s.Error != "" {
			failed(b, s.Impl, s.Error)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", s.Impl, figure.Number(s.Up), figure.Number(s.Down), figure.Number(s.UpCPU), figure.Number(s.DownCPU))
	}
}

func (r *Results) mixedTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Calls of %s, one in flight, beside a stream of %s on the same connection\n\n",
		figure.Size(r.Scale.Mixed.Size), figure.Size(int(r.Scale.Mixed.Bytes)))
	b.WriteString("| implementation | stream | p50 µs without it | p50 µs | p99 µs | longest µs | calls | stream MB/s | alone MB/s | part |\n")
	b.WriteString("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, m := range r.Mixed {
		if m.Error != "" {
			failed(b, m.Impl, m.Error)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", m.Impl, m.Direction, figure.Number(m.IdleP50), figure.Number(m.P50),
			figure.Number(m.P99), figure.Number(m.Max), figure.Number(m.Calls), figure.Number(m.Bulk), figure.Number(m.Alone), figure.Number(m.Share))
	}
}

func (r *Results) slowTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Client that asks for %d answers of %s and does not read\n\n", r.Scale.Slow.Count, figure.Size(r.Scale.Slow.Size))
	b.WriteString("The server gives out the same memory for every answer, so what it takes is what its transport copies. Memory is resident.\n\n")
	b.WriteString("| implementation | requests that reached the service | MiB before | peak | at the end | seconds watched |\n|---|---:|---:|---:|---:|---:|\n")
	for _, s := range r.Slow {
		if s.Error != "" {
			failed(b, s.Impl, s.Error)
			continue
		}
		reached := "not counted"
		if s.Reached != nil {
			reached = figure.Number(float64(*s.Reached))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", s.Impl, reached, figure.Number(s.Before), figure.Number(s.Peak), figure.Number(s.End),
			figure.Number(s.Memory[len(s.Memory)-1].Seconds))
	}
}

func (r *Results) idleTable(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s idle connections\n\n", figure.Number(float64(r.Scale.Idle)))
	b.WriteString("| implementation | server KB each | before collection | client KB each | server goroutines each |\n|---|---:|---:|---:|---:|\n")
	for _, i := range r.Idle {
		if i.Error != "" {
			failed(b, i.Impl, i.Error)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", i.Impl, figure.Number(i.Server/1000), figure.Number(i.ServerBefore/1000),
			figure.Number(i.Client/1000), figure.Number(i.Goroutines))
	}
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
