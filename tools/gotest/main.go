// Command gotest runs `go test` with the given arguments and prints what a
// reader needs: one line for each package, the output of what failed, and at
// the end every test that was skipped with its reason, which plain `go test`
// keeps to itself. It exits with the status of `go test`.
//
// Usage: gotest [go test arguments]
//
// The environment variable GO names another go command.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run runs `go test` and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := exec.CommandContext(ctx, cmp.Or(os.Getenv("GO"), "go"), append([]string{"test", "-json"}, args...)...)
	command.Stderr = stderr
	events, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(stderr, "gotest:", err)
		return 2
	}
	readErr := report(events, stdout)
	err = command.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil || readErr != nil:
		fmt.Fprintln(stderr, "gotest:", errors.Join(err, readErr))
		return 2
	}
	return 0
}

// report reads the events of a run to their end and prints the digest.
func report(events io.Reader, stdout io.Writer) error {
	d := newDigest(stdout)
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(stdout, "%s", line) // not an event: for the reader
			} else {
				d.add(e)
			}
		}
		if errors.Is(err, io.EOF) {
			d.finish()
			return nil
		}
		if err != nil {
			return err
		}
	}
}
