package main

import "fmt"

// compactCmd rewrites a store without superseded and deleted entries.
type compactCmd struct{}

type compactResult struct {
	Before int64 `json:"size_before"`
	After  int64 `json:"size_after"`
	Saved  int64 `json:"saved"`
}

func (r compactResult) text() string {
	return fmt.Sprintf("Compaction completed successfully: %s, now %s.", saving(r.Saved), formatSize(r.After))
}

func saving(n int64) string {
	if n <= 0 {
		return "nothing to save"
	}
	return formatSize(n) + " saved"
}

func (c *compactCmd) Run(a *app) error {
	return a.withStore(modifyStore, func(t target) error {
		bar := newProgress(a.stderr, "compacting", -1, true)
		defer bar.finish()
		done, err := t.compact(a.ctx, bar.set)
		if err != nil {
			return fmt.Errorf("compaction failed: %w", err)
		}
		return a.out.emit(compactResult{done.before, done.after, done.before - done.after})
	})
}
