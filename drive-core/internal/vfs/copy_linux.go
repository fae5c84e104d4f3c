package vfs

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// CopyFrom uses copy_file_range, and reads and writes what it will not copy.
func (o *osFile) CopyFrom(src File, srcOff, off, n int64) (int64, error) {
	var done int64
	if s, ok := src.(*osFile); ok {
		for done < n {
			from, to := srcOff+done, off+done
			k, err := unix.CopyFileRange(int(s.f.Fd()), &from, int(o.f.Fd()), &to, int(min(n-done, maxWrite)), 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil || k <= 0 {
				break // not between these two; an error of the disk comes back below
			}
			done += int64(k)
		}
		runtime.KeepAlive(s.f)
		runtime.KeepAlive(o.f)
	}
	if done == n {
		return done, nil
	}
	k, err := CopyRange(o, off+done, src, srcOff+done, n-done)
	return done + k, err
}
