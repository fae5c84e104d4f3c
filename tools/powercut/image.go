//go:build linux

package powercut

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pageSize is the unit in which an image keeps its bytes, and the block size of the
// file system on it.
const pageSize = 4096

// image is the content of a disk. A page that is nil holds zeros. Pages are never
// changed, only replaced, so that a clone shares them.
type image struct{ pages [][]byte }

// newImage returns an image of zeros; size, in bytes, is a multiple of pageSize.
func newImage(size int64) *image { return &image{pages: make([][]byte, size/pageSize)} }

// readImage returns the content of a file, whose size is a multiple of pageSize.
func readImage(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	im := newImage(info.Size())
	zeros := string(make([]byte, pageSize))
	for i := range im.pages {
		page := make([]byte, pageSize)
		if _, err := io.ReadFull(f, page); err != nil {
			return nil, fmt.Errorf("read image: %w", err)
		}
		if string(page) != zeros {
			im.pages[i] = page
		}
	}
	return im, nil
}

// size returns the size in bytes.
func (im *image) size() int64 { return int64(len(im.pages)) * pageSize }

// clone returns an image of its own with the same content.
func (im *image) clone() *image {
	return &image{pages: append([][]byte(nil), im.pages...)}
}

// readAt fills dst from off; both ends must be within the image.
func (im *image) readAt(dst []byte, off int64) {
	for len(dst) > 0 {
		in := off % pageSize
		n := min(len(dst), int(pageSize-in))
		if page := im.pages[off/pageSize]; page != nil {
			copy(dst[:n], page[in:])
		} else {
			clear(dst[:n])
		}
		dst, off = dst[n:], off+int64(n)
	}
}

// writeAt stores src at off; both ends must be within the image. It keeps src, which
// nobody may change afterwards.
func (im *image) writeAt(src []byte, off int64) {
	for len(src) > 0 {
		in := off % pageSize
		n := min(len(src), int(pageSize-in))
		if n == pageSize {
			im.pages[off/pageSize] = src[:n:n]
		} else {
			page := make([]byte, pageSize)
			copy(page, im.pages[off/pageSize])
			copy(page[in:], src[:n])
			im.pages[off/pageSize] = page
		}
		src, off = src[n:], off+int64(n)
	}
}

// maxVector is how many pages one call writes; the system takes at most 1024.
const maxVector = 512

// writeTo stores the image in an empty file.
func (im *image) writeTo(f *os.File) error {
	if err := f.Truncate(im.size()); err != nil {
		return err
	}
	for i := 0; i < len(im.pages); {
		n := 0
		for i+n < len(im.pages) && n < maxVector && im.pages[i+n] != nil {
			n++
		}
		if n == 0 {
			i++
			continue
		}
		written, err := unix.Pwritev(int(f.Fd()), im.pages[i:i+n], int64(i)*pageSize)
		if err == nil && written < n*pageSize {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write image: %w", err)
		}
		i += n
	}
	return nil
}
