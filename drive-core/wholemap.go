package drive

import (
	"errors"
	"fmt"
	"runtime/debug"
	"unsafe"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// wholeMap is a file mapped as long as it was when it was opened. Check and Recover
// read through it; one goroutine owns it.
type wholeMap struct {
	path  string
	file  vfs.File
	data  []byte
	unmap func()
}

// mapWhole opens path for reading and maps it. An empty file has no mapping.
func mapWhole(fsys vfs.FS, path string) (*wholeMap, error) {
	f, err := fsys.Open(path, vfs.ReadOnly, 0)
	if errors.Is(err, vfs.ErrNotRegular) {
		return nil, fmt.Errorf("%w: %s", ErrNotRegular, path)
	}
	if err != nil {
		return nil, err
	}
	m := &wholeMap{path: path, file: f, unmap: func() {}}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		m.data, m.unmap, err = f.Map(info.Size())
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return m, nil
}

// close ends the mapping. No slice of data may be used after it.
func (m *wholeMap) close() {
	m.unmap()
	_ = m.file.Close() // nothing was written
}

// guard calls fn, which reads data. Where the file cannot be read (a disk error, or
// it was cut off by somebody else) fn is left and the result is a *CorruptError.
func (m *wholeMap) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fault, ok := r.(interface{ Addr() uintptr })
		if !ok || len(m.data) == 0 {
			panic(r)
		}
		// Safety: only the address is used, to tell our mapping from other memory.
		offset := fault.Addr() - uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
		if offset >= uintptr(len(m.data)) {
			panic(r)
		}
		err = &CorruptError{Path: m.path, Offset: int64(offset), Reason: fmt.Sprintf("cannot be read: %v", r)}
	}()
	return fn()
}
