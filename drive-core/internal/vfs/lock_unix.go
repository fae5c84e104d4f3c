//go:build unix && !solaris && !illumos && !aix

package vfs

import (
	"errors"
	"io/fs"
	"runtime"

	"golang.org/x/sys/unix"
)

// Lock uses flock, which belongs to the open file description: a second open in
// the same process is refused like one of another process, and the lock goes
// with the process that held it.
func (o *osFile) Lock() error {
	for {
		err := unix.Flock(int(o.f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		runtime.KeepAlive(o.f)
		switch {
		case err == nil:
			o.locked.Store(true)
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		default:
			return &fs.PathError{Op: "flock", Path: o.f.Name(), Err: err}
		}
	}
}

// unlock gives up the lock of the open file description.
func (o *osFile) unlock() error {
	err := unix.Flock(int(o.f.Fd()), unix.LOCK_UN)
	runtime.KeepAlive(o.f)
	return err
}
