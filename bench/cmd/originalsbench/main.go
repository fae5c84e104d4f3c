// Command originalsbench measures the original clients on the original server
// and on ours, and writes docs/originals.md. `make bench-originals` installs
// what it needs and runs it in the root of the repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/simd-drive/go/bench/originals"
)

const (
	// defaultRounds is the number of interleaved runs.
	defaultRounds = 3
	// defaultDuration is that of a run: some ten calls on the original server.
	defaultDuration = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "originalsbench:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	var p originals.Plan
	p.Log = log
	flags := flag.NewFlagSet("originalsbench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&p.Programs.Original, "original", "", "the original `server`")
	flags.StringVar(&p.Programs.Ours, "ours", "", "our `server`")
	flags.StringVar(&p.Programs.RustClient, "rust-client", "", "the `program` in interop/rust")
	flags.StringVar(&p.Programs.Python, "python", "", "a `Python` with the original client; none leaves it out")
	flags.StringVar(&p.Programs.PythonServer, "python-original", "", "the original `server` of the Python client")
	flags.IntVar(&p.Rounds, "rounds", defaultRounds, "interleaved runs; the median counts")
	flags.DurationVar(&p.Duration, "duration", defaultDuration, "time of a run")
	flags.StringVar(&p.Match, "cases", "", "only the cases whose description has this `text`, such as \"read of 100 B, 1 in\"")
	dir := flags.String("dir", "", "`folder` for the data; none is the system's for temporary files")
	output := flags.String("o", "", "the Markdown `file`; JSON goes beside it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *output == "" || p.Programs.Original == "" || p.Programs.Ours == "" || p.Programs.RustClient == "" {
		return errors.New("-original, -ours, -rust-client and -o are needed, and nothing else but flags")
	}
	if p.Rounds < 1 || p.Duration <= 0 {
		return errors.New("rounds and duration must be positive")
	}
	p.Dir, err = os.MkdirTemp(*dir, "originalsbench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	return originals.Write(ctx, p, *output, out)
}
