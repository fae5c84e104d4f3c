// Package offheap provides large tables outside the garbage-collected heap, whose
// memory can be given back at once while readers still look at them.
package offheap

import (
	"runtime"
	"unsafe"
)

// Min is the smallest block, in bytes, that is taken from the system; smaller ones
// come from the Go heap.
const Min = 64 << 10

// Block is zeroed memory, aligned to 8 bytes at least. The memory goes back to the
// system when the Block is no longer reachable: who uses Base must keep the Block
// alive.
type Block struct {
	base   unsafe.Pointer
	size   uintptr
	system bool
}

// New returns a block of size bytes.
func New(size uintptr) *Block {
	if size >= Min {
		if base, whole, ok := allocate(size); ok {
			b := &Block{base: base, size: size, system: true}
			runtime.AddCleanup(b, release, whole)
			return b
		}
	}
	words := make([]uint64, (size+7)/8)
	return &Block{base: unsafe.Pointer(unsafe.SliceData(words)), size: size}
}

// Base returns the first byte.
func (b *Block) Base() unsafe.Pointer { return b.base }

// Size returns the size in bytes.
func (b *Block) Size() uintptr { return b.size }

// Discard gives the memory back now. Readers may go on reading: they find what
// was there, or zeros. Nobody may write any more.
func (b *Block) Discard() {
	if b.system {
		discard(b.base, b.size)
	}
}

// region is an address range to unmap.
type region struct {
	base unsafe.Pointer
	size uintptr
}
