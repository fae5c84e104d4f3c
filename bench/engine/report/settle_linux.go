package report

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// settle brings what the runs before have written onto the disk, so that the
// next one does not wait for it.
func settle(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unix.Syncfs(int(f.Fd()))
}
