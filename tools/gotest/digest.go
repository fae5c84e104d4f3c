package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// An event is one line of `go test -json`, as `go doc test2json` describes it.
type event struct {
	Action  string
	Package string
	Test    string // empty for what concerns the package
	Output  string
}

// A digest turns the events of one run into what a reader needs.
type digest struct {
	out            io.Writer
	output         map[unit]*strings.Builder // of tests and packages that have not ended
	skips          []string
	passed, failed int
}

// A unit is a test, or a package when its test is empty.
type unit struct{ pkg, test string }

// newDigest returns an empty digest that prints to out.
func newDigest(out io.Writer) *digest {
	return &digest{out: out, output: map[unit]*strings.Builder{}}
}

// add takes one event.
func (d *digest) add(e event) {
	u := unit{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(d.out, e.Output)
	case "output":
		if d.output[u] == nil {
			d.output[u] = &strings.Builder{}
		}
		d.output[u].WriteString(e.Output)
	case "pass", "skip", "fail":
		text := d.take(u)
		if e.Test == "" {
			d.endPackage(e, text)
		} else {
			d.endTest(e, text)
		}
	}
}

// take returns the output of a unit and forgets it.
func (d *digest) take(u unit) string {
	b := d.output[u]
	delete(d.output, u)
	if b == nil {
		return ""
	}
	return b.String()
}

// endTest counts a test that ended and prints the output of a failed one.
func (d *digest) endTest(e event, text string) {
	switch e.Action {
	case "pass":
		d.passed++
	case "fail":
		d.failed++
		fmt.Fprint(d.out, text)
	case "skip":
		d.skips = append(d.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(text)))
	}
}

// endPackage prints the line of a package, and everything that is left when it
// failed: the output of tests that a crash or a timeout ended.
func (d *digest) endPackage(e event, text string) {
	if e.Action == "fail" {
		unfinished := func(a, b unit) int { return cmp.Compare(a.test, b.test) }
		for _, u := range slices.SortedFunc(maps.Keys(d.output), unfinished) {
			if u.pkg == e.Package {
				fmt.Fprint(d.out, d.take(u))
			}
		}
		fmt.Fprint(d.out, text)
		return
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "ok ") {
			fmt.Fprint(d.out, line)
		}
	}
}

// finish prints the skipped tests and the totals, nothing when no test ran.
func (d *digest) finish() {
	if len(d.skips) > 0 {
		fmt.Fprintln(d.out, "\n*** SKIPPED, so not proven by this run:")
		for _, skip := range d.skips {
			fmt.Fprintln(d.out, "***", skip)
		}
	}
	if d.passed+d.failed+len(d.skips) == 0 {
		return
	}
	fmt.Fprintf(d.out, "%d passed, %d failed, %d skipped\n", d.passed, d.failed, len(d.skips))
}

// maxReason bounds the reason for a skipped test, in bytes.
const maxReason = 400

// reason returns what a skipped test said, without the lines of the runner: its end,
// when it said much.
func reason(text string) string {
	var said []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- SKIP") {
			said = append(said, line)
		}
	}
	all := strings.Join(said, " ")
	if over := len(all) - maxReason; over > 0 {
		all = "... " + all[over:]
	}
	return cmp.Or(all, "without a reason")
}
