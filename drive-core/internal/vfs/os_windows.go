package vfs

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

const openNonblock = 0

// mapsPastEnd: a read-only section cannot be longer than its file.
const mapsPastEnd = false

// lockOffset is a byte far behind any data: Windows locks are mandatory, and
// readers must not be kept from the data.
const lockOffset = 1 << 62

func (o *osFile) WriteAt(p []byte, off int64) (int, error) { return o.f.WriteAt(p, off) }

// SyncDir does nothing: Windows keeps names durable with the file's metadata.
func (osFS) SyncDir(string) error { return nil }

func (o *osFile) Map(length int64) ([]byte, func(), error) {
	if length <= 0 || int64(int(length)) != length {
		return nil, nil, &fs.PathError{Op: "map", Path: o.f.Name(), Err: ErrAddressSpace}
	}
	high, low := uint32(uint64(length)>>32), uint32(length)
	section, err := windows.CreateFileMapping(windows.Handle(o.f.Fd()), nil, windows.PAGE_READONLY, high, low, nil)
	runtime.KeepAlive(o.f)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "map", Path: o.f.Name(), Err: err}
	}
	addr, err := windows.MapViewOfFile(section, windows.FILE_MAP_READ, 0, 0, uintptr(length))
	err = errors.Join(err, windows.CloseHandle(section)) // the view keeps the section
	if addr == 0 {
		return nil, nil, &fs.PathError{Op: "map", Path: o.f.Name(), Err: err}
	}
	// Safety: the system gave us this address range; it stays ours until unmap. The detour through a pointer to
	// addr tells vet that this is no pointer into the Go heap.
	data := unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), int(length))
	return data, func() { _ = windows.UnmapViewOfFile(addr) }, nil
}

// Lock locks one byte behind the data.
func (o *osFile) Lock() error {
	at := windows.Overlapped{Offset: 0, OffsetHigh: lockOffset >> 32}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(o.f.Fd()), flags, 0, 1, 0, &at)
	runtime.KeepAlive(o.f)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: o.f.Name(), Err: err}
	}
	return nil
}

// fileID: the number of a file is not in its fs.FileInfo here.
func fileID(fs.FileInfo) uint64 { return 0 }

// copyOwner leaves the owner as the directory gives it.
func copyOwner(*os.File, fs.FileInfo) {}

// unlock does nothing: the lock goes with the handle, which a view does not keep.
func (o *osFile) unlock() error { return nil }
