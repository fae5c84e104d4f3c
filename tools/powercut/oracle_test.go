//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"testing"
	"time"

	drive "github.com/simd-drive/go/drive-core"
)

// testHistory is one writer that, 250 ms after one another: writes key 0;
// writes keys 1, 2 and 3 in a batch; renames 0 to 4; syncs; overwrites key 2; deletes
// key 1; deletes 2 and 3 in a batch. Call n is made behind record 10n-5 and answered
// behind record 10n.
func testHistory(m mode) *history {
	at := func(op, item int32) value { return value{op: op, item: item, size: 100} }
	p := &plan{states: make([][keysPerWriter]value, 1), ops: []op{
		{kind: opWrite, keys: []int{0}, values: []value{at(1, 0)}},
		{kind: opBatch, keys: []int{1, 2, 3}, values: []value{at(2, 0), at(2, 1), at(2, 2)}},
		{kind: opRename, keys: []int{0, 4}},
		{kind: opSync},
		{kind: opWrite, keys: []int{2}, values: []value{at(5, 0)}},
		{kind: opDelete, keys: []int{1}},
		{kind: opDeleteBatch, keys: []int{2, 3}},
	}}
	h := &history{mode: m, plans: []*plan{p}, calls: [][]call{nil}, result: &recording{log: make([]record, 100), end: 2500 * time.Millisecond}}
	for i := range p.ops {
		state := p.states[i]
		p.ops[i].apply(&state)
		p.states = append(p.states, state)
		n := uint64(i + 1)
		h.calls[0] = append(h.calls[0], call{
			issued:       moment{2 * n, 10*n - 5, time.Duration(n)*250*time.Millisecond - time.Millisecond},
			acknowledged: moment{2*n + 1, 10 * n, time.Duration(n) * 250 * time.Millisecond},
		})
	}
	for i := range h.result.log {
		h.result.log[i].at = time.Duration(i) * 25 * time.Millisecond
	}
	return h
}

// TestCompare holds what the comparison takes for kept and for broken.
func TestCompare(t *testing.T) {
	corrupt := fmt.Errorf("reading: %w", drive.ErrCorrupt)
	nothing := func(f *found, keys ...int) {
		for _, k := range keys {
			f.values[writerID{}][k] = foundValue{}
		}
	}
	put := func(f *found, k int, v value) { f.values[writerID{}][k].bytes = v.bytes(writerID{}) }
	for name, c := range map[string]struct {
		mode   string
		at     int // records
		state  int // the drive is as after this many calls
		change func(f *found)
		broken bool
	}{
		"all there":                     {"SyncAlways", 80, 7, nil, false},
		"nothing was promised":          {"SyncAlways", 5, 0, nil, false},
		"the last is lost":              {"SyncAlways", 70, 6, nil, true},
		"the first is lost":             {"SyncAlways", 10, 0, nil, true},
		"under way, not there":          {"SyncAlways", 16, 1, nil, false},
		"under way, there":              {"SyncAlways", 16, 2, nil, false},
		"not called yet, there":         {"SyncAlways", 15, 2, nil, true},
		"batch in part":                 {"SyncAlways", 16, 2, func(f *found) { nothing(f, 2) }, true},
		"batch of deletions in part":    {"SyncAlways", 66, 7, func(f *found) { put(f, 3, value{2, 2, 100}) }, true},
		"deleted key returns":           {"SyncAlways", 60, 6, func(f *found) { put(f, 1, value{2, 0, 100}) }, true},
		"overwritten value returns":     {"SyncAlways", 50, 5, func(f *found) { put(f, 2, value{2, 1, 100}) }, true},
		"rename under way, both there":  {"SyncAlways", 26, 3, func(f *found) { put(f, 0, value{1, 0, 100}) }, true},
		"rename under way, none there":  {"SyncAlways", 26, 3, func(f *found) { nothing(f, 4) }, true},
		"value of another key":          {"SyncAlways", 20, 2, func(f *found) { put(f, 1, value{2, 1, 100}) }, true},
		"one bit is wrong":              {"SyncAlways", 20, 2, func(f *found) { f.values[writerID{}][1].bytes[99] ^= 1 }, true},
		"unreadable":                    {"SyncAlways", 20, 2, func(f *found) { f.values[writerID{}][1] = foundValue{err: corrupt} }, true},
		"does not open":                 {"SyncAlways", 10, 0, func(f *found) { f.openErr = drive.ErrNotDrive }, true},
		"something strange":             {"SyncAlways", 10, 1, func(f *found) { f.strange = []string{"strange"} }, true},
		"interval, lost what was late":  {"SyncInterval", 100, 5, nil, false},
		"interval, lost what was early": {"SyncInterval", 100, 4, nil, true},
		"interval, batch in part":       {"SyncInterval", 25, 2, func(f *found) { nothing(f, 2) }, false},
		"interval, rename, both there":  {"SyncInterval", 35, 3, func(f *found) { put(f, 0, value{1, 0, 100}) }, false},
		"interval, rename, none there":  {"SyncInterval", 35, 3, func(f *found) { nothing(f, 4) }, true},
		"interval, unreadable":          {"SyncInterval", 25, 2, func(f *found) { f.values[writerID{}][1] = foundValue{err: corrupt} }, true},
		"interval, does not open":       {"SyncInterval", 6, 0, func(f *found) { f.openErr = drive.ErrNotDrive }, true},
		"none, all lost":                {"SyncNone", 35, 0, nil, false},
		"none, lost what was synced":    {"SyncNone", 41, 0, nil, true},
		"none, lost what was not":       {"SyncNone", 79, 3, nil, false},
		"none, unreadable":              {"SyncNone", 25, 2, func(f *found) { f.values[writerID{}][1] = foundValue{err: corrupt} }, false},
		"none, unreadable but synced":   {"SyncNone", 45, 4, func(f *found) { f.values[writerID{}][3] = foundValue{err: corrupt} }, true},
		"none, unreadable, not typed":   {"SyncNone", 25, 2, func(f *found) { f.values[writerID{}][1] = foundValue{err: errors.New("odd")} }, true},
		"none, does not open":           {"SyncNone", 35, 0, func(f *found) { f.openErr = drive.ErrNotDrive }, false},
		"none, does not open, synced":   {"SyncNone", 45, 0, func(f *found) { f.openErr = drive.ErrNotDrive }, true},
		"none, never stored":            {"SyncNone", 25, 0, func(f *found) { put(f, 7, value{9, 9, 100}) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := modeByName(c.mode)
			if err != nil {
				t.Fatal(err)
			}
			h := testHistory(m)
			f := &found{values: map[writerID][]foundValue{}}
			for _, v := range h.plans[0].states[c.state] {
				var got foundValue
				if v != (value{}) {
					got.bytes = v.bytes(writerID{})
				}
				f.values[writerID{}] = append(f.values[writerID{}], got)
			}
			if c.change != nil {
				c.change(f)
			}
			v := compare([]round{{h, c.at}}, m, f)
			if (len(v.broken) > 0) != c.broken {
				t.Errorf("broken: %q", v.broken)
			}
		})
	}
}

// TestPlan: a plan is the same for the same seed, calls everything, and its batches
// hold each key once.
func TestPlan(t *testing.T) {
	p, q := newPlan(1, writerID{1, 0}, modes[0].weights, 300), newPlan(1, writerID{1, 0}, modes[0].weights, 300)
	if fmt.Sprint(p) != fmt.Sprint(q) {
		t.Error("not the same twice")
	}
	kinds := map[opKind]int{}
	for i, o := range p.ops {
		kinds[o.kind]++
		keys := map[int]bool{}
		for _, k := range o.keys {
			if keys[k] {
				t.Errorf("call %d, %v: key %d twice", i+1, o.kind, k)
			}
			keys[k] = true
		}
	}
	if len(kinds) != len(modes[0].weights) {
		t.Errorf("calls: %v", kinds)
	}
	for size := range int32(200) {
		if b := (value{op: 1, size: size + 1}).bytes(writerID{}); len(b) != int(size+1) || size == 0 && b[0] == 0 {
			t.Errorf("value of %d bytes: %q", size+1, b)
		}
	}
}
