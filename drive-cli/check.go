package main

import (
	"fmt"

	"github.com/simd-drive/go/drive-core"
)

// checkCmd verifies a storage file from end to end and changes nothing. Damage
// is the result, one line each; the exit status is 1 then.
type checkCmd struct{}

// problemResult is one damaged place, or a note about one that does no harm.
type problemResult struct {
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Kind    string `json:"kind"`
	KeyHash string `json:"key_hash,omitempty"`
	Detail  string `json:"detail"`
}

func (r problemResult) text() string {
	return fmt.Sprintf("offset %d, %d bytes: %s: %s", r.Offset, r.Size, r.Kind, r.Detail)
}

// checkResult comes after the problems.
type checkResult struct {
	Store       string `json:"store"`
	Size        int64  `json:"file_size"`
	Entries     int64  `json:"entries"`
	LiveEntries int64  `json:"live_entries"`
	Tombstones  int64  `json:"tombstones"`
	Damaged     int64  `json:"damaged_entries"`
	LostBytes   int64  `json:"lost_bytes"`
	Problems    int64  `json:"problems"`
	Notes       int64  `json:"notes"`
}

func (r checkResult) text() string {
	sums := fmt.Sprintf("%s, %d live, in %s", counted(r.Entries, "intact entry", "intact entries"), r.LiveEntries, formatSize(r.Size))
	if r.Problems == 0 {
		return fmt.Sprintf("%s: whole: %s", r.Store, sums)
	}
	return fmt.Sprintf("%s: damaged: %s; %s; %s lost", r.Store,
		counted(r.Problems, "problem", "problems"), sums, formatSize(r.LostBytes))
}

// counted writes a number with the word that it calls for.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (c *checkCmd) Run(a *app) error {
	if err := a.requireLocal("check"); err != nil {
		return err
	}
	bar := newProgress(a.stderr, "checking", -1, true)
	defer bar.finish()
	report, err := drive.Check(a.ctx, a.store, drive.CheckOptions{
		Progress: bar.set,
		OnProblem: func(p drive.Problem) {
			bar.pause()
			r := problemResult{Offset: p.Offset, Size: p.Size, Kind: p.Kind.String(), Detail: p.Detail}
			if p.KeyHash != 0 {
				r.KeyHash = hashText(p.KeyHash)
			}
			_ = a.out.emit(r) // an error of the output waits until all is checked
		},
	})
	if err != nil {
		return openError(a.store, readStore, err)
	}
	err = a.out.emit(checkResult{
		Store: a.store, Size: report.Size, Entries: report.Entries, LiveEntries: report.Live, Tombstones: report.Tombstones,
		Damaged: report.Damaged, LostBytes: report.LostBytes, Problems: report.ProblemCount, Notes: report.Notes,
	})
	if err == nil && !report.Healthy() {
		err = errReported
	}
	return err
}
