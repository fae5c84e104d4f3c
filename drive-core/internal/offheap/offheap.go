// Package offheap provides large tables outside the garbage-collected heap, whose
// memory can be given back at once while readers still look at them.
package offheap

import (
	"runtime"
	"unsafe"
)

const (
	// Min is the smallest block, in bytes, that is taken from the system; smaller ones come from the Go heap.
	Min = 16 << 10
	// largePage is the size, and the alignment, of a large page on common machines.
	largePage = 2 << 20
	// pageSize is what blocks within a chunk are rounded up to. Where pages are larger, Discard keeps more.
	pageSize = 4 << 10
	// chunkBlocks is how many blocks of the current size a new chunk has room for, if that is not more than
	// maxChunk bytes.
	chunkBlocks = 16
	maxChunk    = 16 << 20
)

// Arena hands out blocks. Middle-sized blocks share chunks that begin with a large
// page, so that the system can back them with large pages: those make a random
// access cheaper by a fifth. The zero Arena is ready for use, by one goroutine at a
// time.
type Arena struct {
	chunk *chunk
	used  uintptr
}

// chunk is a range of addresses that the system gave us. It goes back when no
// block of it is reachable.
type chunk struct {
	base unsafe.Pointer
	size uintptr
}

// region is an address range to unmap.
type region struct {
	base unsafe.Pointer
	size uintptr
}

// Block is zeroed memory, aligned to 8 bytes at least. It goes back to the system
// when the Block is no longer reachable: who uses Base must keep the Block alive.
type Block struct {
	base  unsafe.Pointer
	size  uintptr
	chunk *chunk // nil: on the Go heap
}

// New returns a block of size bytes, or a little more.
func (a *Arena) New(size uintptr) *Block {
	if size >= Min {
		size = (size + pageSize - 1) &^ (pageSize - 1)
		if b := a.carve(size); b != nil {
			return b
		}
	}
	words := make([]uint64, (size+7)/8)
	return &Block{base: unsafe.Pointer(unsafe.SliceData(words)), size: size}
}

// carve takes a block from the current chunk or from a new one; nil if the system
// has no memory to give.
func (a *Arena) carve(size uintptr) *Block {
	if a.chunk == nil || a.chunk.size-a.used < size {
		whole := max(size, min(size*chunkBlocks, maxChunk))
		whole = (whole + largePage - 1) &^ (largePage - 1)
		base, r, ok := allocate(whole)
		if !ok {
			return nil
		}
		a.chunk, a.used = &chunk{base: base, size: whole}, 0
		runtime.AddCleanup(a.chunk, release, r)
	}
	b := &Block{base: unsafe.Add(a.chunk.base, a.used), size: size, chunk: a.chunk}
	a.used += size
	return b
}

// Base returns the first byte.
func (b *Block) Base() unsafe.Pointer { return b.base }

// Size returns the size in bytes.
func (b *Block) Size() uintptr { return b.size }

// Discard gives the memory back now. Readers may go on reading: they find what
// was there, or zeros. Nobody may write any more.
func (b *Block) Discard() {
	if b.chunk != nil {
		discard(b.base, b.size)
		runtime.KeepAlive(b.chunk)
	}
}
