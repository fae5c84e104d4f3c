//go:build unix

package crashfs

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// pageSize is what a system call writes before it looks for signals again, in bytes.
const pageSize = 4 << 10

// CrashClone returns a copy as it may be found after a power cut now. All of the
// copy is durable. Writes that are under way, as in OnCall, may have reached the
// disk in part. The copy follows from the history of f and from rng alone.
func (f *FS) CrashClone(rng *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := maps.Clone(f.durable)
	for _, c := range f.pending[:newDraw(rng).pick(len(f.pending)+1)] {
		c.apply(names)
	}
	c := New()
	c.inodes = f.inodes
	copies := map[*inode]*inode{}
	for _, n := range names {
		copies[n] = c.empty(n)
	}
	for _, n := range f.reachable() { // in a fixed order, for the sake of rng
		if next := copies[n]; next != nil {
			next.durable = n.crashed(rng)
			next.fill(next.durable)
		}
	}
	for name, n := range names {
		c.names[name], c.durable[name] = copies[n], copies[n]
	}
	return c
}

// ProcessCrashClone returns a copy as it is found when the process is killed now:
// all that was written is there, and what was not durable still is not. Nobody has
// a file open or locked. Of each write that is under way, some of its pages may
// have been written: rng says how many; when rng is nil, none.
func (f *FS) ProcessCrashClone(rng *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := New()
	c.inodes = f.inodes
	copies := map[*inode]*inode{nil: nil}
	for _, n := range f.reachable() {
		next := c.empty(n)
		next.fill(n.memory.data[:n.size])
		next.durable, next.pending = slices.Clone(n.durable), slices.Clone(n.pending)
		for _, w := range n.underWay {
			if part := w.killed(rng); len(part.data) > 0 {
				next.make(part)
			}
		}
		copies[n] = next
	}
	for name, n := range f.names {
		c.names[name] = copies[n]
	}
	for name, n := range f.durable {
		c.durable[name] = copies[n]
	}
	for _, p := range f.pending {
		c.pending = append(c.pending, nameChange{from: p.from, to: p.to, node: copies[p.node]})
	}
	return c
}

// empty returns a new file with the number and permissions of n.
func (f *FS) empty(n *inode) *inode {
	next, err := f.newInode(n.number, n.perm)
	if err != nil {
		panic(fmt.Errorf("crashfs: reserve memory for a clone: %w", err)) // of the test's process, which cannot go on
	}
	return next
}

// killed returns what is written of c when the process is killed in it: up to some
// page of the file.
func (c *change) killed(rng *rand.Rand) change {
	part := change{off: c.off}
	if rng == nil {
		return part
	}
	end := c.off + int64(len(c.data))
	first, last := c.off/pageSize, (end-1)/pageSize
	if page := first + rng.Int64N(last-first+2); page > first {
		part.data = c.data[:min(page*pageSize, end)-c.off]
	}
	return part
}

// draw chooses among what may have happened. Chances differ from draw to draw:
// where all choices were equal, hardly any crash would keep all sectors but one.
type draw struct {
	rng  *rand.Rand
	lean float64 // chance of the newest, or if negative of the oldest
}

func newDraw(rng *rand.Rand) draw { return draw{rng, 2*rng.Float64() - 1} }

// pick returns one of n choices, 0 being the oldest.
func (d draw) pick(n int) int {
	switch {
	case d.rng.Float64() >= math.Abs(d.lean):
		return d.rng.IntN(n)
	case d.lean > 0:
		return n - 1
	default:
		return 0
	}
}
