//go:build !unix

package offheap

import "unsafe"

// allocate leaves it to the Go heap.
func allocate(uintptr) (unsafe.Pointer, region, bool) { return nil, region{}, false }

func release(region) {}

func discard(unsafe.Pointer, uintptr) {}
