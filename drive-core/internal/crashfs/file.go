//go:build unix

package crashfs

import (
	"bytes"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"syscall"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// file is an open file. It implements vfs.File.
type file struct {
	fs       *FS
	node     *inode
	path     string // when it was opened
	readOnly bool
	closed   bool // guarded by fs.mu
}

// fail wraps err with the name of the call.
func (f *file) fail(call string, err error) error {
	return &fs.PathError{Op: call, Path: f.path, Err: err}
}

// usable tells what speaks against a call. f.fs.mu must be held.
func (f *file) usable(writing bool) error {
	switch {
	case f.closed:
		return fs.ErrClosed
	case writing && f.readOnly:
		return syscall.EBADF
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return 0, f.fail("read", err)
	}
	if off < 0 {
		return 0, f.fail("read", syscall.EINVAL)
	}
	n := copy(p, f.node.memory.data[min(off, f.node.size):f.node.size])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. It writes nothing when it fails.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.WriteVec([][]byte{p}, off)
	return int(n), err
}

// WriteVec implements vfs.File. It writes nothing when it fails.
func (f *file) WriteVec(pieces [][]byte, off int64) (int64, error) {
	c := &change{off: off, data: bytes.Join(pieces, nil)}
	size := int64(len(c.data))
	if size == 0 {
		return 0, nil
	}
	if err := fits(off, size); err != nil {
		return 0, f.fail("write", err)
	}
	f.announce(c)
	f.fs.begin(Op{Kind: Write, Path: f.path, Off: off, Len: size})
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.underWay = slices.DeleteFunc(f.node.underWay, func(u *change) bool { return u == c })
	if err := f.usable(true); err != nil {
		return 0, f.fail("write", err)
	}
	f.node.make(*c)
	return size, nil
}

// announce lets clones know of a write that is under way.
func (f *file) announce(c *change) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.usable(true) == nil {
		f.node.underWay = append(f.node.underWay, c)
	}
}

// CopyFrom implements vfs.File.
func (f *file) CopyFrom(src vfs.File, srcOff, off, n int64) (int64, error) {
	return vfs.CopyRange(f, off, src, srcOff, n)
}

// Truncate implements vfs.File.
func (f *file) Truncate(size int64) error {
	f.fs.begin(Op{Kind: Truncate, Path: f.path, Off: size})
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.usable(true)
	if err == nil {
		err = fits(0, size)
	}
	if err != nil {
		return f.fail("truncate", err)
	}
	f.node.make(change{truncation: true, after: size})
	return nil
}

// Sync implements vfs.File. See FS.DropOnFailedSync for how it can fail.
func (f *file) Sync() error {
	f.fs.begin(Op{Kind: Sync, Path: f.path})
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return f.fail("sync", err)
	}
	if f.fs.failSync > 0 {
		if f.fs.failSync--; f.fs.failSync == 0 {
			f.node.drop()
			return f.fail("sync", syscall.EIO)
		}
	}
	f.node.sync()
	return nil
}

// Stat implements vfs.File.
func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return nil, f.fail("stat", err)
	}
	return f.node.stat(f.path), nil
}

// Map implements vfs.File. The slice is the content itself: nothing but this
// comment keeps its user from writing there, and bytes behind the end of the file
// read as zero.
func (f *file) Map(length int64) ([]byte, func(), error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.usable(false)
	switch {
	case err != nil:
	case length <= 0:
		err = syscall.EINVAL
	case length > MaxFileSize:
		err = syscall.ENOMEM
	}
	if err != nil {
		return nil, nil, f.fail("map", err)
	}
	m := f.node.memory
	return m.data[:length:length], func() { runtime.KeepAlive(m) }, nil // who can still unmap keeps the memory
}

// Lock implements vfs.File.
func (f *file) Lock() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return f.fail("lock", err)
	}
	if f.node.owner != nil && f.node.owner != f {
		return vfs.ErrLocked
	}
	f.node.owner = f
	return nil
}

// CopyAttributes implements vfs.File.
func (f *file) CopyAttributes(of vfs.File) error {
	from, err := of.Stat()
	if err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return f.fail("chmod", err)
	}
	f.node.perm = from.Mode().Perm()
	return nil
}

// Close implements vfs.File. It gives up the lock.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable(false); err != nil {
		return f.fail("close", err)
	}
	f.closed = true
	if f.node.owner == f {
		f.node.owner = nil
	}
	return nil
}
