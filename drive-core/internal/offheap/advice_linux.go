package offheap

import "golang.org/x/sys/unix"

const dontNeed = unix.MADV_DONTNEED

// adviseHuge asks for large pages: fewer misses of the address cache per probe.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
