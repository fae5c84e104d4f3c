//go:build linux || darwin

package vfs

import (
	"errors"
	"io/fs"
	"runtime"

	"golang.org/x/sys/unix"
)

// maxPieces is the most pieces that one pwritev takes (IOV_MAX).
const maxPieces = 1024

// WriteVec writes with pwritev, going on after a short write, an interruption
// and beyond the limits of one call.
func (o *osFile) WriteVec(pieces [][]byte, off int64) (int64, error) {
	fd := int(o.f.Fd())
	var scratch [8][]byte
	var done int64
	skip := 0 // bytes of pieces[0] already written
	for {
		for len(pieces) > 0 && skip == len(pieces[0]) {
			pieces, skip = pieces[1:], 0
		}
		if len(pieces) == 0 {
			return done, nil
		}
		n, err := unix.Pwritev(fd, nextBatch(scratch[:0], pieces, skip), off+done)
		runtime.KeepAlive(o.f)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return done, o.writeError(err)
		}
		if err == nil && n <= 0 {
			return done, &fs.PathError{Op: "write", Path: o.f.Name(), Err: unix.EIO}
		}
		n = max(n, 0)
		done += int64(n)
		for n > 0 && n >= len(pieces[0])-skip {
			n -= len(pieces[0]) - skip
			pieces, skip = pieces[1:], 0
		}
		skip += n
	}
}

// nextBatch appends to dst what one call takes of pieces, without the first skip bytes.
func nextBatch(dst, pieces [][]byte, skip int) [][]byte {
	room := maxWrite
	for _, p := range pieces {
		if len(dst) == maxPieces || room == 0 {
			break
		}
		p = p[skip:]
		skip = 0
		p = p[:min(len(p), room)]
		room -= len(p)
		dst = append(dst, p)
	}
	return dst
}
