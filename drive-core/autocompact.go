package drive

import (
	"context"
	"sync/atomic"
)

// DefaultAutoCompactMinBytes is how much garbage a file has at least before it is
// compacted by itself.
const DefaultAutoCompactMinBytes = 64 << 20

// AutoCompact says when a store compacts its file by itself, in the background. The
// zero value is never.
type AutoCompact struct {
	// Ratio is the share of the file, between 0 and 1, that superseded entries and tombstones take when it is
	// compacted. 0 is never. With 0.5 the file takes at most twice what is live, and three times while it is
	// compacted.
	Ratio float64
	// MinBytes is how much garbage there is at least; 0 means DefaultAutoCompactMinBytes.
	MinBytes int64
	// BytesPerSecond limits how fast values are copied; 0 is no limit.
	BytesPerSecond int64
}

// autoCompaction is the state of compacting by itself.
type autoCompaction struct {
	running atomic.Bool
	// floor is how much garbage the next run needs, after one that failed.
	floor atomic.Int64
}

// compactLater begins a compaction in the background when there is garbage enough.
// s.mu must be held.
func (s *Store) compactLater() {
	o := &s.opts.AutoCompact
	if o.Ratio <= 0 || s.opts.ReadOnly || s.auto.running.Load() {
		return
	}
	c, tail, err := s.countsOf(s.gen.Load())
	if err != nil {
		return
	}
	garbage := tail - c.liveSpan
	if garbage < max(o.MinBytes, s.auto.floor.Load()) || float64(garbage) < o.Ratio*float64(tail) || s.failure.Load() != nil {
		return
	}
	s.auto.running.Store(true)
	started := s.tasks.start(func(ctx context.Context) {
		defer s.auto.running.Store(false)
		_, err := s.Compact(ctx, CompactOptions{BytesPerSecond: o.BytesPerSecond})
		if err != nil && ctx.Err() == nil {
			// No space, or damage: not again before there is twice as much to gain.
			s.auto.floor.Store(2 * garbage)
			s.log.Warn("drive: compaction in the background failed", "path", s.path, "err", err)
			return
		}
		s.auto.floor.Store(0)
	})
	if !started {
		s.auto.running.Store(false)
	}
}
