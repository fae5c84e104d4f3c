package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// row is one measured case.
type row struct {
	name   string
	run    func(ctx context.Context, d time.Duration) (sample, error)
	median sample
}

// sample is the outcome of one measurement.
type sample struct {
	perSecond      float64       // operations, or entries of batches
	bytesPerSecond float64       // of values; 0 when it says nothing
	p50, p99       time.Duration // of one operation; 0 when not taken
}

// measure runs the rows in turn, round after round, so that what disturbs the
// machine for a while disturbs all of them.
func measure(ctx context.Context, rows []row, s settings) error {
	samples := make([][]sample, len(rows))
	for range s.rounds {
		for i, r := range rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			got, err := r.run(ctx, s.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			samples[i] = append(samples[i], got)
		}
	}
	for i := range rows {
		slices.SortFunc(samples[i], func(a, b sample) int {
			switch {
			case a.perSecond < b.perSecond:
				return -1
			case a.perSecond > b.perSecond:
				return 1
			}
			return 0
		})
		rows[i].median = samples[i][len(samples[i])/2]
	}
	return nil
}

// printTable writes the rows as a Markdown table.
func printTable(w io.Writer, title string, rows []row) {
	fmt.Fprintf(w, "\n### %s\n\n", title)
	fmt.Fprintln(w, "| case | per second | MB/s | p50 | p99 |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|")
	for _, r := range rows {
		m := r.median
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", r.name, count(m.perSecond), megabytes(m.bytesPerSecond), latency(m.p50), latency(m.p99))
	}
}

// count prints a number with thousands separated.
func count(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func megabytes(v float64) string {
	if v == 0 {
		return ""
	}
	return count(v / 1e6)
}

func latency(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.Round(100 * time.Nanosecond).String()
}
