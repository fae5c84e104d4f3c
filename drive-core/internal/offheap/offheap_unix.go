//go:build unix

package offheap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// allocate takes anonymous pages, aligned to a large one.
func allocate(size uintptr) (unsafe.Pointer, region, bool) {
	whole := size + largePage
	p, err := unix.MmapPtr(-1, 0, nil, whole, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, region{}, false
	}
	base := unsafe.Add(p, -uintptr(p)&(largePage-1))
	adviseHuge(unsafe.Slice((*byte)(base), size))
	return base, region{base: p, size: whole}, true
}

// release unmaps a region. It runs when its chunk has become unreachable.
func release(r region) { _ = unix.MunmapPtr(r.base, r.size) }

// discard drops the pages; where the advice is not taken, release does it later.
func discard(base unsafe.Pointer, size uintptr) {
	_ = unix.Madvise(unsafe.Slice((*byte)(base), size), dontNeed)
}
