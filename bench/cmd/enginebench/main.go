// Command enginebench measures the engine: beside the original, beside other
// stores in Go, and beside what the machine can do.
//
//	enginebench list
//	enginebench CASE PATH [SHRINK]
//
// Each measuring subcommand runs in this process and prints one line of JSON.
// SHRINK divides the numbers of entries and the seconds, to try whether it
// works.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"

	"github.com/simd-drive/go/bench/engine/driver"
)

// errUsage reports a command line that makes no sense.
var errUsage = errors.New("usage: enginebench list | CASE PATH [SHRINK]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "enginebench:", err)
		os.Exit(1)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "list":
		for _, name := range driver.Cases() {
			fmt.Fprintln(out, name)
		}
		return nil
	case len(args) == 2 || len(args) == 3:
		shrink, err := shrinkOf(args[2:])
		if err != nil {
			return err
		}
		r, err := driver.Run(ctx, args[0], args[1], shrink)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(r)
	}
	return errUsage
}

// shrinkOf parses the optional last argument.
func shrinkOf(args []string) (driver.Scale, error) {
	if len(args) == 0 {
		return 1, nil
	}
	n, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("SHRINK must be a positive number, not %q", args[0])
	}
	return driver.Scale(n), nil
}
