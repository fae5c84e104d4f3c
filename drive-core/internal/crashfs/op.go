//go:build unix

package crashfs

import "fmt"

// Kind is a kind of call that changes something.
type Kind int

// The kinds of calls.
const (
	Create   Kind = iota // FS.Open that makes a file
	Write                // File.WriteAt, File.WriteVec; for File.CopyFrom one for each of its pieces
	Truncate             // File.Truncate
	Sync                 // File.Sync
	Rename               // FS.Rename
	Remove               // FS.Remove
	SyncDir              // FS.SyncDir
	kinds
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"create", "write", "truncate", "sync", "rename", "remove", "syncdir"}[k]
}

// Op is a call that is about to be made.
type Op struct {
	Kind Kind
	Path string // of a call of File, the one that the file was opened by
	To   string // of Rename
	Off  int64  // of Write; of Truncate, the new length
	Len  int64  // of Write, in bytes
}

// String describes the call, for messages of tests.
func (o Op) String() string {
	switch o.Kind {
	case Write:
		return fmt.Sprintf("write %s [%d,+%d)", o.Path, o.Off, o.Len)
	case Truncate:
		return fmt.Sprintf("truncate %s to %d", o.Path, o.Off)
	case Rename:
		return fmt.Sprintf("rename %s to %s", o.Path, o.To)
	default:
		return o.Kind.String() + " " + o.Path
	}
}

// Calls tells how many calls of kind there were, failed ones included.
func (f *FS) Calls(kind Kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[kind]
}

// begin counts a call and announces it.
func (f *FS) begin(op Op) {
	f.mu.Lock()
	f.calls[op.Kind]++
	f.mu.Unlock()
	if f.OnCall != nil {
		f.OnCall(op)
	}
}
