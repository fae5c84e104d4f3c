package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1   // not found, refused, or failed
	exitUsage       = 2   // the command line is wrong
	exitInterrupted = 130 // ended by SIGINT or SIGTERM, as shells report it
)

// usageError is a command line that asks for something that makes no sense.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported ends a verb that failed and has already said so, on standard
// error or as its result.
var errReported = errors.New("already reported")

// notFoundError tells that a key is not in the store.
type notFoundError struct{ key key }

func (e notFoundError) Error() string { return fmt.Sprintf("key %s not found", e.key) }

// outputError is a failure to write results, as opposed to a failure of the
// store.
type outputError struct{ err error }

func (e outputError) Error() string { return "writing to standard output: " + e.err.Error() }
func (e outputError) Unwrap() error { return e.err }

// exitStatus turns the outcome of a run into an exit status, and into one line
// on stderr unless there is nothing to tell.
func exitStatus(ctx context.Context, err error, stderr io.Writer) int {
	var usage usageError
	var output outputError
	switch {
	case err == nil, errors.Is(err, errShown):
		return exitOK
	case errors.As(err, &output) && errors.Is(err, syscall.EPIPE):
		return exitOK // whoever read the results has seen enough
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		say(stderr, "%s (see drive --help)", oneLine(err.Error()))
		return exitUsage
	case ctx.Err() != nil:
		say(stderr, "interrupted")
		return exitInterrupted
	}
	say(stderr, "%s", oneLine(plainText(err)))
	return exitFailed
}

// say writes one line to stderr. Where that cannot be written there is nobody
// left to tell.
func say(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, "drive: "+format+"\n", args...)
}

// oneLine makes an error text fit on one line and keeps control characters,
// which a file name or a server may have smuggled in, away from the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.TrimSpace(s))
}

// plainText drops the name of the package that an error text begins with.
func plainText(err error) string {
	text := err.Error()
	for _, name := range []string{"wsclient: ", "driveclient: ", "drive: "} {
		if rest, found := strings.CutPrefix(text, name); found {
			return rest
		}
	}
	return text
}
