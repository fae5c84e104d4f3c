package limits

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fileFault maps the file at path and touches its pages.
func fileFault(path string) (_ float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	pages, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	return touch(pages), unix.Munmap(pages)
}

// memoryFault maps memory and writes to its pages.
func memoryFault(size int) (float64, error) {
	pages, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	for i := 0; i < len(pages); i += pageSize {
		pages[i] = 1
	}
	return each(begun, len(pages)/pageSize), unix.Munmap(pages)
}
