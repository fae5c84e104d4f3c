// Command servicebench compares the service of a drive with the original in Rust and
// with Redis: client and server in two processes, one loopback connection.
//
//	servicebench list
//	servicebench IMPL OP SIZE CONC SECONDS
//	servicebench report -o FILE.md
//
// IMPL is a comma list of names or all; each prints one line of JSON. Figures are
// medians over -rounds interleaved runs; flags stand first. `make bench-service` installs what it
// needs and runs it in the root of the repository.
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
	"time"

	"github.com/simd-drive/go/bench/kv"
	"github.com/simd-drive/go/bench/rpc/measure"
	"github.com/simd-drive/go/bench/service"
)

const (
	// oursPath is where make puts our server.
	oursPath = ".bin/drive-ws-server"
	// defaultRounds is the number of interleaved runs of a report.
	defaultRounds = 3
)

var (
	// errUsage reports a command line that makes no sense.
	errUsage = errors.New("usage: servicebench [FLAGS] list | IMPL OP SIZE CONC SECONDS | report -o FILE.md")
	// errFailed reports that an implementation could not be measured; its line tells why.
	errFailed = errors.New("an implementation failed")
)

func main() {
	measure.ExitIfChild() // for the bare connection that streams stand beside
	service.ExitIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "servicebench:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	var p service.Plan
	report := len(args) > 0 && args[0] == "report"
	if report {
		args = args[1:]
	}
	flags := flag.NewFlagSet("servicebench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&p.Programs.Ours, "ours", oursPath, "our `server`")
	flags.StringVar(&p.Programs.Original, "original", "", "the original `server`; none leaves it out")
	flags.StringVar(&p.Programs.RustClient, "rust-client", "", "the `program` in interop/rust; none leaves it out")
	flags.StringVar(&p.Programs.Redis, "redis", "/usr/bin/redis-server", "Redis' `server`")
	flags.IntVar(&p.Rounds, "rounds", defaultRounds, "interleaved runs; the median counts")
	flags.BoolVar(&p.Smoke, "quick", false, "a smoke test: one short round, figures without worth")
	match := flags.String("cases", "", "report: only the cases whose description matches the `regexp`, such as 'read of 100 B, 1 in'")
	output := flags.String("o", "", "report: the Markdown `file`; JSON and plots go beside it")
	dir := flags.String("dir", "", "`folder` for the servers' files; none is the system's for temporary files")
	verbose := flags.Bool("v", false, "tell about each run on standard error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.Rounds < 1 {
		return errors.New("rounds must be positive")
	}
	if p.Smoke {
		p.Rounds = 1
	}
	if *verbose || report {
		p.Log = log
	}
	if *match != "" {
		if p.Match, err = regexp.Compile(*match); err != nil {
			return err
		}
	}
	p.Programs.Ours, p.Programs.Original = service.Found(p.Programs.Ours), service.Found(p.Programs.Original)
	p.Programs.RustClient, p.Programs.Redis = service.Found(p.Programs.RustClient), service.Found(p.Programs.Redis)
	for _, what := range p.Programs.Missing() {
		fmt.Fprintf(log, "*** SKIPPED: WHAT NEEDS %s IS NOT MEASURED: NOT FOUND ***\n", what)
	}
	p.All = service.Implementations(p.Programs)
	if p.Dir, err = os.MkdirTemp(*dir, "servicebench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	switch rest := flags.Args(); {
	case report && len(rest) == 0 && *output != "":
		return service.Write(ctx, p, *output, out)
	case !report && len(rest) == 1 && rest[0] == "list":
		return list(p.All, out)
	case !report && len(rest) == 5:
		return one(ctx, p, rest, out)
	}
	return errUsage
}

// list prints the implementations and their settings.
func list(all []service.Implementation, out io.Writer) error {
	for _, i := range all {
		if _, err := fmt.Fprintf(out, "%-17s %s\n", i.Name, i.Settings); err != nil {
			return err
		}
	}
	return nil
}

// one measures one case and prints a line for each implementation that has it.
func one(ctx context.Context, p service.Plan, args []string, out io.Writer) error {
	chosen, err := service.Select(p.All, args[0])
	if err != nil {
		return err
	}
	c := kv.Case{Op: args[1]}
	var sizeErr, inFlightErr error
	c.Size, sizeErr = strconv.Atoi(args[2])
	c.InFlight, inFlightErr = strconv.Atoi(args[3])
	seconds, err := strconv.ParseFloat(args[4], 64)
	if err := errors.Join(sizeErr, inFlightErr, err, c.Check()); err != nil {
		return err
	}
	if seconds <= 0 {
		return errors.New("SECONDS must be positive")
	}
	s := service.Setup{Duration: time.Duration(seconds * float64(time.Second)), Dir: p.Dir}
	lines := json.NewEncoder(out)
	var failed error
	for _, r := range service.Measure(ctx, p.Plan, s, chosen, c) {
		if err := lines.Encode(r); err != nil {
			return err
		}
		if r.Error != "" {
			failed = errFailed
		}
	}
	return failed
}
