package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/simd-drive/go/drive-core"
)

// restoreCmd makes a storage file, which must not exist, from a full backup and the
// increments that followed it. The file is there whole or not at all.
type restoreCmd struct {
	Backup     rawString   `arg:"" help:"Full backup; - is standard input."`
	Increments []rawString `arg:"" optional:"" name:"increment" help:"Increments, in the order in which they were made."`
}

// restoreResult tells what was made.
type restoreResult struct {
	Store    string         `json:"store"`
	Position drive.Position `json:"position"`
	Size     int64          `json:"file_size"`
}

func (r restoreResult) text() string {
	return fmt.Sprintf("Restored %s: %s, up to position %s", quoted(r.Store), formatSize(r.Size), r.Position)
}

func (c *restoreCmd) Run(a *app) error {
	if err := a.requireLocal("restore"); err != nil {
		return err
	}
	bar := newProgress(a.stderr, "restoring", -1, true)
	defer bar.finish()
	readers, closeAll, err := c.open(a, bar)
	defer closeAll()
	if err != nil {
		return err
	}
	end, err := drive.Restore(a.ctx, a.store, readers[0], readers[1:]...)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; restore makes a new file", quoted(a.store))
	}
	if err != nil {
		return err
	}
	return a.out.emit(restoreResult{Store: a.store, Position: end, Size: end.Offset})
}

// open opens the backups. closeAll is to be called also after an error.
func (c *restoreCmd) open(a *app, bar *progress) (readers []io.Reader, closeAll func(), err error) {
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			_ = f.Close() // nothing was written through it
		}
	}
	standard := false
	for _, name := range append([]rawString{c.Backup}, c.Increments...) {
		var in io.Reader
		switch {
		case name != standardStream:
			f, err := os.Open(string(name))
			if err != nil {
				return nil, closeAll, err
			}
			files = append(files, f)
			in = f
		case standard:
			return nil, closeAll, usagef("standard input can be one backup only")
		case !hasInput(a.stdin):
			return nil, closeAll, errors.New("no backup given: name its file, or pipe it to standard input")
		default:
			standard = true
			in = interruptible(a.ctx, a.stdin)
		}
		readers = append(readers, &countingReader{r: in, ctx: a.ctx, bar: bar})
	}
	return readers, closeAll, nil
}
