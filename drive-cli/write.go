package main

import (
	"context"
	"errors"
	"io"
	"os"
)

// writeCmd stores a value: the argument, or all of standard input, which is
// streamed and never held in memory.
type writeCmd struct {
	Key      rawString  `arg:"" help:"Key to store under."`
	Value    *rawString `arg:"" optional:"" help:"Value; without it standard input is stored."`
	keyFlags `embed:""`
}

// writtenResult tells where a store ends after it was changed.
type writtenResult struct {
	keyJSON
	Tail int64 `json:"tail"`
	done string
}

func (r writtenResult) text() string { return r.done }

func (c *writeCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	if c.Value == nil && !hasInput(a.stdin) {
		return errors.New("no value given: pass VALUE or pipe it to standard input")
	}
	return a.withStore(createStore, func(t target) error {
		var tail int64
		var err error
		if c.Value != nil {
			tail, err = t.write(a.ctx, k, []byte(*c.Value))
		} else {
			tail, err = t.writeFrom(a.ctx, k, interruptible(a.ctx, a.stdin))
		}
		if err != nil {
			return err
		}
		return a.out.emit(writtenResult{k.record(), tail, "Stored " + k.String()})
	})
}

// hasInput reports whether standard input is worth reading: it is there and no
// terminal. FORCE_NO_TTY says that there is none, as for the original.
func hasInput(stdin io.Reader) bool {
	return stdin != nil && !isTerminal(stdin) && os.Getenv("FORCE_NO_TTY") == ""
}

// interruptible returns a reader of r that fails as soon as ctx ends, also
// while r blocks.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	// Ends with r, or with the first byte that comes after ctx ended. Nobody
	// waits for it: a blocked read of standard input cannot be called off, so
	// the end of the process is the end of it.
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	return pr
}

// deleteCmd removes a key that exists.
//
// Upstream: deleting a missing key reports success there.
type deleteCmd struct {
	Key      rawString `arg:"" help:"Key to delete."`
	keyFlags `embed:""`
}

func (c *deleteCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	return a.withStore(modifyStore, func(t target) error {
		if err := requireKey(a.ctx, t, k); err != nil {
			return err
		}
		tail, err := t.remove(a.ctx, k)
		if err != nil {
			return err
		}
		return a.out.emit(writtenResult{k.record(), tail, "Deleted key " + k.String()})
	})
}

// requireKey returns a notFoundError unless k is in t.
func requireKey(ctx context.Context, t target, k key) error {
	found, err := t.exists(ctx, k)
	if err == nil && !found {
		err = notFoundError{k}
	}
	return err
}
