//go:build unix

package crashfs

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
	"weak"
)

// sectorSize is what a disk writes whole or not at all, in bytes.
const sectorSize = 512

// inode is a file, whatever its names. The mutex of its FS guards all of it but the
// content that mappings show: who reads there knows what has been written.
type inode struct {
	number uint64 // in the order of making
	perm   fs.FileMode
	owner  *file // who holds the lock
	memory *memory
	size   int64

	durable  []byte    // content as of the last sync
	pending  []change  // since then, in order
	underWay []*change // writes that are announced and not yet made
}

// change is a write or a truncation.
type change struct {
	truncation bool
	off        int64
	data       []byte // of a write; never changed in place; nil when a failed sync dropped it
	before     int64  // length of the file before the change
	after      int64  // and after it
}

// newInode returns an empty file of f. f.mu must be held, unless nobody else knows f.
func (f *FS) newInode(number uint64, perm fs.FileMode) (*inode, error) {
	m, err := newMemory()
	if err != nil { // what nobody reaches may hold the addresses, of which there are few on some platforms
		runtime.GC()
		runtime.Gosched()
		m, err = newMemory()
	}
	if err != nil {
		return nil, err
	}
	f.memories = append(f.memories, weak.Make(m))
	return &inode{number: number, perm: perm, memory: m}, nil
}

// fill sets the content of a new file.
func (n *inode) fill(content []byte) {
	n.size = int64(copy(n.memory.data, content))
}

// make makes a change that fits, not durably.
func (n *inode) make(c change) {
	c.before = n.size
	if c.truncation {
		clear(n.memory.data[min(c.after, n.size):n.size])
	} else {
		copy(n.memory.data[c.off:], c.data)
		c.after = max(n.size, c.off+int64(len(c.data)))
	}
	n.size = c.after
	n.pending = append(n.pending, c)
}

// sync makes all changes durable.
func (n *inode) sync() {
	for _, c := range n.pending {
		n.durable = resize(n.durable, c.after)
		copy(n.durable[c.off:], c.data)
	}
	n.pending = nil
}

// drop lets the data of all pending writes be lost; their lengths stay.
func (n *inode) drop() {
	for i := range n.pending {
		n.pending[i].data = nil
	}
}

// resize cuts b, or appends zeros to it.
func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// info implements fs.FileInfo.
type info struct {
	node *inode
	name string
	size int64
	perm fs.FileMode
}

// stat tells about the file under the name path.
func (n *inode) stat(path string) info {
	return info{node: n, name: filepath.Base(path), size: n.size, perm: n.perm}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.perm }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

// fits refuses what would end behind the largest size.
func fits(off, size int64) error {
	switch {
	case off < 0 || size < 0:
		return syscall.EINVAL
	case off > MaxFileSize || size > MaxFileSize-off:
		return syscall.ENOSPC
	}
	return nil
}
