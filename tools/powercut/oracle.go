//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"slices"

	drive "github.com/simd-drive/go/drive-core"
)

// round is a history and the moment at which the power went during it.
type round struct {
	history *history
	at      int // records that the disk had seen
}

// writers returns the writers of some rounds.
func writers(rounds []round) (all []writerID) {
	for _, r := range rounds {
		for w := range r.history.plans {
			all = append(all, writerID{r.history.round, w})
		}
	}
	return all
}

// verdict is what a comparison found.
type verdict struct {
	broken []string // promises that were not kept

	unreadable int // values lost with a typed error, where that is allowed
	torn       int // batches of which a part is there, where that is allowed
	pending    int // calls that were made but not promised
	kept       int // of these, how many have effect
	cuts       int // damaged tails that were cut off
}

// add puts other into v.
func (v *verdict) add(other *verdict) {
	v.broken = append(v.broken, other.broken...)
	v.unreadable += other.unreadable
	v.torn += other.torn
	v.pending += other.pending
	v.kept += other.kept
	v.cuts += other.cuts
}

// examine inspects a disk, which it mounts on dir, after the last of some rounds, and
// compares.
func examine(im *image, dir string, rounds []round) (v *verdict, err error) {
	m := rounds[len(rounds)-1].history.mode
	err = withMounted(im, dir, func() error {
		f, err := inspectSafely(dir, m, writers(rounds))
		if err == nil {
			v = compare(rounds, m, f)
			v.cuts = f.cuts
		}
		return err
	})
	return v, err
}

// compare compares what was found with what was promised.
func compare(rounds []round, m mode, f *found) *verdict {
	v := &verdict{broken: f.strange}
	for _, r := range rounds {
		for w := range r.history.plans {
			v.add(r.compareWriter(w, m, f))
		}
	}
	return v
}

// compareWriter compares the keys of one writer. Its calls were made one after the
// other, so its keys must be as they were after one of its calls: the last that was
// promised, or a later one.
func (r round) compareWriter(w int, m mode, f *found) *verdict {
	id := writerID{r.history.round, w}
	low := r.history.promised(w, r.at)
	high := max(low, r.history.issued(w, r.at)) // a call can be made and answered without a record
	v := &verdict{pending: high - low}
	broken := func(format string, args ...any) {
		v.broken = append(v.broken, fmt.Sprintf("writer %d of round %d, calls %d to %d: ", w, id.round, low, high)+fmt.Sprintf(format, args...))
	}
	if f.openErr != nil {
		typed := errors.Is(f.openErr, drive.ErrNotDrive) || errors.Is(f.openErr, drive.ErrCorrupt)
		if low > 0 || !m.damageIsTyped || !typed {
			broken("open: %v", f.openErr)
		}
		return v
	}
	all := r.history.plans[w].states
	states := all[low : high+1]
	seen := newObservation(id, f.values[id])
	for k := range keysPerWriter {
		switch got := &f.values[id][k]; {
		case got.err != nil && m.damageIsTyped && errors.Is(got.err, drive.ErrCorrupt) && changes(states, k):
			v.unreadable++
			seen.ignored[k] = true
		case got.err != nil:
			broken("key %d: %v", k, got.err)
			seen.ignored[k] = true
		case !seen.isAny(states, k):
			broken("key %d holds %s, want %s", k, r.describe(id, k, got), describeAll(states, k))
		}
	}
	for n := range slices.Backward(states) {
		if seen.is(&states[n]) {
			v.kept = n
			return v
		}
	}
	for n := range slices.Backward(all[:low]) {
		if seen.is(&all[n]) { // says more than what each key lacks
			v.broken = nil
			broken("the keys are as after call %d", n)
			return v
		}
	}
	for n := range len(states) - 1 {
		if seen.isBetween(&states[n], &states[n+1]) {
			r.judgeTorn(w, low+n, m, seen, v, broken)
			return v
		}
	}
	if len(v.broken) == 0 && !m.damageIsTyped {
		broken("the keys are as after none of these calls")
	}
	return v
}

// judgeTorn judges a call, the n-th from 0, of which a part has effect.
func (r round) judgeTorn(w, n int, m mode, seen *observation, v *verdict, broken func(format string, args ...any)) {
	p := r.history.plans[w]
	o := &p.ops[n]
	v.torn++
	if m.acknowledgedIsDurable {
		broken("call %d, %v, has effect in part", n+1, o.kind)
	}
	if o.kind != opRename {
		return
	}
	from, to := o.keys[0], o.keys[1]
	if !seen.holds(from, p.states[n][from]) && !seen.holds(to, p.states[n+1][to]) {
		broken("call %d, rename, lost the value", n+1)
	}
}

// changes tells whether key k is not the same in all states.
func changes(states [][keysPerWriter]value, k int) bool {
	for i := range states {
		if states[i][k] != states[0][k] {
			return true
		}
	}
	return false
}

// describe says what a key was found to hold.
func (r round) describe(id writerID, k int, got *foundValue) string {
	if got.bytes == nil {
		return "nothing"
	}
	states := r.history.plans[id.writer].states
	for n := range states {
		if states[n][k].is(id, got.bytes) {
			return states[n][k].String()
		}
	}
	return fmt.Sprintf("%d bytes that were never stored there, %.60q", len(got.bytes), got.bytes)
}

// maxText is how long the text about one key becomes, about, in bytes.
const maxText = 200

// describeAll says what a key holds in some states, without repetition.
func describeAll(states [][keysPerWriter]value, k int) (text string) {
	for n := range states {
		switch {
		case n > 0 && states[n][k] == states[n-1][k]:
			continue
		case len(text) > maxText:
			return text + " or something newer"
		case n > 0:
			text += " or "
		}
		text += states[n][k].String()
	}
	return text
}

// observation compares what a writer's keys hold with values; it makes each value
// only once.
type observation struct {
	id      writerID
	found   []foundValue
	known   [keysPerWriter]map[value]bool
	ignored [keysPerWriter]bool // what these hold is no matter
}

func newObservation(id writerID, found []foundValue) *observation {
	o := &observation{id: id, found: found}
	for k := range o.known {
		o.known[k] = map[value]bool{}
	}
	return o
}

// holds tells whether key k holds v, or is ignored.
func (o *observation) holds(k int, v value) bool {
	if o.ignored[k] {
		return true
	}
	if v == (value{}) {
		return o.found[k].bytes == nil
	}
	same, ok := o.known[k][v]
	if !ok {
		same = v.is(o.id, o.found[k].bytes)
		o.known[k][v] = same
	}
	return same
}

// isAny tells whether key k is as in one of the states.
func (o *observation) isAny(states [][keysPerWriter]value, k int) bool {
	for n := range states {
		if o.holds(k, states[n][k]) {
			return true
		}
	}
	return false
}

// is tells whether all keys are as in a state.
func (o *observation) is(state *[keysPerWriter]value) bool {
	for k := range state {
		if !o.holds(k, state[k]) {
			return false
		}
	}
	return true
}

// isBetween tells whether each key is as in one of two states.
func (o *observation) isBetween(a, b *[keysPerWriter]value) bool {
	for k := range a {
		if !o.holds(k, a[k]) && !o.holds(k, b[k]) {
			return false
		}
	}
	return true
}
