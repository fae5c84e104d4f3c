// Command enginebench measures the engine: beside the original, beside other
// stores in Go, and beside what the machine can do.
//
//	enginebench list
//	enginebench CASE PATH [SHRINK]
//	enginebench store STORE CASE FOLDER [SHRINK]
//	enginebench limits PATH [SHRINK]
//	enginebench report -o FILE.md [flags]
//
// Each measuring subcommand runs in this process and prints one line of JSON.
// SHRINK divides the numbers of entries and the seconds, to try whether it
// works. report runs all of them, each as a process of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/limits"
	"github.com/simd-drive/go/bench/engine/report"
	"github.com/simd-drive/go/bench/engine/stores"
	"github.com/simd-drive/go/bench/engine/workload"
)

const (
	// originalPath is where make puts the program of the original.
	originalPath = ".bin/rust-engine/release/rust-engine"
	// defaultRounds is the number of interleaved runs.
	defaultRounds = 3
	// quickShrink divides all cases in a smoke test.
	quickShrink = 1000
)

// errUsage reports a command line that makes no sense.
var errUsage = errors.New("usage: enginebench list | CASE PATH [SHRINK] | store STORE CASE FOLDER [SHRINK] | " +
	"limits PATH [SHRINK] | report -o FILE.md")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "enginebench:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	name, args := args[0], args[1:]
	switch {
	case name == "list" && len(args) == 0:
		list(out)
		return nil
	case name == "report":
		return writeReport(ctx, args, out, log)
	case name == report.StoreCommand:
		return measured(out, args, 3, func(args []string, s driver.Scale) (any, error) {
			return measureStore(ctx, args, s)
		})
	case name == report.LimitsCommand:
		return measured(out, args, 1, func(args []string, s driver.Scale) (any, error) { return limits.Measure(args[0], s) })
	}
	return measured(out, args, 1, func(args []string, s driver.Scale) (any, error) { return driver.Run(ctx, name, args[0], s) })
}

// measured prints what measure gives for so many arguments and an optional
// SHRINK behind them.
func measured(out io.Writer, args []string, count int, measure func([]string, driver.Scale) (any, error)) error {
	scale := driver.Scale(1)
	switch len(args) {
	case count:
	case count + 1:
		n, err := strconv.ParseUint(args[count], 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("SHRINK must be a positive number, not %q", args[count])
		}
		scale = driver.Scale(n)
	default:
		return errUsage
	}
	result, err := measure(args[:count], scale)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// measureStore runs a case on a store.
func measureStore(ctx context.Context, args []string, scale driver.Scale) (driver.Result, error) {
	kind, err := stores.Find(args[0])
	if err != nil {
		return driver.Result{}, err
	}
	c, err := workload.Find(args[1])
	if err != nil {
		return driver.Result{}, err
	}
	return workload.Run(ctx, kind, c, args[2], scale)
}

// list tells what can be measured.
func list(out io.Writer) {
	for _, name := range driver.Cases() {
		fmt.Fprintln(out, name)
	}
	for _, k := range stores.Kinds() {
		for _, c := range workload.Cases() {
			if c.Fits(k) {
				fmt.Fprintln(out, report.StoreCommand, k.Name, c.Name)
			}
		}
	}
	fmt.Fprintln(out, report.LimitsCommand)
}

// writeReport measures everything and writes the document.
func writeReport(ctx context.Context, args []string, out, log io.Writer) (err error) {
	p := report.Plan{Shrink: 1}
	p.Log = log
	flags := flag.NewFlagSet("enginebench report", flag.ContinueOnError)
	flags.SetOutput(log)
	output := flags.String("o", "", "the Markdown `file`; JSON and plots go beside it")
	flags.IntVar(&p.Rounds, "rounds", defaultRounds, "interleaved runs of each implementation; the median counts")
	flags.StringVar(&p.Original, "rust", originalPath, "the `program` of the original in Rust")
	cases := flags.String("cases", "", "only the cases whose names match this `regexp`: those of the contract, s_... for the stores, limits")
	dir := flags.String("dir", "", "`folder` for the data, with room for 4 GB; none is the system's for temporary files")
	quick := flags.Bool("quick", false, "a smoke test of some seconds: one small round, figures without worth")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *output == "" {
		return errUsage
	}
	if *quick {
		p.Shrink, p.Rounds = quickShrink, 1
	}
	if p.Rounds < 1 {
		return errors.New("rounds must be positive")
	}
	if *cases != "" {
		if p.Match, err = regexp.Compile(*cases); err != nil {
			return err
		}
	}
	if _, err := os.Stat(p.Original); err != nil {
		fmt.Fprintf(log, "*** SKIPPED: THE ORIGINAL: %v; `make bench-engine` builds it where cargo is ***\n", err)
		p.Original = ""
	}
	if p.Ours, err = os.Executable(); err != nil {
		return err
	}
	if p.Dir, err = os.MkdirTemp(*dir, "enginebench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	return report.Write(ctx, p, *output, out)
}
