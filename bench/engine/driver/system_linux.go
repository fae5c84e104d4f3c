package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// SyncData brings the bytes of a file onto stable storage.
func SyncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// OnDisk returns how much room a file takes, without its holes.
func OnDisk(f *os.File) (int64, error) {
	const blockBytes = 512 // whatever the file system's
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return st.Blocks * blockBytes, err
}

// DropCache drops the pages of a file from the system's cache.
func DropCache(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// MajorFaults returns how often this process has waited for the disk because of a
// page of a file.
func MajorFaults() (int64, error) {
	var r unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &r)
	return r.Majflt, err
}
