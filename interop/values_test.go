//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// random returns bytes that depend on the seed only.
func random(seed uint64, size int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	value := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(value) // it never fails
	return value
}

// exchange writes values under keys of their own, so many at a time, and expects
// each of them back.
func exchange(t *testing.T, c client, inFlight int, values [][]byte) {
	t.Helper()
	var writes, reads []call
	for i, value := range values {
		key := fmt.Appendf(nil, "value-%d", i)
		writes = append(writes, call{Op: "write", Key: key, Value: value})
		reads = append(reads, call{Op: "read", Key: key})
	}
	succeed(t, c, inFlight, writes...)
	for i, r := range succeed(t, c, inFlight, reads...) {
		expectValue(t, string(reads[i].Key), r.Value, values[i])
	}
}

// expectValue compares values, nil for none, without printing much of them.
func expectValue(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("%s: %d bytes %.20x, want %d bytes %.20x", name, len(got), got, len(want), want)
	}
}

// expectBatch reads values by one call.
func expectBatch(t *testing.T, c client, keys, values [][]byte) {
	t.Helper()
	read := succeed(t, c, 1, call{Op: "batch_read", Keys: keys})[0].Values
	if len(read) != len(keys) {
		t.Fatalf("%d values of %d keys", len(read), len(keys))
	}
	for i, value := range values {
		expectValue(t, string(keys[i]), read[i], value)
	}
}

// Byte strings of few different values travel packed, all those of a message
// together: the classes are those of the original's encoding, with and without an
// offset, and short ones have forms of their own.
func TestPackedValues(t *testing.T) {
	var classes [][][]byte
	var alone [][]byte
	for _, lowest := range []byte{0, 1, 100, 200} {
		for _, span := range []byte{1, 2, 3, 4, 5, 6, 7, 16, 17, 50} {
			var class [][]byte
			for _, size := range []int{2, 3, 5, 6, 7, 100, 254, 255, 256, 1000} {
				value := random(uint64(span), size)
				for i := range value {
					value[i] = lowest + value[i]%span
				}
				class = append(class, value)
			}
			classes = append(classes, class)
			if span == 2 || span == 4 || span == 16 {
				alone = append(alone, class[1:4]...)
			}
		}
	}
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		for n, class := range classes {
			keys := make([][]byte, len(class))
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "class-%d-%d", n, i)
			}
			succeed(t, c, 1, call{Op: "batch_write", Keys: keys, Values: class})
			expectBatch(t, c, keys, class)
		}
		exchange(t, c, p.client.inFlight, alone)
	})
}

// Frames end at 64 KiB; a request of the same length is told from shorter ones.
func TestValuesAroundAFrame(t *testing.T) {
	var values [][]byte
	for size := 65_536 - 40; size <= 65_536+8; size++ {
		values = append(values, random(uint64(size), size))
	}
	values = append(values, random(1, 2*65_536), random(2, 10*65_536+1))
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		exchange(t, c, p.client.inFlight, values)
	})
}

func TestLargeValues(t *testing.T) {
	onEmptyStore(t, func(t *testing.T, _ pair, c client) {
		exchange(t, c, 1, [][]byte{random(3, 1<<20), random(4, 16<<20+1), random(5, 64<<20), make([]byte, 4<<20)})
	})
}

func TestBatches(t *testing.T) {
	onEmptyStore(t, func(t *testing.T, _ pair, c client) {
		total := uint64(0)
		for _, n := range []int{1, 100, 10_000} {
			keys, values := make([][]byte, n), make([][]byte, n)
			for i := range n {
				keys[i] = fmt.Appendf(nil, "batch-%d-%d", n, i)
				values[i] = random(uint64(i), 1+i%300)
				values[i][0] |= 1 // a single zero byte is refused
			}
			total += uint64(n)
			succeed(t, c, 1, call{Op: "batch_write", Keys: keys, Values: values})
			expectBatch(t, c, append(keys, []byte("none"), keys[0]), append(values, nil, values[0]))
			if got := succeed(t, c, 1, call{Op: "len"})[0].Number; got != total {
				t.Errorf("after a batch of %d: %d keys, want %d", n, got, total)
			}
		}
	})
}

// Calls of many kinds and sizes share the connection; each must get its own answer.
func TestManyCallsAtATime(t *testing.T) {
	onEmptyStore(t, func(t *testing.T, p pair, c client) {
		n := p.client.inFlight
		value := func(i int) []byte {
			if i%16 == 0 {
				return random(uint64(i), 100_000+i)
			}
			return fmt.Appendf(nil, "the value of key %d", i)
		}
		var writes, calls []call
		for i := range n {
			key := fmt.Appendf(nil, "key-%d", i)
			writes = append(writes, call{Op: "write", Key: key, Value: value(i)})
			calls = append(calls,
				call{Op: "read", Key: key},
				call{Op: "exists", Key: key},
				call{Op: "batch_read", Keys: [][]byte{key, []byte("none")}},
				call{Op: "read", Key: fmt.Appendf(nil, "none-%d", i)},
				call{Op: "write", Key: fmt.Appendf(nil, "new-%d", i), Value: value(i)})
		}
		succeed(t, c, n, writes...)
		results := succeed(t, c, n, calls...)
		for i := range n {
			r := results[5*i : 5*i+5]
			expectValue(t, "read", r[0].Value, value(i))
			if !r[1].Yes {
				t.Errorf("key %d does not exist", i)
			}
			if len(r[2].Values) != 2 || r[2].Values[1] != nil {
				t.Errorf("batch_read of key %d and of none: %d values", i, len(r[2].Values))
			} else {
				expectValue(t, "batch_read", r[2].Values[0], value(i))
			}
			if r[3].Value != nil {
				t.Errorf("missing key %d has the value %.20x", i, r[3].Value)
			}
		}
		if got := succeed(t, c, 1, call{Op: "len"})[0].Number; got != uint64(2*n) {
			t.Errorf("%d keys, want %d", got, 2*n)
		}
	})
}
