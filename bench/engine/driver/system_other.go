//go:build !linux

package driver

import (
	"errors"
	"os"
)

// SyncData brings the bytes of a file onto stable storage.
func SyncData(f *os.File) error { return f.Sync() }

// dropCache cannot be done on this system.
func dropCache(string) error {
	return errors.New("the pages of a file can be dropped from the cache on Linux only")
}
