//go:build linux

package powercut

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// writerID names one of the goroutines of a workload. Each has keys of its own, so
// that the order of the calls that change a key is known.
type writerID struct{ round, writer int }

// key returns the name of one of the writer's keys.
func (w writerID) key(k int) []byte {
	return fmt.Appendf(nil, "round %d writer %d key %d", w.round, w.writer, k)
}

// value identifies what a call stored, or the lack of it: the zero value.
type value struct {
	op   int32 // which call of the writer, from 1
	item int32 // which item of the batch
	size int32 // bytes
}

// String describes the value, for messages.
func (v value) String() string {
	if v == (value{}) {
		return "nothing"
	}
	return fmt.Sprintf("item %d of call %d (%d bytes)", v.item, v.op, v.size)
}

// bytes returns the value itself. It says whose it is, as far as it is long enough;
// the rest follows from that.
func (v value) bytes(w writerID) []byte {
	out := make([]byte, v.size)
	head := fmt.Appendf(nil, "round %d writer %d call %d item %d size %d\n", w.round, w.writer, v.op, v.item, v.size)
	seed := [32]byte{}
	copy(seed[copy(seed[:], fmt.Sprint(w.round, w.writer, v.op, v.item, v.size)):], "powercut")
	n := 0
	if len(out) > len(head) {
		n = copy(out, head)
	}
	_, _ = rand.NewChaCha8(seed).Read(out[n:]) // never fails
	if v.size == 1 {
		out[0] |= 1 // a single zero byte is no value
	}
	return out
}

// is tells whether b is the value.
func (v value) is(w writerID, b []byte) bool {
	return v != (value{}) && len(b) == int(v.size) && bytes.Equal(b, v.bytes(w))
}
