package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// osFS implements FS.
type osFS struct{}

// osFile implements File. What differs between platforms is in the files named
// after them.
type osFile struct {
	f      *os.File
	locked atomic.Bool
}

func (osFS) Open(path string, mode Mode, perm fs.FileMode) (File, error) {
	if mode != Exclusive {
		// Look before opening: opening a device can have effects of its own.
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s", ErrNotRegular, path)
		}
	}
	f, err := os.OpenFile(path, mode.flags()|openNonblock, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s", ErrNotRegular, path)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return &osFile{f: f}, nil
}

func (osFS) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (osFS) SameFile(a, b fs.FileInfo) bool             { return os.SameFile(a, b) }
func (osFS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Remove(path string) error                   { return os.Remove(path) }
func (osFS) FileID(info fs.FileInfo) uint64             { return fileID(info) }
func (osFS) MapsPastEnd() bool                          { return mapsPastEnd }

func (osFS) Resolve(path string) (string, error) {
	p, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(p)
}

func (o *osFile) ReadAt(p []byte, off int64) (int, error) { return o.f.ReadAt(p, off) }
func (o *osFile) Truncate(size int64) error               { return o.f.Truncate(size) }
func (o *osFile) Stat() (fs.FileInfo, error)              { return o.f.Stat() }

// Close gives the lock up first: a mapping that outlives the file would keep it.
func (o *osFile) Close() error {
	var err error
	if o.locked.Swap(false) {
		err = o.unlock()
	}
	return errors.Join(err, o.f.Close())
}

// CopyAttributes sets the permissions; a process that may not change the owner
// leaves its own.
func (o *osFile) CopyAttributes(of File) error {
	info, err := of.Stat()
	if err != nil {
		return err
	}
	copyOwner(o.f, info)
	return o.f.Chmod(info.Mode().Perm())
}
