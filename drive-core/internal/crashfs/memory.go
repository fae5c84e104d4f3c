//go:build unix

package crashfs

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// MaxFileSize is how large a file can become, in bytes: the address space that each
// one reserves. Writing and truncating beyond it fails with ENOSPC, mapping with
// ENOMEM.
const MaxFileSize = 16 << 20 << (^uint(0) >> 63 << 1) // 64 MiB; 16 MiB where addresses have 32 bits

// memory is the content of a file. It stays where it is while the file grows, so
// that mappings show what is written. What lies behind the end of the file is zero.
type memory struct {
	data    []byte
	cleanup runtime.Cleanup // gives data back
}

// newMemory reserves zeros.
func newMemory() (*memory, error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_ANON | unix.MAP_PRIVATE | mapNoReserve
	data, err := unix.Mmap(-1, 0, MaxFileSize, prot, flags)
	if err != nil {
		return nil, err
	}
	m := &memory{data: data}
	m.cleanup = runtime.AddCleanup(m, unmap, data)
	return m, nil
}

// release gives the memory back now. m must not be used afterwards.
func (m *memory) release() {
	m.cleanup.Stop()
	unmap(m.data)
	m.data = nil
}

func unmap(data []byte) { _ = unix.Munmap(data) } // it was mapped once and is unmapped once
