package drive

import (
	"context"
	"errors"
	"fmt"
)

// How much of a file is kept whose chain is not whole to its end. Nothing that was
// synced is given up, nor intact entries behind damage; what a crash tore is.

// judge returns how much of data to keep: up to there the chain is whole, though a
// value in it may be damaged. Errors: ErrNotDrive when nothing is intact; a
// *CorruptError when keeping the intact prefix, which ends at its Offset, would give
// up what is not provably torn. The time is linear in len(data).
func judge(data []byte, k knowledge) (keep int64, err error) {
	if k.known {
		return judgeKnown(data, k)
	}
	if align := otherAlignment(data); align != 0 {
		return 0, fmt.Errorf("%w: its values are aligned to %d bytes, as old releases did; this one reads %d", ErrNotDrive, align, alignment)
	}
	keep = scanForward(data, 0)
	f, err := inspect(data)
	switch {
	case err != nil:
		return 0, err
	case f.intact == 0:
		return 0, fmt.Errorf("%w: no valid entry", ErrNotDrive)
	case f.intact <= keep:
		return keep, nil // nothing intact behind: the last write was torn
	case f.whole:
		return f.intact, nil
	}
	return 0, &CorruptError{Offset: keep, Reason: "damage, with intact entries behind it"}
}

// judgeKnown is judge for a file that is known to have been synced up to a point.
func judgeKnown(data []byte, k knowledge) (keep int64, err error) {
	size := int64(len(data))
	if err := scanBackward(data[:k.base], verification{newest: DefaultVerifyBytes, above: k.base, first: true}, func(located) {}); err != nil {
		f, err := inspect(data[:k.base])
		if err != nil {
			return 0, err
		}
		if !f.whole || f.torn {
			return 0, &CorruptError{Offset: scanForward(data[:k.base], 0), Reason: "damage in what was synced"}
		}
	}
	keep = scanForward(data, k.base)
	if keep >= k.synced {
		return keep, nil
	}
	f, err := inspect(data)
	switch {
	case err != nil:
		return 0, err
	case f.intact <= keep && size < k.synced:
		return keep, nil // somebody cut the file inside of an entry
	case f.whole && f.intact >= min(k.synced, size):
		return f.intact, nil
	}
	return 0, &CorruptError{Offset: keep, Reason: "damage in what was synced"}
}

// findings is what a look at every byte of a file says about it.
type findings struct {
	intact int64 // tail of the last intact entry; 0 when there is none
	// whole: up to there the chain leads from entry to entry, every one of which is intact or has a damaged
	// value.
	whole bool
	torn  bool // bytes behind it belong to nothing
}

// inspect looks at every byte.
func inspect(data []byte) (findings, error) {
	f := findings{whole: true}
	s := survey{ctx: context.Background(), data: data}
	err := s.run(func(p piece) error {
		switch p.kind {
		case pieceEntry, pieceRelinked:
			f.intact = max(f.intact, p.to())
			f.whole = f.whole && p.kind == pieceEntry
		case pieceLost:
			if f.intact == 0 { // from the end to the beginning: nothing intact came before
				f.torn = true
			} else {
				f.whole = false
			}
		case pieceDamaged:
		}
		return nil
	})
	return f, err
}

// asCorrupt returns err as the *CorruptError that it is, or nil.
func asCorrupt(err error) *CorruptError {
	var c *CorruptError
	errors.As(err, &c)
	return c
}
