// Command rpcbench compares muxio with other ways to make calls: client and
// server in two processes, one loopback connection.
//
// Each measuring subcommand prints one line of JSON for each implementation:
//
//	rpcbench list
//	rpcbench echo   IMPLS SIZE CONC SECONDS
//	rpcbench stream IMPLS BYTES
//	rpcbench hol    IMPLS
//	rpcbench slow   IMPLS
//	rpcbench idle   N
//	rpcbench report -o FILE.md
//
// IMPLS is a comma list of names or all. Sizes may end in K, M or G. Figures
// are medians over -rounds interleaved runs.
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
	"strconv"
	"strings"
	"time"

	"github.com/simd-drive/go/bench/rounds"
	"github.com/simd-drive/go/bench/rpc/measure"
	"github.com/simd-drive/go/bench/rpc/report"
)

const (
	// originalPath is where make puts the program of the original.
	originalPath = ".bin/rust-rpc/release/rust-rpc"
	// defaultRounds is the number of interleaved runs.
	defaultRounds = 3
)

// errFailed reports that an implementation could not be measured; its line
// tells why.
var errFailed = errors.New("an implementation failed")

// errUsage reports a command line that makes no sense.
var errUsage = errors.New("usage: rpcbench list | echo IMPLS SIZE CONC SECONDS | stream IMPLS BYTES | " +
	"hol IMPLS | slow IMPLS | idle N | report -o FILE.md")

func main() {
	measure.ExitIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "rpcbench:", err)
		os.Exit(1)
	}
}

// program is what the command line says.
type program struct {
	plan     rounds.Plan
	scale    report.Scale
	all      []measure.Implementation
	idle     string // which implementations idle measures
	output   string
	out, log io.Writer
}

// run carries out a command line.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	p := program{out: out, log: log, scale: report.Full}
	flags := flag.NewFlagSet("rpcbench "+args[0], flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&p.plan.Rounds, "rounds", defaultRounds, "interleaved runs of each implementation; the median counts")
	flags.StringVar(&p.output, "o", "", "report: the Markdown file; JSON and plots go beside it")
	flags.StringVar(&p.idle, "impls", "muxio", "idle: the implementations")
	quick := flags.Bool("quick", false, "a smoke test of a few seconds: one short round, figures without worth")
	verbose := flags.Bool("v", false, "tell about each run on standard error")
	original := flags.String("rust", originalPath, "the program of the original in Rust")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *quick {
		p.scale, p.plan.Rounds = report.Quick, 1
	}
	if p.plan.Rounds < 1 {
		return errors.New("rounds must be positive")
	}
	if *verbose || args[0] == "report" {
		p.plan.Log = log
	}
	if _, err := os.Stat(*original); err != nil {
		fmt.Fprintf(log, "*** SKIPPED: rust, rust-nodelay: %v; `make bench-rpc` builds it where cargo is ***\n", err)
		*original = ""
	}
	var err error
	if p.all, err = measure.Implementations(*original); err != nil {
		return err
	}
	return p.do(ctx, args[0], flags.Args())
}

// do carries out one subcommand.
func (p program) do(ctx context.Context, name string, args []string) error {
	switch {
	case name == "list" && len(args) == 0:
		for _, i := range p.all {
			fmt.Fprintf(p.out, "%-13s %s\n", i.Name, i.Settings)
		}
		return nil
	case name == "echo" && len(args) == 4:
		return p.echo(ctx, args)
	case name == "stream" && len(args) == 2:
		n, err := bytesOf(args[1])
		return p.with(args[0], err, func(chosen []measure.Implementation) error {
			return lines(p.out, measure.Stream(ctx, p.plan, chosen, n), func(r measure.StreamResult) string { return r.Error })
		})
	case name == "hol" && len(args) == 1:
		return p.with(args[0], nil, func(chosen []measure.Implementation) error {
			return lines(p.out, measure.Mixed(ctx, p.plan, chosen, p.scale.Mixed), func(r measure.MixedResult) string { return r.Error })
		})
	case name == "slow" && len(args) == 1:
		return p.with(args[0], nil, func(chosen []measure.Implementation) error {
			return lines(p.out, measure.Slow(ctx, p.plan, chosen, p.scale.Slow), func(r measure.SlowResult) string { return r.Error })
		})
	case name == "idle" && len(args) == 1:
		n, err := bytesOf(args[0])
		return p.with(p.idle, err, func(chosen []measure.Implementation) error {
			return lines(p.out, measure.Idle(ctx, p.plan, chosen, int(n)), func(r measure.IdleResult) string { return r.Error })
		})
	case name == "report" && len(args) == 0 && p.output != "":
		return report.Write(ctx, p.plan, p.all, p.scale, p.output, p.out)
	}
	return errUsage
}

func (p program) echo(ctx context.Context, args []string) error {
	size, sizeErr := bytesOf(args[1])
	inFlight, inFlightErr := strconv.Atoi(args[2])
	seconds, secondsErr := strconv.ParseFloat(args[3], 64)
	c := measure.EchoCase{Size: int(size), InFlight: inFlight, Duration: time.Duration(seconds * float64(time.Second))}
	err := errors.Join(sizeErr, inFlightErr, secondsErr)
	if err == nil && (c.InFlight < 1 || c.Duration <= 0) {
		err = errors.New("CONC and SECONDS must be positive")
	}
	return p.with(args[0], err, func(chosen []measure.Implementation) error {
		return lines(p.out, measure.Echo(ctx, p.plan, chosen, c), func(r measure.EchoResult) string { return r.Error })
	})
}

// with runs do with the implementations of a list, unless the rest of the
// command line was wrong.
func (p program) with(list string, err error, do func([]measure.Implementation) error) error {
	if err != nil {
		return err
	}
	chosen, err := measure.Select(p.all, list)
	if err != nil {
		return err
	}
	return do(chosen)
}

// lines prints results, and fails when one of them has failed.
func lines[R any](out io.Writer, results []R, failure func(R) string) error {
	text := json.NewEncoder(out)
	var failed error
	for _, r := range results {
		if err := text.Encode(r); err != nil {
			return err
		}
		if failure(r) != "" {
			failed = errFailed
		}
	}
	return failed
}

// bytesOf parses a positive number with K, M or G for its binary multiples.
func bytesOf(text string) (int64, error) {
	digits, shift := text, 0
	for i, unit := range []string{"K", "M", "G"} {
		if rest, found := strings.CutSuffix(text, unit); found {
			digits, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err == nil && (n < 1 || n > 1<<50>>shift) {
		err = fmt.Errorf("size %s is out of range", text)
	}
	return n << shift, err
}
