//go:build unix

// Package crashfs is a file system in memory that remembers what a power cut may
// take: writes, truncations and changes of names that no sync has covered.
// CrashClone copies it as it may be found after a power cut, ProcessCrashClone as
// it is found after the end of the process. A test opens the copies.
//
// It takes the harsh reading of what a file system promises. File.Sync makes the
// content and the length of a file durable, not its name; FS.SyncDir makes names
// durable, not contents. What is not durable is kept, lost, kept in part or in
// another order:
//
//   - changes of names happen in their order; any number of the last ones is lost;
//   - each sector of a file holds what any of the writes since the last sync left in
//     it, whatever the other sectors hold, or what it held before them;
//   - the length is one that the file had, or one at the end of a sector that a write
//     had reached half-way; what lies behind it is gone, and what within it was never
//     kept is zero;
//   - a truncation that happened leaves zeros behind it when the file grows again.
//
// There are no directories to be made and no links: every directory exists.
// Permissions are durable at once, and nobody is refused for them.
package crashfs

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"weak"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// FS is a file system in memory. It implements vfs.FS and is safe for concurrent
// use.
type FS struct {
	// OnCall, unless nil, is called before each call that changes something, by the goroutine that makes the
	// call and with no lock held: it may clone the file system. Set it before use. Clones have none.
	OnCall func(Op)

	mu       sync.Mutex
	names    map[string]*inode // as processes see them
	durable  map[string]*inode // as of the last SyncDir
	pending  []nameChange      // since then
	inodes   uint64            // how many there were
	calls    [kinds]int
	failSync int                    // the n-th Sync from now on fails; 0: none
	memories []weak.Pointer[memory] // of all files that there were
}

// nameChange is a creation (from is empty), a renaming, or a removal (to is empty).
type nameChange struct {
	from, to string
	node     *inode
}

// apply makes the change in names.
func (c nameChange) apply(names map[string]*inode) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.node
	}
}

// New returns an empty file system.
func New() *FS {
	return &FS{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Close gives back the memory of all files, also of those that have no name any
// more. Neither the file system nor what File.Map returned may be used afterwards.
// Without Close, memory is given back when nothing reaches a file, or the unmap
// function of a mapping of it, any more.
func (f *FS) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.memories {
		if m := p.Value(); m != nil {
			m.release()
		}
	}
	f.names, f.durable, f.pending, f.memories = nil, nil, nil, nil
}

// DropOnFailedSync lets the n-th File.Sync from now on, counted from 1, fail with
// EIO, and the writes that it should have made durable be lost when the power is
// cut: the file still reads as written, and later syncs succeed without these
// writes. That is what Linux does when a disk refuses a page. The length of the
// file is not lost. n of 0 takes the order back.
func (f *FS) DropOnFailedSync(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failSync = n
}

// Open implements vfs.FS.
func (f *FS) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	path = clean(path)
	makes := mode == vfs.Create || mode == vfs.Exclusive
	if makes && f.find(path) == nil {
		f.begin(Op{Kind: Create, Path: path})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.names[path]
	switch {
	case node != nil && mode == vfs.Exclusive:
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EEXIST}
	case node == nil && !makes:
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	case node == nil:
		var err error
		f.inodes++
		if node, err = f.newInode(f.inodes, perm.Perm()); err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		f.change(nameChange{to: path, node: node})
	}
	return &file{fs: f, node: node, path: path, readOnly: mode == vfs.ReadOnly}, nil
}

// Stat implements vfs.FS. The results tell neither time nor owner.
func (f *FS) Stat(path string) (fs.FileInfo, error) {
	path = clean(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.names[path]
	if node == nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: syscall.ENOENT}
	}
	return node.stat(path), nil
}

// SameFile implements vfs.FS.
func (f *FS) SameFile(a, b fs.FileInfo) bool {
	x, ok := a.(info)
	y, ok2 := b.(info)
	return ok && ok2 && x.node == y.node
}

// Resolve implements vfs.FS. A relative path begins at the root.
func (f *FS) Resolve(path string) (string, error) {
	path = clean(path)
	if f.find(path) == nil {
		return "", &fs.PathError{Op: "resolve", Path: path, Err: syscall.ENOENT}
	}
	return path, nil
}

// ReadDir implements vfs.FS. A directory without files is empty.
func (f *FS) ReadDir(path string) ([]fs.DirEntry, error) {
	path = clean(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		if filepath.Dir(name) == path {
			list = append(list, fs.FileInfoToDirEntry(f.names[name].stat(name)))
		}
	}
	return list, nil
}

// Rename implements vfs.FS.
func (f *FS) Rename(from, to string) error {
	from, to = clean(from), clean(to)
	f.begin(Op{Kind: Rename, Path: from, To: to})
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.names[from]
	if node == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: syscall.ENOENT}
	}
	if from != to {
		f.change(nameChange{from: from, to: to, node: node})
	}
	return nil
}

// Remove implements vfs.FS.
func (f *FS) Remove(path string) error {
	path = clean(path)
	f.begin(Op{Kind: Remove, Path: path})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[path] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: syscall.ENOENT}
	}
	f.change(nameChange{from: path})
	return nil
}

// SyncDir implements vfs.FS. Names are journalled in one order for all directories:
// what happened in others before the last change in this one becomes durable too.
func (f *FS) SyncDir(path string) error {
	path = clean(path)
	f.begin(Op{Kind: SyncDir, Path: path})
	f.mu.Lock()
	defer f.mu.Unlock()
	upTo := 0
	for i, c := range f.pending {
		if c.from != "" && filepath.Dir(c.from) == path || c.to != "" && filepath.Dir(c.to) == path {
			upTo = i + 1
		}
	}
	for _, c := range f.pending[:upTo] {
		c.apply(f.durable)
	}
	f.pending = slices.Delete(f.pending, 0, upTo)
	return nil
}

// FileID implements vfs.FS.
func (f *FS) FileID(stat fs.FileInfo) uint64 {
	i, ok := stat.(info)
	if !ok {
		return 0
	}
	return i.node.number + 1
}

// MapsPastEnd implements vfs.FS.
func (f *FS) MapsPastEnd() bool { return true }

// change makes a change of names, not durably. f.mu must be held.
func (f *FS) change(c nameChange) {
	c.apply(f.names)
	f.pending = append(f.pending, c)
}

// find returns the file that path names, or nil.
func (f *FS) find(path string) *inode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[path]
}

// reachable returns the files that have, had or may have again a name, in the order
// of their making. f.mu must be held.
func (f *FS) reachable() []*inode {
	seen := map[*inode]bool{}
	for _, names := range []map[string]*inode{f.names, f.durable} {
		for _, n := range names {
			seen[n] = true
		}
	}
	for _, c := range f.pending {
		if c.node != nil {
			seen[c.node] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b *inode) int { return int(a.number) - int(b.number) })
}

// clean makes path absolute.
func clean(path string) string { return filepath.Join("/", path) }
