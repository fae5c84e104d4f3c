// Package faultfs wraps a file system so that a test can let a chosen call fail:
// the n-th write, the first sync, every truncation. It counts calls by kind, so
// that a loop over n knows when it has tried them all.
package faultfs

import (
	"errors"
	"io/fs"
	"sync"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// ErrInjected is what failing calls return.
var ErrInjected = errors.New("faultfs: injected failure")

// Kind is a kind of call.
type Kind int

// The kinds of calls that can fail.
const (
	Open Kind = iota
	Stat
	Read
	Write // also of pieces, and copying into a file
	Truncate
	Sync
	Map
	Lock
	Attributes
	Rename
	Remove
	SyncDir
	kinds
)

// Kinds lists all kinds.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String names the kind.
func (k Kind) String() string {
	return [...]string{
		"open", "stat", "read", "write", "truncate", "sync", "map", "lock", "attributes", "rename", "remove", "syncdir",
	}[k]
}

// rule says which calls of a kind fail.
type rule struct {
	first, last int // counted from 1; first 0: none
	partial     int64
}

// FS is a file system whose calls fail on demand. It is safe for concurrent use.
type FS struct {
	inner vfs.FS
	// PastEnd overrides MapsPastEnd when set; set it before use.
	PastEnd *bool

	mu    sync.Mutex
	calls [kinds]int
	rules [kinds]rule
}

// New wraps inner. Nothing fails until told to.
func New(inner vfs.FS) *FS { return &FS{inner: inner} }

// Fail lets the n-th call of kind from now on fail, counted from 1, once.
func (f *FS) Fail(kind Kind, n int) { f.set(kind, n, n, 0) }

// FailFrom lets all calls of kind fail from the n-th on.
func (f *FS) FailFrom(kind Kind, n int) { f.set(kind, n, int(^uint(0)>>1), 0) }

// FailPartly lets the n-th write fail after it wrote some of its bytes.
func (f *FS) FailPartly(n int, written int64) { f.set(Write, n, n, written) }

// Heal lets nothing fail any more and forgets the counts.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.rules = [kinds]int{}, [kinds]rule{}
}

// Calls tells how many calls of kind there were since the last rule for it.
func (f *FS) Calls(kind Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[kind]
}

func (f *FS) set(kind Kind, first, last int, partial int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[kind] = 0
	f.rules[kind] = rule{first: first, last: last, partial: partial}
}

// hit counts a call and tells whether it fails, and after how many bytes.
func (f *FS) hit(kind Kind) (partial int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[kind]++
	r := f.rules[kind]
	if r.first == 0 || f.calls[kind] < r.first || f.calls[kind] > r.last {
		return 0, nil
	}
	return r.partial, ErrInjected
}

// Open implements vfs.FS.
func (f *FS) Open(path string, mode vfs.Mode, perm fs.FileMode) (vfs.File, error) {
	if _, err := f.hit(Open); err != nil {
		return nil, err
	}
	inner, err := f.inner.Open(path, mode, perm)
	if err != nil {
		return nil, err
	}
	return &file{fs: f, inner: inner}, nil
}

// Stat implements vfs.FS.
func (f *FS) Stat(path string) (fs.FileInfo, error) {
	if _, err := f.hit(Stat); err != nil {
		return nil, err
	}
	return f.inner.Stat(path)
}

// SameFile implements vfs.FS.
func (f *FS) SameFile(a, b fs.FileInfo) bool { return f.inner.SameFile(a, b) }

// Resolve implements vfs.FS.
func (f *FS) Resolve(path string) (string, error) { return f.inner.Resolve(path) }

// ReadDir implements vfs.FS.
func (f *FS) ReadDir(path string) ([]fs.DirEntry, error) { return f.inner.ReadDir(path) }

// Rename implements vfs.FS.
func (f *FS) Rename(from, to string) error {
	if _, err := f.hit(Rename); err != nil {
		return err
	}
	return f.inner.Rename(from, to)
}

// Remove implements vfs.FS.
func (f *FS) Remove(path string) error {
	if _, err := f.hit(Remove); err != nil {
		return err
	}
	return f.inner.Remove(path)
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(path string) error {
	if _, err := f.hit(SyncDir); err != nil {
		return err
	}
	return f.inner.SyncDir(path)
}

// FileID implements vfs.FS.
func (f *FS) FileID(info fs.FileInfo) uint64 { return f.inner.FileID(info) }

// MapsPastEnd implements vfs.FS.
func (f *FS) MapsPastEnd() bool {
	if f.PastEnd != nil {
		return *f.PastEnd
	}
	return f.inner.MapsPastEnd()
}
