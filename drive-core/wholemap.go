package drive

import (
	"errors"
	"fmt"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// wholeMap is a file mapped as long as it was when it was opened. Check and Recover
// read through it; one goroutine owns it.
type wholeMap struct {
	*mapping // its data is exactly the file
	file     vfs.File
}

// mapWhole opens path for reading and maps it. The mapping of an empty file is empty.
func mapWhole(fsys vfs.FS, path string) (*wholeMap, error) {
	f, err := fsys.Open(path, vfs.ReadOnly, 0)
	if errors.Is(err, vfs.ErrNotRegular) {
		return nil, fmt.Errorf("%w: %s", ErrNotRegular, path)
	}
	if err != nil {
		return nil, err
	}
	m := &wholeMap{mapping: &mapping{unmap: func() {}}, file: f}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		m.mapping, err = newMapping(f, path, 0, info.Size())
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return m, nil
}

// close ends the mapping. No slice of data may be used after it.
func (m *wholeMap) close() {
	m.release()
	_ = m.file.Close() // nothing was written
}
