package drive

import (
	"runtime"
	"runtime/debug"
	"unsafe"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// mapping is a read-only view of one file. It may reach beyond the end of the
// file; bytes are touched below a published tail only. When it is no longer
// reachable, from a Store or from an Entry, it is unmapped.
type mapping struct {
	data []byte
	path string // for errors
	// file tells the files that a store had one after another (by compaction) apart.
	file uint64

	unmap   func()
	cleanup runtime.Cleanup // calls unmap
}

// newMapping maps the first length bytes of f.
func newMapping(f vfs.File, path string, file uint64, length int64) (*mapping, error) {
	data, unmap, err := f.Map(length)
	if err != nil {
		return nil, err
	}
	m := &mapping{data: data, path: path, file: file, unmap: unmap}
	m.cleanup = runtime.AddCleanup(m, func(unmap func()) { unmap() }, unmap)
	return m, nil
}

// release unmaps at once. Only for a mapping of which no Entry was handed out.
func (m *mapping) release() {
	m.cleanup.Stop()
	m.unmap()
}

// size returns how many bytes the mapping covers.
func (m *mapping) size() int64 {
	if m == nil {
		return 0
	}
	return int64(len(m.data))
}

// guard calls fn and turns a fault of the mapping in it (the file was cut by
// somebody, the disk failed) into a *CorruptError. It keeps the mapping alive.
func (m *mapping) guard(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = m.faultError(r)
		}
		runtime.KeepAlive(m)
	}()
	return fn()
}

// base returns the address of the first byte, for comparison only.
func (m *mapping) base() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(m.data))) }

// faultError returns the error for a recovered panic that a fault of the mapping
// raised; it goes on with any other panic.
func (m *mapping) faultError(r any) error {
	if f, ok := r.(interface{ Addr() uintptr }); ok && len(m.data) > 0 {
		if off := f.Addr() - m.base(); off < uintptr(len(m.data)) {
			return &CorruptError{Path: m.path, Offset: int64(off), Reason: "the bytes cannot be read; was the file cut short?"}
		}
	}
	panic(r)
}
