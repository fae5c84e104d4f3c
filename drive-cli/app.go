package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
)

// app is what one run of the program works with.
type app struct {
	ctx    context.Context
	store  string // STORE as the user gave it
	stdin  io.Reader
	out    *output   // results
	stderr io.Writer // everything else
	remote remoteFlags
	sync   bool // wait for stable storage: after each change of a file, at the end for a server
	log    *slog.Logger
}

// run is the program: it executes args against the given streams and returns
// the exit status. ctx ending asks the verb to stop.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := newOutput(stdout)
	err := execute(ctx, args, stdin, out, stderr)
	// What stopped the output is the cause of what it made fail.
	if flushErr := out.flush(); flushErr != nil && !errors.Is(err, errReported) {
		err = flushErr
	}
	return exitStatus(ctx, err, stderr)
}

// execute parses args and runs the verb. A panic, which is a defect of this
// program or the fault of a storage file that somebody cuts while it is read, becomes
// an error: the user is shown one line, not a stack.
func execute(ctx context.Context, args []string, stdin io.Reader, out *output, stderr io.Writer) (err error) {
	var a app
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
			if _, fault := r.(interface{ Addr() uintptr }); fault {
				err = errors.New("a storage file could not be read; was it cut short meanwhile?")
			}
			if a.log != nil {
				a.log.Debug("panic", "value", r, "stack", string(debug.Stack()))
			}
		}
	}()
	cli, kctx, err := parse(args, out.buf, stderr)
	if err != nil {
		return err
	}
	out.asJSON = cli.Output == "json"
	a = app{
		ctx: ctx, store: string(cli.Store.Store), stdin: stdin, out: out, stderr: stderr,
		remote: cli.Remote, sync: cli.Sync, log: newLogger(stderr, cli.Verbose),
	}
	return kctx.Run(&a)
}

// note writes one line to standard error.
func (a *app) note(format string, args ...any) {
	say(a.stderr, "%s", oneLine(fmt.Sprintf(format, args...)))
}

// newLogger logs to stderr what the store has to say: warnings, or everything
// with -v. Lines carry no time, so that equal runs look equal.
func newLogger(stderr io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) == 0 && attr.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attr
		},
	}))
}
