//go:build !linux && !darwin

package vfs

// WriteVec writes piece by piece.
func (o *osFile) WriteVec(pieces [][]byte, off int64) (int64, error) {
	return writePieces(o.f, pieces, off)
}
