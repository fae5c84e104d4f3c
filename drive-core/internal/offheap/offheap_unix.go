//go:build unix

package offheap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size, and the alignment, of a large page on common machines.
const hugePage = 2 << 20

// allocate takes anonymous pages; blocks of some large pages are aligned for them.
func allocate(size uintptr) (unsafe.Pointer, region, bool) {
	whole := size
	large := size >= hugePage
	if large {
		whole += hugePage
	}
	p, err := unix.MmapPtr(-1, 0, nil, whole, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, region{}, false
	}
	base := p
	if large {
		base = unsafe.Add(p, -uintptr(p)&(hugePage-1))
		adviseHuge(unsafe.Slice((*byte)(base), size))
	}
	return base, region{base: p, size: whole}, true
}

// release unmaps a region. It runs when its block has become unreachable.
func release(r region) { _ = unix.MunmapPtr(r.base, r.size) }

// discard drops the pages; where the advice is not taken, release does it later.
func discard(base unsafe.Pointer, size uintptr) {
	_ = unix.Madvise(unsafe.Slice((*byte)(base), size), dontNeed)
}
