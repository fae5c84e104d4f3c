//go:build unix && !linux

package offheap

import "golang.org/x/sys/unix"

const dontNeed = unix.MADV_FREE

// adviseHuge does nothing: the other systems choose page sizes themselves.
func adviseHuge([]byte) {}
