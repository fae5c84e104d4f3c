// Package vfs is the file system as the storage engine sees it: the few calls
// it makes, behind an interface, so that tests can let any of them fail. OS is
// the real one.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

var (
	// ErrLocked is what File.Lock returns while somebody else holds the lock.
	ErrLocked = errors.New("vfs: locked by another file description")
	// ErrAddressSpace is what File.Map returns when a file does not fit into the addresses of the process.
	ErrAddressSpace = errors.New("vfs: no address space for a mapping of this length")
	// ErrFault is what writing returns when the memory of what is to be written cannot be read.
	ErrFault = errors.New("vfs: memory cannot be read")
	// ErrNotRegular is what FS.Open returns for anything but a regular file.
	ErrNotRegular = errors.New("vfs: not a regular file")
)

// Mode says how FS.Open opens a file.
type Mode int

// The modes of FS.Open.
const (
	ReadOnly  Mode = iota // must exist
	ReadWrite             // must exist
	Create                // read and write, made if it does not exist
	Exclusive             // read and write, must not exist
)

// flags returns the flags of os.OpenFile.
func (m Mode) flags() int {
	switch m {
	case ReadWrite:
		return os.O_RDWR
	case Create:
		return os.O_RDWR | os.O_CREATE
	case Exclusive:
		return os.O_RDWR | os.O_CREATE | os.O_EXCL
	default:
		return os.O_RDONLY
	}
}

// FS is a file system.
type FS interface {
	// Open opens a regular file, following symbolic links. Anything else it refuses with ErrNotRegular,
	// without blocking on a pipe that nobody writes to. perm is that of a file it creates, before umask.
	Open(path string, mode Mode, perm fs.FileMode) (File, error)
	// Stat tells about the file that path names, following symbolic links.
	Stat(path string) (fs.FileInfo, error)
	// SameFile tells whether two results of Stat, of this file system or of its files, are of one file.
	SameFile(a, b fs.FileInfo) bool
	// Resolve returns what path names now, absolute and without symbolic links. The file must exist.
	Resolve(path string) (string, error)
	// ReadDir lists a directory.
	ReadDir(path string) ([]fs.DirEntry, error)
	// Rename gives a file another name, replacing what had it, atomically.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(path string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
	// FileID returns a number by which a file is known again after it was closed, whatever its name and its
	// contents; 0 where there is none. Another file may have it when this one is gone.
	FileID(info fs.FileInfo) uint64
	// MapsPastEnd tells whether bytes that are appended to a file later show in a mapping that was longer than
	// the file when it was made.
	MapsPastEnd() bool
}

// File is an open regular file. Its methods may be called concurrently, except
// that Close must come last.
type File interface {
	io.ReaderAt
	// WriteAt writes all of p at off or fails; a short write counts as failure.
	io.WriterAt
	// WriteVec writes the pieces one after another from off on, with one system call where the platform can.
	// It returns how many bytes it wrote, and an error unless that is all. It does not keep pieces.
	WriteVec(pieces [][]byte, off int64) (int64, error)
	// CopyFrom copies n bytes of src from srcOff on to off, without passing them through user space where the
	// platform can. It returns how many bytes it copied, and an error unless that is n.
	CopyFrom(src File, srcOff, off, n int64) (int64, error)
	// Truncate sets the length of the file.
	Truncate(size int64) error
	// Sync makes contents and length durable.
	Sync() error
	// Stat tells about the open file.
	Stat() (fs.FileInfo, error)
	// Map maps the first length bytes read-only and shared. Where the file system maps past the end, length may
	// exceed the size of the file; bytes beyond it must not be touched. The mapping outlives the file's
	// closing; unmap ends it.
	Map(length int64) (data []byte, unmap func(), err error)
	// Lock takes the exclusive advisory lock of the file without waiting; ErrLocked when somebody has it. It
	// belongs to this open file and goes with it.
	Lock() error
	// CopyAttributes gives this file the permissions of another, and its owner where the process may.
	CopyAttributes(of File) error
	// Close closes the file.
	Close() error
}

// OS is the file system of the operating system.
var OS FS = osFS{}

// copyBufferSize is the buffer through which copyRange copies.
const copyBufferSize = 256 << 10

// CopyRange copies n bytes through user space. Implementations of CopyFrom use it
// where there is nothing better.
func CopyRange(dst io.WriterAt, off int64, src io.ReaderAt, srcOff, n int64) (int64, error) {
	buf := make([]byte, min(n, copyBufferSize))
	var done int64
	for done < n {
		part := buf[:min(n-done, int64(len(buf)))]
		if _, err := src.ReadAt(part, srcOff+done); err != nil {
			return done, err
		}
		if _, err := dst.WriteAt(part, off+done); err != nil {
			return done, err
		}
		done += int64(len(part))
	}
	return done, nil
}
