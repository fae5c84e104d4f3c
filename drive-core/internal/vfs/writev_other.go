//go:build !linux && !darwin

package vfs

// WriteVec writes piece by piece.
func (o *osFile) WriteVec(pieces [][]byte, off int64) (int64, error) {
	var done int64
	for _, p := range pieces {
		n, err := o.f.WriteAt(p, off+done)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
