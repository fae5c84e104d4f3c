package drive

import (
	"errors"
	"fmt"
)

// Errors of opening.
var (
	// ErrLocked means that another Store, in this process or another one, has the file open for writing.
	ErrLocked = errors.New("drive: file is locked by another writer")
	// ErrNotDrive means that no entry at the start of a non-empty file is valid: the file is something else,
	// or its very first entry is damaged. The file was not changed.
	ErrNotDrive = errors.New("drive: not a drive file")
	// ErrNotRegular means that the path names a directory, a device, a pipe or a socket.
	ErrNotRegular = errors.New("drive: not a regular file")
)

// Errors of a single call. The store is as it was before the call.
var (
	// ErrNotFound means that no live entry has the key.
	ErrNotFound = errors.New("drive: key not found")
	// ErrEmptyValue refuses a value of zero bytes, which the format cannot hold.
	ErrEmptyValue = errors.New("drive: value is empty")
	// ErrNullValue refuses a value of one zero byte, which the format reads as a deletion.
	ErrNullValue = errors.New("drive: value is a single zero byte")
	// ErrSameKey refuses to rename a key to itself.
	ErrSameKey = errors.New("drive: both keys are the same")
	// ErrSameStore refuses to copy or move an entry to the file that it is in.
	ErrSameStore = errors.New("drive: both stores are the same file")
	// ErrTooLarge refuses a value that would end beyond offset 2^48 or beyond the reserved address space.
	ErrTooLarge = errors.New("drive: value is too large")
	// ErrReadOnly refuses to change a store that was opened with Options.ReadOnly.
	ErrReadOnly = errors.New("drive: store is read-only")
	// ErrCompacting refuses a second compaction of a store while one runs.
	ErrCompacting = errors.New("drive: a compaction is running")
	// ErrReplaced refuses to compact a drive whose path has come to name another file.
	ErrReplaced = errors.New("drive: the path names another file by now")
	// ErrPositionUnknown means that a drive does not hold, or no longer holds, what a backup was made up to: it
	// has been compacted since, or is another one. A full backup is due.
	ErrPositionUnknown = errors.New("drive: the drive has no such position")
)

// Errors of the state that a store is in.
var (
	// ErrClosed means that the store has been closed.
	ErrClosed = errors.New("drive: store is closed")
	// ErrFailed is what every *FailedError is, for errors.Is: the store takes no more writes.
	ErrFailed = errors.New("drive: store takes no more writes after a failure")
	// ErrCorrupt is what every *CorruptError is, for errors.Is.
	ErrCorrupt = errors.New("drive: data is corrupt")
)

// FailedError tells why a store has turned read-only: a write or a sync of its file
// failed, also for want of space. The call that met the failure returns it, and every later one that
// writes. Nothing is acknowledged any more, for what the system could not write it
// may have dropped, and a later success would prove nothing; what was stored before
// can still be read. Opening the drive again finds the last good state.
type FailedError struct {
	Op  string // what failed: "write", "sync", "sync directory", "roll back"
	Err error  // why
}

// Error implements error.
func (e *FailedError) Error() string { return "drive: " + e.Op + " failed: " + e.Err.Error() }

// Operations in FailedError.Op.
const (
	failedWrite    = "write"
	failedRollBack = "roll back"
	failedSync     = "sync"
	failedSyncDir  = "sync directory"
)

// ofSync tells that what was written may not be on stable storage, and never get there.
func (e *FailedError) ofSync() bool { return e.Op == failedSync || e.Op == failedSyncDir }

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Err }

// Is makes every FailedError match ErrFailed.
func (e *FailedError) Is(target error) bool { return target == ErrFailed }

// CorruptError tells where stored bytes contradict their checksum or the format.
type CorruptError struct {
	Path   string // the file, as it was given to Open
	Offset int64  // where the damaged part begins, in bytes from the start of the file
	Reason string // what is wrong, for people
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("drive: %s: corrupt at offset %d: %s", e.Path, e.Offset, e.Reason)
}

// Is makes every CorruptError match ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
