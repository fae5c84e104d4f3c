package driver

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/simd-drive/go/drive-core"
)

const (
	// fill is what values consist of.
	fill = 0xAB
	// numberSize is how many bytes of a value its number takes.
	numberSize = 8
	// maxKeySize is the room for one key.
	maxKeySize = 32
)

// Order is the order in which keys are read: SplitMix64. Its value is the state.
type Order uint64

// NewOrder returns the order of a seed.
func NewOrder(seed uint64) *Order { return (*Order)(&seed) }

// Next returns the next number.
func (s *Order) Next() uint64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

const (
	// keyPrefix is what keys begin with.
	keyPrefix = "bench-key-"
	// keyWords is the room for a key in words, and wordDigits how many digits are written as one.
	keyWords, wordDigits = 24, 8
)

// appendKey appends key number n. It writes whole words. A hash reads a key in words
// as well, and a word that was written in pieces, just before, can be read only when all that came
// before in the program is done: then no two reads of a drive would ever overlap, and what is
// measured is that.
func appendKey(dst []byte, n uint64) []byte {
	digits, word := 0, uint64(0)
	for rest := n; digits <= wordDigits; {
		word = word<<8 | ('0' + rest%10)
		digits++
		if rest /= 10; rest == 0 {
			break
		}
	}
	if digits > wordDigits {
		return strconv.AppendUint(append(dst, keyPrefix...), n, 10)
	}
	dst = slices.Grow(dst, keyWords)
	key := dst[len(dst) : len(dst)+keyWords]
	le := binary.LittleEndian
	le.PutUint64(key, le.Uint64([]byte(keyPrefix)))
	le.PutUint64(key[8:], uint64(le.Uint16([]byte(keyPrefix[8:])))|word<<16)
	le.PutUint64(key[16:], word>>48)
	return dst[:len(dst)+len(keyPrefix)+digits]
}

// newValue returns a value of size bytes, numbered 0.
func newValue(size int) []byte {
	v := make([]byte, size)
	for i := range v {
		v[i] = fill
	}
	setNumber(v, 0)
	return v
}

func setNumber(value []byte, n uint64) { binary.LittleEndian.PutUint64(value, n) }

// keyBatch is a number of keys in memory that is used again.
type keyBatch struct {
	bytes []byte
	keys  [][]byte
}

func newKeyBatch(size int) *keyBatch {
	return &keyBatch{bytes: make([]byte, 0, size*maxKeySize), keys: make([][]byte, 0, size)}
}

func (b *keyBatch) reset() { b.bytes, b.keys = b.bytes[:0], b.keys[:0] }

// add appends key number n. There must be room.
func (b *keyBatch) add(n uint64) {
	begin := len(b.bytes)
	b.bytes = appendKey(b.bytes, n)
	b.keys = append(b.keys, b.bytes[begin:])
}

// itemBatch is a number of keys with their values in memory that is used again.
type itemBatch struct {
	keys  *keyBatch
	items []drive.Item
}

// newItemBatch returns a batch of values of size bytes.
func newItemBatch(batch, size int) *itemBatch {
	b := &itemBatch{newKeyBatch(batch), make([]drive.Item, batch)}
	for i := range b.items {
		b.items[i].Value = newValue(size)
	}
	return b
}

// fill numbers the batch from first on and returns its first n items.
func (b *itemBatch) fill(first uint64, n int) []drive.Item {
	b.keys.reset()
	for i := range n {
		b.keys.add(first + uint64(i))
		b.items[i].Key = b.keys.keys[i]
		setNumber(b.items[i].Value, first+uint64(i))
	}
	return b.items[:n]
}

// look returns what a case looks at of a value: the sum of all bytes, or the
// first byte.
func look(value []byte, all bool) uint64 {
	if all {
		return sumBytes(value)
	}
	return uint64(value[0])
}

// sumBytes adds the bytes, eight at a time in four lanes of 16 bits, as a
// compiler with vectors does for the original.
func sumBytes(p []byte) uint64 {
	const (
		even = 0x00FF00FF00FF00FF
		// mostWords is how many words the lanes can take: 128·2·255 < 2^16.
		mostWords = 128
	)
	var sum uint64
	for len(p) >= 8 {
		words := p[:min(len(p)/8, mostWords)*8]
		p = p[len(words):]
		var lanes uint64
		for ; len(words) >= 8; words = words[8:] {
			w := binary.LittleEndian.Uint64(words)
			lanes += w&even + w>>8&even
		}
		sum += lanes&0xFFFF + lanes>>16&0xFFFF + lanes>>32&0xFFFF + lanes>>48
	}
	for _, b := range p {
		sum += uint64(b)
	}
	return sum
}
