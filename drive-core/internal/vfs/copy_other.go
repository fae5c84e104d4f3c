//go:build !linux

package vfs

// CopyFrom copies through a buffer.
func (o *osFile) CopyFrom(src File, srcOff, off, n int64) (int64, error) {
	return CopyRange(o, off, src, srcOff, n)
}
