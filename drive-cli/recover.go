package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/simd-drive/go/drive-core"
)

// recoverCmd writes a repaired copy of a storage file. STORE itself is only
// read; what was lost is told on standard error, as it is no part of the
// result.
type recoverCmd struct {
	Out rawString `arg:"" name:"out" help:"File to write; it must not exist."`
}

// recoverResult sums up what was saved.
type recoverResult struct {
	Store      string `json:"store"`
	SourceSize int64  `json:"source_size"`
	Out        string `json:"out"`
	Entries    int64  `json:"entries"`
	Tombstones int64  `json:"tombstones"`
	Size       int64  `json:"file_size"`
	Relinked   int64  `json:"relinked_entries"`
	LostBytes  int64  `json:"lost_bytes"`
	LostParts  int64  `json:"lost_parts"`
}

func (r recoverResult) text() string {
	saved := fmt.Sprintf("Recovered %s into %s: %s of %s",
		counted(r.Entries, "entry", "entries"), quoted(r.Out), formatSize(r.Size), formatSize(r.SourceSize))
	if r.Tombstones > 0 {
		saved += ", " + counted(r.Tombstones, "deletion", "deletions") + " among them"
	}
	if r.Relinked > 0 {
		saved += ", " + counted(r.Relinked, "damaged link", "damaged links") + " mended"
	}
	if r.LostParts == 0 {
		return saved + "; nothing was lost"
	}
	return fmt.Sprintf("%s; %s lost, %s", saved, counted(r.LostParts, "part", "parts"), formatSize(r.LostBytes))
}

func (c *recoverCmd) Run(a *app) error {
	if err := a.requireLocal("recover"); err != nil {
		return err
	}
	if err := requireFile(a.store); err != nil {
		return err
	}
	bar := newProgress(a.stderr, "recovering", -1, true)
	defer bar.finish()
	report, err := drive.Recover(a.ctx, a.store, string(c.Out), drive.RecoverOptions{
		Progress: bar.set,
		OnProblem: func(p drive.Problem) {
			bar.pause()
			a.note("offset %d, %d bytes: %s: %s", p.Offset, p.Size, p.Kind, p.Detail)
		},
	})
	if errors.Is(err, fs.ErrNotExist) {
		return err // of OUT: STORE was there
	}
	if err != nil {
		return openError(a.store, readStore, err)
	}
	return a.out.emit(recoverResult{
		Store: a.store, SourceSize: report.SourceSize, Out: string(c.Out), Entries: report.Entries, Tombstones: report.Tombstones, Size: report.Size,
		Relinked: report.Relinked, LostBytes: report.LostBytes, LostParts: report.LostCount,
	})
}
