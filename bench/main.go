// Command bench measures the engine, the call stack and the service on this
// machine, beside a raw TCP and a raw WebSocket echo.
//
// Client and server run in two processes and talk over one loopback
// connection, unless a row says otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/simd-drive/go/bench/machine"
)

// settings are what the command line sets.
type settings struct {
	duration time.Duration // of one measurement
	rounds   int           // interleaved measurements of each row; the median counts
	dir      string        // for data files
}

// group is a set of rows that are measured in turn.
type group struct {
	name string
	rows func(ctx context.Context, s settings) ([]row, func(), error)
}

var groups = []group{
	{"engine", engineRows},
	{"echo of 32 bytes, one connection", echoRows},
	{"service, 100-byte values, one connection", serviceRows},
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == servePeerArg {
		if err := servePeer(context.Background(), os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	s := settings{}
	flag.DurationVar(&s.duration, "duration", 500*time.Millisecond, "length of one measurement")
	flag.IntVar(&s.rounds, "rounds", 3, "measurements of each row, interleaved; the median counts")
	flag.StringVar(&s.dir, "dir", "", "directory for data files (a temporary one by default)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures every group and prints the report.
func run(ctx context.Context, s settings) error {
	if s.rounds < 1 || s.duration <= 0 {
		return errors.New("rounds and duration must be positive")
	}
	dir, err := os.MkdirTemp(s.dir, "drive-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is temporary, and ours alone
	s.dir = dir
	out := os.Stdout
	fmt.Fprintln(out, machine.This())
	for _, g := range groups {
		rows, stop, err := g.rows(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		err = measure(ctx, rows, s)
		stop()
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		printTable(out, g.name, rows)
	}
	return nil
}
