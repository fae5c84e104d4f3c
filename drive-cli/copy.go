package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// renameCmd moves a value to another key of the same store.
type renameCmd struct {
	Old      rawString `arg:"" help:"Key to rename."`
	New      rawString `arg:"" help:"New key; a value that it holds is replaced."`
	keyFlags `embed:""`
}

// transferResult tells what a rename, copy or move did.
type transferResult struct {
	keyJSON
	To     *keyJSON `json:"to,omitempty"`
	Target string   `json:"target,omitempty"`
	Tail   int64    `json:"tail"`
	done   string
}

func (r transferResult) text() string { return r.done }

func (c *renameCmd) Run(a *app) error {
	from, to, err := c.parsePair(c.Old, c.New)
	if err != nil {
		return err
	}
	if from.hash == to.hash {
		return errors.New("cannot rename a key to itself")
	}
	return a.withStore(modifyStore, func(t target) error {
		tail, err := t.rename(a.ctx, from, to)
		if err != nil {
			return err
		}
		record := to.record()
		return a.out.emit(transferResult{
			keyJSON: from.record(), To: &record, Tail: tail,
			done: fmt.Sprintf("Renamed key %s to %s", from, to.bare()),
		})
	})
}

// copyCmd copies an entry to another store, to another key, or both.
type copyCmd struct {
	Key      rawString  `arg:"" help:"Key to copy."`
	Target   *rawString `arg:"" optional:"" help:"Other storage file, created where it does not exist, or address."`
	To       *rawString `name:"to" placeholder:"NEWKEY" help:"Store the copy under this key."`
	keyFlags `embed:""`
}

func (c *copyCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	to := k
	if c.To != nil {
		if to, err = c.parse(*c.To); err != nil {
			return err
		}
	}
	switch {
	case c.Target != nil:
		return a.transfer(k, to, string(*c.Target), false)
	case c.To == nil:
		return usagef("copy needs a TARGET store, or --to NEWKEY for a copy within the store")
	case k.hash == to.hash:
		return errors.New("cannot copy a key to itself")
	}
	return a.withStore(modifyStore, func(t target) error {
		tail, err := t.duplicate(a.ctx, k, to)
		if err != nil {
			return err
		}
		record := to.record()
		return a.out.emit(transferResult{
			keyJSON: k.record(), To: &record, Tail: tail,
			done: fmt.Sprintf("Copied key %s to key %s", k, to),
		})
	})
}

// moveCmd moves an entry to another store.
type moveCmd struct {
	Key      rawString `arg:"" help:"Key to move."`
	Target   rawString `arg:"" help:"Other storage file, created where it does not exist, or address."`
	keyFlags `embed:""`
}

func (c *moveCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	return a.transfer(k, k, string(c.Target), true)
}

// transfer copies the entry of key from to key to of the store at address, and
// then deletes the original when move says so. The key is looked for before
// the other store is opened, so that a wrong key creates no file.
func (a *app) transfer(from, to key, address string, move bool) error {
	if sameStore(a.store, address) {
		return fmt.Errorf("cannot copy entry to the same storage (%s); use rename, or copy --to", strconv.Quote(address))
	}
	mode, verb := readStore, "Copied"
	if move {
		mode, verb = modifyStore, "Moved"
	}
	return a.withStore(mode, func(src target) error {
		if err := requireKey(a.ctx, src, from); err != nil {
			return err
		}
		return a.with(address, createStore, func(dst target) error {
			tail, err := pour(a.ctx, src, from, dst, to)
			if err != nil {
				return err
			}
			if move {
				if tail, err = dropMoved(a.ctx, src, from, dst); err != nil {
					return fmt.Errorf("copied, but not deleted at the source: %w", err)
				}
			}
			r := transferResult{
				keyJSON: from.record(), Target: address, Tail: tail,
				done: fmt.Sprintf("%s key %s to %s", verb, from, strconv.Quote(address)),
			}
			if to.hash != from.hash {
				record := to.record()
				r.To = &record
			}
			return a.out.emit(r)
		})
	})
}

// dropMoved deletes what was copied, once a power failure cannot take the copy.
func dropMoved(ctx context.Context, src target, from key, dst target) (int64, error) {
	if err := dst.sync(ctx); err != nil {
		return 0, err
	}
	return src.remove(ctx, from)
}

// pour streams the value of one key into another store and returns that store's
// new tail.
func pour(ctx context.Context, src target, from key, dst target, to key) (int64, error) {
	pr, pw := io.Pipe()
	done := make(chan struct{})
	// Ends when the value has been read or the other side gave up; pour waits
	// for it.
	go func() {
		defer close(done)
		_, err := src.read(ctx, from, pw)
		pw.CloseWithError(err)
	}()
	tail, err := dst.writeFrom(ctx, to, pr)
	pr.CloseWithError(err)
	<-done
	return tail, err
}
