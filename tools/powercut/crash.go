//go:build linux

package powercut

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// crash is a moment at which the power goes, and what the disk makes of what it had
// not flushed then.
type crash struct {
	at    int     // the disk has seen this many records
	keep  float64 // share of what came after the last flush that is on the disk
	piece int64   // bytes that are there or not together; 0: whole writes
	seed  uint64  // says which
}

func (c crash) String() string {
	return fmt.Sprintf("cut at record %d, %g of what was not flushed kept in pieces of %d, seed %d", c.at, c.keep, c.piece, c.seed)
}

// sectorSize is the least that a disk writes whole.
const sectorSize = 512

// superblockPage holds the superblock of ext4. It is written in place and has one
// checksum, so a torn one is a file system that does not mount, which proves nothing
// about the drive. This page is there or not as a whole.
const superblockPage = 0

// openingRecords is how many records the opening of a drive takes, about.
const openingRecords = 64

// stakeTries is among how many moments that with the most at stake is taken.
const stakeTries = 6

// drawCrashes draws n moments, in order. One of them is the end of the record, with
// nothing kept.
func drawCrashes(rec *recording, n int, seed uint64) []crash {
	r := rand.New(rand.NewPCG(seed, 2))
	var flushes []int
	stake := make([]int, len(rec.log)+1) // bytes written since the last flush, before each record
	for i := range rec.log {
		if rec.log[i].isFlush() {
			flushes = append(flushes, i)
		} else {
			stake[i+1] = stake[i] + len(rec.log[i].data)
		}
	}
	crashes := []crash{{at: len(rec.log), seed: r.Uint64()}}
	for len(crashes) < n {
		c := crash{
			at:    r.IntN(len(rec.log) + 1),
			keep:  []float64{0, 0.1, 0.5, 0.9, 1}[r.IntN(5)],
			piece: []int64{0, sectorSize, pageSize}[r.IntN(3)],
			seed:  r.Uint64(),
		}
		switch r.IntN(12) {
		case 0: // the file system is mounted and the drive opened
			c.at = r.IntN(min(openingRecords, len(rec.log)) + 1)
		case 1, 2: // a flush was just done: what it made durable may just have been answered
			c.at = flushes[r.IntN(len(flushes))] + 1
		case 3, 4: // a flush was just asked for, and did nothing
			c.at = flushes[r.IntN(len(flushes))]
		case 5, 6, 7, 8, 9: // much is at stake
			for range stakeTries {
				if at := r.IntN(len(rec.log) + 1); stake[at] > stake[c.at] {
					c.at = at
				}
			}
		}
		crashes = append(crashes, c)
	}
	slices.SortStableFunc(crashes, func(a, b crash) int { return a.at - b.at })
	return crashes
}

// rebuilder builds disks as they are after crashes, which must come in order.
type rebuilder struct {
	rec     *recording
	durable *image // the first `records` records
	records int
}

func newRebuilder(rec *recording) *rebuilder { return &rebuilder{rec: rec, durable: rec.base.clone()} }

// image returns the disk after a crash.
func (b *rebuilder) image(c crash) *image {
	flushed := b.records
	for i := b.records; i < c.at; i++ {
		if b.rec.log[i].isFlush() {
			flushed = i + 1
		}
	}
	for ; b.records < flushed; b.records++ {
		x := &b.rec.log[b.records]
		b.durable.writeAt(x.data, x.off)
	}
	im := b.durable.clone()
	r := rand.New(rand.NewPCG(c.seed, 3))
	for i := flushed; i < c.at; i++ {
		writePieces(im, &b.rec.log[i], c, r)
	}
	return im
}

// writePieces stores those pieces of a write that the crash keeps. For each piece of
// the disk any of its writes can be the last one kept, which is all that a disk can
// do by keeping them in another order.
func writePieces(im *image, x *record, c crash, r *rand.Rand) {
	data, off := x.data, x.off
	for len(data) > 0 {
		n := int64(len(data))
		switch {
		case off/pageSize == superblockPage:
			n = min(n, pageSize-off)
		case c.piece > 0:
			n = min(n, c.piece-off%c.piece)
		}
		if r.Float64() < c.keep {
			im.writeAt(data[:n], off)
		}
		data, off = data[n:], off+n
	}
}
