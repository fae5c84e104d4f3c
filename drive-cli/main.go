// Drive is the command line of a drive: it reads, writes, inspects, checks and
// repairs a storage file, or a remote drive at a ws:// or wss:// address, with
// the same verbs.
//
//	drive STORE VERB ...
//
// Results go to standard output, everything else to standard error. The exit
// status is 0 for success, 1 when something was not found, was refused or
// failed, 2 for a wrong command line, 130 after an interrupt.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Without this a closed pipe on standard output would kill the process
	// in the middle of whatever it does; so the write fails instead.
	signal.Ignore(syscall.SIGPIPE)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the verb to stop; from then on the default action
	// is back, so that a second one ends the process at once.
	context.AfterFunc(ctx, stop)

	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
