//go:build unix

package crashfs

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// crashed returns content that a power cut may leave in the file.
func (n *inode) crashed(rng *rand.Rand) []byte {
	changes := n.changes()
	happened, length := chooseLength(rng, changes, int64(len(n.durable)))
	kept := chooseSectors(rng, changes, happened)
	content := slices.Clone(n.durable)
	for i, c := range changes {
		content = resize(content, max(int64(len(content)), c.after))
		if c.truncation && i < happened {
			clear(content[c.after:])
			continue
		}
		for from, to := range c.sectors() {
			switch {
			case kept[from/sectorSize] <= i:
			case c.truncation:
				clear(content[from:to])
			default:
				copy(content[from:to], c.data[from-c.off:])
			}
		}
	}
	return slices.Clip(resize(content, length))
}

// changes returns the pending changes and the writes under way.
func (n *inode) changes() []change {
	all := slices.Clone(n.pending)
	size := n.size
	for _, w := range n.underWay {
		c := *w
		c.before, c.after = size, max(size, c.off+int64(len(c.data)))
		size = c.after
		all = append(all, c)
	}
	return all
}

// chooseLength chooses how many of the changes happened to the length of the file,
// and the length: that after the last of them, or one at the end of a sector on the
// way to that after the next one.
func chooseLength(rng *rand.Rand, changes []change, durable int64) (happened int, length int64) {
	happened = newDraw(rng).pick(len(changes) + 1)
	length = durable
	if happened > 0 {
		length = changes[happened-1].after
	}
	if happened < len(changes) && !changes[happened].truncation {
		first, last := length/sectorSize+1, (changes[happened].after-1)/sectorSize
		if first <= last && rng.IntN(2) == 0 {
			length = (first + rng.Int64N(last-first+1)) * sectorSize
		}
	}
	return happened, length
}

// chooseSectors chooses, for each sector that changes touch, after how many of them
// the disk got it. A sector that was freed by a truncation which did not happen
// holds nothing newer: only after the truncation is durable it is used again.
func chooseSectors(rng *rand.Rand, changes []change, happened int) map[int64]int {
	versions := map[int64][]int{}
	freed := map[int64]bool{}
	var order []int64
	for i, c := range changes {
		for from := range c.sectors() {
			s := from / sectorSize
			if freed[s] {
				continue
			}
			if c.truncation && i >= happened && from == s*sectorSize {
				freed[s] = true
				continue
			}
			if versions[s] == nil {
				versions[s] = []int{0}
				order = append(order, s)
			}
			versions[s] = append(versions[s], i+1)
		}
	}
	d := newDraw(rng)
	kept := make(map[int64]int, len(order))
	for _, s := range order {
		kept[s] = versions[s][d.pick(len(versions[s]))]
	}
	return kept
}

// sectors returns an iteration over the sectors that the change touches: where in the
// file it does so in each.
func (c change) sectors() iter.Seq2[int64, int64] {
	from, to := c.off, c.off+int64(len(c.data))
	if c.truncation {
		from, to = c.after, c.before
	}
	return func(yield func(int64, int64) bool) {
		for at := from; at < to; {
			end := min((at/sectorSize+1)*sectorSize, to)
			if !yield(at, end) {
				return
			}
			at = end
		}
	}
}
