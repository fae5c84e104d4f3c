package offheap

import (
	"runtime"
	"testing"
	"unsafe"
)

// bytesOf returns the memory of a block.
func bytesOf(b *Block) []byte { return unsafe.Slice((*byte)(b.Base()), b.Size()) }

func TestBlocksAreZeroedAndApart(t *testing.T) {
	var a Arena
	var blocks []*Block
	for i, size := range []uintptr{16, 100, Min - 8, Min, Min + 1, 300 << 10, largePage - 1, largePage, 5 << 20, Min, 20 << 20} {
		b := a.New(size)
		if b.Size() < size || uintptr(b.Base())%8 != 0 {
			t.Fatalf("block of %d: size %d at %p", size, b.Size(), b.Base())
		}
		if size >= Min && runtime.GOOS == "linux" && b.chunk == nil {
			t.Errorf("block of %d is on the Go heap", size)
		}
		for j, v := range bytesOf(b) {
			if v != 0 {
				t.Fatalf("block of %d: byte %d is %d", size, j, v)
			}
		}
		p := bytesOf(b)
		for j := range p {
			p[j] = byte(i + 1)
		}
		blocks = append(blocks, b)
	}
	for i, b := range blocks {
		p := bytesOf(b)
		if p[0] != byte(i+1) || p[len(p)/2] != byte(i+1) || p[len(p)-1] != byte(i+1) {
			t.Errorf("block %d was overwritten", i)
		}
	}
	runtime.KeepAlive(blocks)
}

func TestDiscardLeavesNeighboursAlone(t *testing.T) {
	var a Arena
	blocks := []*Block{a.New(Min), a.New(Min + 100), a.New(Min)}
	for _, b := range blocks {
		p := bytesOf(b)
		for j := range p {
			p[j] = 7
		}
	}
	blocks[1].Discard()
	for j, v := range bytesOf(blocks[1]) {
		if v != 0 && v != 7 {
			t.Fatalf("discarded byte %d is %d", j, v)
		}
	}
	for _, i := range []int{0, 2} {
		for j, v := range bytesOf(blocks[i]) {
			if v != 7 {
				t.Fatalf("block %d: byte %d is %d", i, j, v)
			}
		}
	}
	runtime.KeepAlive(blocks)
}
