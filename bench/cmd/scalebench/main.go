// Command scalebench measures the engine on drives with many keys and on large
// files, and works out what larger ones would take.
//
//	scalebench PHASE PATH N
//	scalebench report -o FILE.md [-keys N] [-sparse BYTES] [-dir FOLDER]
//
// A phase runs in this process and prints one line of JSON. report runs all of
// them, each as a process of its own.
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

	"github.com/simd-drive/go/bench/scale"
)

const (
	defaultKeys   = 50_000_000
	defaultSparse = 64 << 30
)

// errUsage reports a command line that makes no sense.
var errUsage = errors.New("usage: scalebench PHASE PATH N | report -o FILE.md [-keys N] [-sparse BYTES] [-dir FOLDER]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "scalebench:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 0 && args[0] == "report" {
		return report(ctx, args[1:], out, log)
	}
	if len(args) != 3 {
		return errUsage
	}
	n, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("the size must be a positive number, not %q", args[2])
	}
	r, err := scale.Run(ctx, args[0], args[1], n)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// report measures everything and writes the document.
func report(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("scalebench report", flag.ContinueOnError)
	flags.SetOutput(log)
	output := flags.String("o", "", "the Markdown `file`; JSON goes beside it")
	p := scale.Plan{Log: log}
	flags.Int64Var(&p.Keys, "keys", defaultKeys, "`number` of keys")
	flags.Int64Var(&p.Sparse, "sparse", defaultSparse, "size of the sparse file in `bytes`")
	dir := flags.String("dir", "", "`folder` for the data: 64 bytes a key; none is the system's for temporary files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *output == "" || p.Keys < 1 || p.Sparse < 1 {
		return errUsage
	}
	if p.Program, err = os.Executable(); err != nil {
		return err
	}
	if p.Dir, err = os.MkdirTemp(*dir, "scalebench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	return scale.Write(ctx, p, *output, out)
}
