//go:build !unix && !windows

package vfs

import (
	"io"
	"io/fs"
	"os"
)

const openNonblock = 0

const mapsPastEnd = false

func (o *osFile) WriteAt(p []byte, off int64) (int, error) { return o.f.WriteAt(p, off) }

// SyncDir does nothing where a directory cannot be synced.
func (osFS) SyncDir(string) error { return nil }

// Map reads the file into memory: correct, and for small drives only.
func (o *osFile) Map(length int64) ([]byte, func(), error) {
	data := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(o.f, 0, length), data); err != nil {
		return nil, nil, err
	}
	return data, func() {}, nil
}

// copyOwner leaves the owner as it is.
func copyOwner(*os.File, fs.FileInfo) {}

// fileID: files have no numbers that are known here.
func fileID(fs.FileInfo) uint64 { return 0 }
