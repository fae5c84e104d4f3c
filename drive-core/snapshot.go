package drive

import (
	"context"
	"fmt"
	"io"
	"slices"

	"golang.org/x/time/rate"
)

// snapshotPiece is about how much Snapshot writes at a time.
const snapshotPiece = 1 << 20

// SnapshotOptions are the choices of Snapshot.
type SnapshotOptions struct {
	// Since is where the backup before this one ended: what Snapshot returned then. Only what came after it is
	// written, as an incremental backup, which only Restore reads. Zero is a full backup, which is a drive.
	Since Position
	// BytesPerSecond limits how fast the drive is read; 0 is no limit.
	BytesPerSecond int64
	// Progress, unless nil, is told how many bytes of how many have been written.
	Progress func(done, total int64)
}

// Snapshot writes a consistent copy of the drive to w, as it is when Snapshot
// begins, while readers, writers and compactions go on, and returns up to where it
// reaches. The bytes of a full backup are a drive. Every entry is verified before it
// is written: a damaged one stops Snapshot with a *CorruptError.
//
// What is written may not be durable in the drive itself yet; call Sync before where
// that matters. It takes 8 bytes of memory for each entry to be written.
//
// Errors: ErrClosed, ErrPositionUnknown when the drive does not hold
// SnapshotOptions.Since (any more), *CorruptError, that of ctx, that of w.
func (s *Store) Snapshot(ctx context.Context, w io.Writer, opts SnapshotOptions) (Position, error) {
	g := s.gen.Load()
	if g == nil {
		return Position{}, ErrClosed
	}
	n := &snapshotWriter{ctx: ctx, w: w, opts: opts, pace: newPace(opts.BytesPerSecond), at: opts.Since.Offset, end: g.tail.Load()}
	if n.end == 0 {
		if !opts.Since.IsZero() {
			return Position{}, fmt.Errorf("%w: %v", ErrPositionUnknown, opts.Since)
		}
		return Position{}, nil
	}
	var err error
	if n.m, err = g.cover(n.end); err != nil {
		return Position{}, err
	}
	err = n.m.guard(func() error {
		if n.at > n.end || positionAt(n.m.data, n.at) != opts.Since {
			return fmt.Errorf("%w: %v", ErrPositionUnknown, opts.Since)
		}
		n.to = positionAt(n.m.data, n.end)
		return nil
	})
	if err != nil {
		return Position{}, err
	}
	var tails []int64
	err = g.backward(n.end, n.at, func(group []located) error {
		for _, e := range group {
			tails = append(tails, e.tail())
		}
		return ctx.Err()
	})
	if err != nil {
		return Position{}, err
	}
	slices.Reverse(tails)
	return n.to, n.write(tails)
}

// snapshotWriter is one run of Snapshot.
type snapshotWriter struct {
	ctx     context.Context //nolint:containedctx // lives for one call
	w       io.Writer
	opts    SnapshotOptions
	pace    *rate.Limiter
	m       *mapping
	at, end int64 // what is to be written; at goes on
	to      Position
}

// write writes the entries that end at tails.
func (n *snapshotWriter) write(tails []int64) error {
	total := n.end - n.at
	if !n.opts.Since.IsZero() {
		if _, err := n.w.Write(appendIncrementHeader(nil, n.opts.Since, n.to)); err != nil {
			return err
		}
	}
	for len(tails) > 0 {
		begin := n.at
		k, err := n.verify(tails)
		if err == nil {
			err = n.piece(tails[k-1])
		}
		if err != nil {
			return err
		}
		tails = tails[k:]
		if n.opts.Progress != nil {
			n.opts.Progress(total-(n.end-n.at), total)
		}
		if err := keepPace(n.ctx, n.pace, n.at-begin); err != nil {
			return err
		}
	}
	return nil
}

// verify verifies entries from the start of tails, until there are enough for a
// piece, and returns how many.
func (n *snapshotWriter) verify(tails []int64) (k int, err error) {
	err = n.m.guard(func() error {
		for k < len(tails) && (k == 0 || tails[k-1]-n.at < snapshotPiece) {
			e, ok := parseEntry(n.m.data, tails[k])
			if !ok {
				return brokenChain(n.m.path, tails[k])
			}
			if !matches(n.m.data[e.start:e.end], e.checksum) {
				return (Entry{m: n.m, loc: locationIn(e)}).damaged()
			}
			k++
		}
		return nil
	})
	return k, err
}

// piece writes everything up to tail.
func (n *snapshotWriter) piece(tail int64) error {
	return n.m.guard(func() error {
		for n.at < tail {
			part := n.m.data[n.at:min(tail, n.at+snapshotPiece)]
			if k, err := n.w.Write(part); err != nil {
				return err
			} else if k < len(part) {
				return io.ErrShortWrite
			}
			n.at += int64(len(part))
		}
		return n.ctx.Err()
	})
}
