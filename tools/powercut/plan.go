//go:build linux

package powercut

import (
	"math/rand/v2"
	"slices"
)

// opKind is what a call does.
type opKind int

const (
	opWrite opKind = iota
	opStream
	opBatch
	opDelete
	opDeleteBatch
	opRename
	opSync
	opCompact
)

func (k opKind) String() string {
	return [...]string{"write", "stream", "batch", "delete", "delete batch", "rename", "sync", "compact"}[k]
}

// op is one call.
type op struct {
	kind   opKind
	keys   []int   // what it changes; a rename's: old, new
	values []value // of opWrite, opStream and opBatch: what the keys get
}

const (
	// keysPerWriter is how many keys a writer has.
	keysPerWriter = 24
	// hugeStream is long enough for the engine to put it into a temporary file first.
	hugeStream = 4<<20 + 12345
	// tinyValue is the length of the values of a tiny batch, at most.
	tinyValue = 64
	// maxValue is the length of all other values, at most.
	maxValue = 1 << 20
)

// plan is what one writer does, and what its keys hold after each call.
type plan struct {
	ops []op
	// states[i] holds the values of the keys after i calls.
	states [][keysPerWriter]value
}

// weights are how often each kind is called, in relation to the others.
type weights [opCompact + 1]int

// newPlan returns the plan of one writer; the same for the same arguments. Only the
// first writer compacts: a second compaction at the same time is refused.
func newPlan(seed uint64, w writerID, often weights, calls int) *plan {
	r := rand.New(rand.NewPCG(seed, uint64(w.round)<<32|uint64(w.writer)))
	if w.writer != 0 {
		often[opCompact] = 0
	}
	p := &plan{states: make([][keysPerWriter]value, 1, calls+1)}
	for len(p.ops) < calls {
		state := p.states[len(p.ops)]
		o := newOp(r, often, &state, int32(len(p.ops)+1))
		p.ops = append(p.ops, o)
		p.states = append(p.states, state)
	}
	return p
}

// newOp draws a call and applies it to the state.
func newOp(r *rand.Rand, often weights, state *[keysPerWriter]value, n int32) op {
	kind := often.draw(r)
	var present []int
	for k, v := range state {
		if v != (value{}) {
			present = append(present, k)
		}
	}
	if len(present) == 0 {
		kind = opWrite // nothing to delete or rename yet
	}
	o := op{kind: kind}
	switch kind {
	case opWrite, opStream:
		o.keys = []int{r.IntN(keysPerWriter)}
		size := drawSize(r)
		if kind == opStream && r.IntN(30) == 0 {
			size = hugeStream
		}
		o.values = []value{{op: n, size: size}}
	case opBatch:
		o.keys = r.Perm(keysPerWriter)[:2+r.IntN(keysPerWriter-1)]
		tiny := r.IntN(2) == 0 // so that all may lie in one page, or in one sector
		if tiny {
			o.keys = o.keys[:2+r.IntN(len(o.keys)-1)]
		}
		for i := range o.keys {
			size := drawSize(r)
			if tiny {
				size = 1 + r.Int32N(tinyValue)
			}
			o.values = append(o.values, value{op: n, item: int32(i), size: size})
		}
	case opDelete:
		o.keys = []int{present[r.IntN(len(present))]}
	case opDeleteBatch:
		r.Shuffle(len(present), func(i, j int) { present[i], present[j] = present[j], present[i] })
		o.keys = present[:1+r.IntN(len(present))]
	case opRename:
		from := present[r.IntN(len(present))]
		to := (from + 1 + r.IntN(keysPerWriter-1)) % keysPerWriter
		o.keys = []int{from, to}
	case opSync, opCompact:
	}
	o.apply(state)
	return o
}

// draw draws a kind.
func (often weights) draw(r *rand.Rand) opKind {
	total := 0
	for _, n := range often {
		total += n
	}
	at := r.IntN(total)
	return opKind(slices.IndexFunc(often[:], func(n int) bool { at -= n; return at < 0 }))
}

// drawSize draws the length of a value: mostly small, at times up to maxValue.
func drawSize(r *rand.Rand) int32 {
	switch n := r.IntN(1000); {
	case n < 300:
		return 1 + r.Int32N(tinyValue)
	case n < 700:
		return 1 + r.Int32N(1<<10)
	case n < 950:
		return 1 + r.Int32N(16<<10)
	case n < 993:
		return 1 + r.Int32N(128<<10)
	default:
		return 1 + r.Int32N(maxValue)
	}
}

// apply changes state as the call does.
func (o *op) apply(state *[keysPerWriter]value) {
	switch o.kind {
	case opWrite, opStream, opBatch:
		for i, k := range o.keys {
			state[k] = o.values[i]
		}
	case opDelete, opDeleteBatch:
		for _, k := range o.keys {
			state[k] = value{}
		}
	case opRename:
		state[o.keys[1]] = state[o.keys[0]]
		state[o.keys[0]] = value{}
	case opSync, opCompact:
	}
}
