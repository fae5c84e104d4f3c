package workload

import (
	"encoding/binary"

	"github.com/simd-drive/go/bench/engine/driver"
	"github.com/simd-drive/go/bench/engine/stores"
)

const (
	keySize = 16
	// noiseSize is the block in which values begin; noiseStep is odd, so that they
	// begin everywhere.
	noiseSize = 4 << 20
	noiseStep = 8191
	// noiseSeed is that of the block.
	noiseSeed = 2024
	// missingFrom is the number of the first key that is never written.
	missingFrom = 1 << 40
)

// putKey writes key number n, which no other number has, to the first keySize
// bytes of dst.
func putKey(dst []byte, n uint64) {
	order := driver.NewOrder(n)
	binary.LittleEndian.PutUint64(dst, order.Next())
	binary.LittleEndian.PutUint64(dst[8:keySize], n)
}

// noise is where values come from.
type noise []byte

// newNoise returns noise for values of up to size bytes.
func newNoise(size int) noise {
	p := make([]byte, noiseSize+(size+7)/8*8)
	order := driver.NewOrder(noiseSeed)
	for i := 0; i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], order.Next())
	}
	return p
}

// value returns value number n. A single zero byte, which some stores cannot
// hold, does not come about: values are longer.
func (p noise) value(n uint64, size int) []byte {
	begin := int(n * noiseStep % noiseSize)
	return p[begin : begin+size : begin+size]
}

// seen sums what was read: a part of each value, and its length.
type seen struct{ ops, bytes, sum uint64 }

func (s *seen) look(value []byte) {
	s.ops++
	s.bytes += uint64(len(value))
	s.sum += uint64(value[0]) + uint64(value[len(value)-1])<<8
}

// itemBatch is a number of items whose keys are in memory that is used again.
func itemBatch(size int) []stores.Item {
	keys := make([]byte, size*keySize)
	items := make([]stores.Item, size)
	for i := range items {
		items[i].Key = keys[i*keySize : (i+1)*keySize : (i+1)*keySize]
	}
	return items
}

// keyBatch does the same for keys alone.
func keyBatch(size int) [][]byte {
	list := make([][]byte, size)
	for i, item := range itemBatch(size) {
		list[i] = item.Key
	}
	return list
}
