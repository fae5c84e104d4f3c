//go:build !linux

package driver

import (
	"errors"
	"os"
)

// SyncData brings the bytes of a file onto stable storage.
func SyncData(f *os.File) error { return f.Sync() }

// OnDisk cannot be told on this system.
func OnDisk(*os.File) (int64, error) { return 0, nil }

// DropCache cannot be done on this system.
func DropCache(string) error {
	return errors.New("the pages of a file can be dropped from the cache on Linux only")
}

// MajorFaults are not told on this system.
func MajorFaults() (int64, error) { return 0, nil }
