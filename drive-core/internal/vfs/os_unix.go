//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openNonblock keeps open from waiting for the other end of a pipe. It changes
// nothing for a regular file.
const openNonblock = unix.O_NONBLOCK

// mapsPastEnd: a shared mapping shows what is appended, on every Unix.
const mapsPastEnd = true

// maxWrite is the most bytes given to one system call; some systems refuse
// lengths beyond 31 bits.
const maxWrite = 1 << 30

// WriteAt writes with pwrite itself: os.File adds a tenth to a small write.
func (o *osFile) WriteAt(p []byte, off int64) (int, error) {
	fd := int(o.f.Fd())
	done := 0
	for done < len(p) {
		n, err := unix.Pwrite(fd, p[done:done+min(len(p)-done, maxWrite)], off+int64(done))
		done += max(n, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, o.writeError(err)
		}
		if err == nil && n == 0 {
			return done, &fs.PathError{Op: "write", Path: o.f.Name(), Err: unix.EIO}
		}
	}
	runtime.KeepAlive(o.f)
	return done, nil
}

// writeError returns the error of a write that failed with err.
func (o *osFile) writeError(err error) error {
	if errors.Is(err, unix.EFAULT) {
		err = ErrFault
	}
	return &fs.PathError{Op: "write", Path: o.f.Name(), Err: err}
}

func (osFS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // some file systems have nothing to sync in a directory
	}
	return errors.Join(err, d.Close())
}

func (o *osFile) Map(length int64) ([]byte, func(), error) {
	if length <= 0 || int64(int(length)) != length {
		return nil, nil, &fs.PathError{Op: "mmap", Path: o.f.Name(), Err: ErrAddressSpace}
	}
	p, err := unix.MmapPtr(int(o.f.Fd()), 0, nil, uintptr(length), unix.PROT_READ, unix.MAP_SHARED|mapNoReserve)
	runtime.KeepAlive(o.f)
	if errors.Is(err, unix.ENOMEM) {
		err = ErrAddressSpace
	}
	if err != nil {
		return nil, nil, &fs.PathError{Op: "mmap", Path: o.f.Name(), Err: err}
	}
	// Safety: the kernel gave us this address range; it stays ours until unmap.
	data := unsafe.Slice((*byte)(p), int(length))
	return data, func() { _ = unix.MunmapPtr(p, uintptr(length)) }, nil
}

// fileID returns the inode number.
func fileID(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// copyOwner tries to give f the owner and group that info tells of.
func copyOwner(f *os.File, info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid)) // only root may; then the file is ours, and readable to us
	}
}
