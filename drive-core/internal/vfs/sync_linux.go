package vfs

import (
	"errors"
	"io/fs"
	"runtime"

	"golang.org/x/sys/unix"
)

// mapNoReserve keeps a long mapping from being counted as memory in use.
const mapNoReserve = unix.MAP_NORESERVE

// Sync uses fdatasync: it writes the length of the file too, but not its times.
func (o *osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(o.f.Fd()))
		runtime.KeepAlive(o.f)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &fs.PathError{Op: "sync", Path: o.f.Name(), Err: err}
		}
	}
}
