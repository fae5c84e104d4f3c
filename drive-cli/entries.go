package main

import "fmt"

// entriesCmd lists entries in file order.
type entriesCmd struct {
	Live       bool `help:"Only what reads return: no superseded entries, no tombstones."`
	damageFlag `embed:""`
}

// entryJSON describes one entry.
type entryJSON struct {
	Offset     int64  `json:"offset"`
	Size       int64  `json:"size"`
	KeyHash    string `json:"key_hash"`
	PrevOffset int64  `json:"prev_offset"`
	Checksum   string `json:"checksum"`
	Tombstone  bool   `json:"tombstone"`
	Live       bool   `json:"live"`
}

func (e entryRecord) record() entryJSON {
	return entryJSON{
		Offset: e.offset, Size: e.size, KeyHash: hashText(e.keyHash), PrevOffset: e.prevOffset,
		Checksum: fmt.Sprintf("%08x", e.checksum), Tombstone: e.tombstone, Live: e.live,
	}
}

// text returns the entry as one line of columns: offset, size, key hash,
// previous offset, checksum, state.
func (e entryJSON) text() string {
	state := "superseded"
	switch {
	case e.Tombstone:
		state = "tombstone"
	case e.Live:
		state = "live"
	}
	return fmt.Sprintf("%12d %12d  %s %12d  %s  %s", e.Offset, e.Size, e.KeyHash, e.PrevOffset, e.Checksum, state)
}

const entriesHeader = "      OFFSET         SIZE  KEY HASH          PREV OFFSET  CHECKSUM  STATE"

func (c *entriesCmd) Run(a *app) error {
	return a.withStore(c.access(), func(t target) error {
		if err := a.out.heading(entriesHeader); err != nil {
			return err
		}
		for e, err := range t.entries(a.ctx, c.Live) {
			if err == nil {
				err = a.ctx.Err()
			}
			if err != nil {
				return err
			}
			if err := a.out.emit(e.record()); err != nil {
				return err
			}
		}
		return nil
	})
}
