package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// compactCmd rewrites a store without superseded and deleted entries. Others may
// read meanwhile, and the clients of a server may write.
type compactCmd struct {
	rateFlag `embed:""`
}

// rateFlag limits work on a store that others use meanwhile.
type rateFlag struct {
	Rate byteSize `placeholder:"SIZE" help:"Read at most so much in a second: a number with k, m or g."`
}

// bytesPerSecond returns the limit; 0 is none.
func (f rateFlag) bytesPerSecond() int64 { return int64(min(f.Rate, math.MaxInt64)) }

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
		done, err := t.compact(a.ctx, c.bytesPerSecond(), bar.set)
		if errors.Is(err, drive.ErrCompacting) || errors.Is(err, driveclient.ErrCompacting) {
			return errors.New("a compaction is running already")
		}
		if err != nil {
			return fmt.Errorf("compaction failed: %w", err)
		}
		return a.out.emit(compactResult{done.before, done.after, done.before - done.after})
	})
}
