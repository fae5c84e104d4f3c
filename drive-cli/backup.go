package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// standardStream stands for standard input or output in the place of a file.
const standardStream = "-"

// backupCmd writes a consistent copy of a store, which others may use meanwhile, to
// a file that is there whole or not at all, or to standard output. The result is up
// to where the backup reaches: there the next increment begins.
type backupCmd struct {
	File     rawString      `arg:"" help:"File to write; - is standard output, and then the position goes to standard error."`
	Since    drive.Position `placeholder:"POSITION" help:"Write an increment: only what came after POSITION, which the backup before it printed."`
	Force    bool           `short:"f" help:"Replace a file that exists."`
	rateFlag `embed:""`
}

// backupResult tells what was written.
type backupResult struct {
	Store    string         `json:"store"`
	File     string         `json:"file"`
	Since    drive.Position `json:"since,omitzero"`
	Position drive.Position `json:"position"`
	Size     int64          `json:"size"`
}

func (r backupResult) text() string { return r.Position.String() }

func (c *backupCmd) Run(a *app) error {
	if c.File == standardStream {
		return c.toStandardOutput(a)
	}
	path := string(c.File)
	if sameStore(a.store, path) {
		return fmt.Errorf("%s is the store itself", quoted(path))
	}
	file, err := createWhole(path, c.Force)
	if err != nil {
		return err
	}
	defer file.discard()
	r, err := c.write(a, file)
	if err == nil {
		err = file.commit()
	}
	if err != nil {
		return err
	}
	return a.out.emit(r)
}

// toStandardOutput writes the backup there and the result to standard error. A
// reader that leaves early is an error here: it has no backup.
func (c *backupCmd) toStandardOutput(a *app) error {
	if isTerminal(a.out.dst) {
		return usagef("a backup is not for a terminal: name a file, or redirect standard output")
	}
	r, err := c.write(a, a.out.dst)
	if err != nil {
		return err
	}
	results := newOutput(a.stderr)
	results.asJSON = a.out.asJSON
	if err := results.emit(r); err != nil {
		return err
	}
	return results.flush()
}

// write writes the backup to w.
func (c *backupCmd) write(a *app, w io.Writer) (backupResult, error) {
	r := backupResult{Store: a.store, File: string(c.File), Since: c.Since}
	err := a.withStore(readStore, func(t target) error {
		out := &countingWriter{w: w, bar: newProgress(a.stderr, "backing up", -1, true)}
		defer out.bar.finish()
		var err error
		r.Position, err = t.snapshot(a.ctx, out, c.Since, c.bytesPerSecond())
		r.Size = out.n
		switch {
		case out.err != nil:
			return fmt.Errorf("writing the backup: %w", out.err)
		case errors.Is(err, drive.ErrPositionUnknown), errors.Is(err, driveclient.ErrPositionUnknown):
			return fmt.Errorf("the store does not have the position %s: it was compacted since, or is another one; make a full backup", c.Since)
		}
		return err
	})
	return r, err
}

// countingWriter counts what passes, shows it as progress, and remembers an error of
// the writer below, so that it can be told from one of the store.
type countingWriter struct {
	w   io.Writer
	bar *progress
	n   int64
	err error
}

// Write implements io.Writer.
func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.bar.add(int64(n))
	c.err = err
	return n, err
}
