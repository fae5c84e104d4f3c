package drive

import (
	"context"
	"errors"
	"time"
)

// ScrubSchedule says how often a store verifies its file by itself, in the
// background. The zero value is never.
type ScrubSchedule struct {
	Every          time.Duration // from one start to the next
	BytesPerSecond int64         // limits how fast payload is read; 0 is no limit
	// OnDamage, unless nil, is told of each damaged value of each run. The Logger is told too.
	OnDamage func(*CorruptError)
}

// ScrubOptions are the choices of Scrub.
type ScrubOptions struct {
	BytesPerSecond int64 // limits how fast payload is read; 0 is no limit
	// OnDamage, unless nil, is told of each damaged value, newest first.
	OnDamage func(*CorruptError)
}

// ScrubReport says what Scrub has seen.
type ScrubReport struct {
	Entries int64 // verified, superseded ones and tombstones included
	Bytes   int64 // of their payload
	Damaged int64 // of the entries, how many do not match their checksum or cannot be read
}

// Scrub verifies the checksum of every entry that the drive has when it begins,
// while readers and writers go on. Damage is no error: it is in the report. Errors:
// ErrClosed, that of ctx, and a *CorruptError when the chain of entries itself
// cannot be read any further.
func (s *Store) Scrub(ctx context.Context, opts ScrubOptions) (ScrubReport, error) {
	var r ScrubReport
	g := s.gen.Load()
	if g == nil {
		return r, ErrClosed
	}
	pace := newPace(opts.BytesPerSecond)
	for tail := g.tail.Load(); tail > 0; {
		m, err := g.cover(tail)
		if err != nil {
			return r, err
		}
		var e located
		err = m.guard(func() error {
			var ok bool
			if e, ok = parseEntry(m.data, tail); !ok {
				return brokenChain(m.path, tail)
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		r.Entries++
		r.Bytes += e.size()
		var damage *CorruptError
		if errors.As((Entry{m: m, loc: locationIn(e)}).Verify(), &damage) {
			r.Damaged++
			if opts.OnDamage != nil {
				opts.OnDamage(damage)
			}
		}
		if err := keepPace(ctx, pace, e.size()); err != nil {
			return r, err
		}
		tail = e.prevOffset
	}
	return r, nil
}

// scrubOnce is a Scrub in the background.
func (s *Store) scrubOnce(ctx context.Context) {
	o := s.opts.Scrub
	r, err := s.Scrub(ctx, ScrubOptions{BytesPerSecond: o.BytesPerSecond, OnDamage: func(damage *CorruptError) {
		s.log.Error("drive: damage found", "path", s.path, "damage", damage)
		if o.OnDamage != nil {
			o.OnDamage(damage)
		}
	}})
	if err != nil && ctx.Err() == nil {
		s.log.Error("drive: verification ended early", "path", s.path, "err", err)
		return
	}
	s.log.Debug("drive: verified", "path", s.path, "entries", r.Entries, "bytes", r.Bytes, "damaged", r.Damaged)
}
