package main

import (
	"fmt"
	"os"
)

// Exit codes of the program.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:])) }

// run is the program without its exit: it serves until a signal asks it to stop
// and returns the exit code. A failure is one line on standard error.
func run(args []string) int {
	cfg, err := parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v (try --help)\n", program, err)
		return exitUsage
	}
	if err := serve(cfg, cfg.logger(os.Stderr), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		return exitFailure
	}
	return exitOK
}
