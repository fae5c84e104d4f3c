package drive

import (
	"io/fs"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// unsynced is the file system of the operating system without its syncs: for tests of
// what a power cut does not change, which open thousands of files.
type unsynced struct{ vfs.FS }

// unsyncedFile is a file of it.
type unsyncedFile struct{ vfs.File }

func newUnsynced() unsynced { return unsynced{vfs.OS} }

func (u unsynced) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	f, err := u.FS.Open(path, mode, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (unsynced) SyncDir(string) error { return nil }

func (unsyncedFile) Sync() error { return nil }

func (f unsyncedFile) CopyFrom(src vfs.File, srcOff, off, n int64) (int64, error) {
	if s, ok := src.(unsyncedFile); ok {
		src = s.File
	}
	return f.File.CopyFrom(src, srcOff, off, n)
}

func (f unsyncedFile) CopyAttributes(of vfs.File) error {
	if o, ok := of.(unsyncedFile); ok {
		of = o.File
	}
	return f.File.CopyAttributes(of)
}
