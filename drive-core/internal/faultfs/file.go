package faultfs

import (
	"io/fs"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// file is an open file of a FS.
type file struct {
	fs    *FS
	inner vfs.File
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fs.hit(Read); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(p, off)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if partial, err := f.fs.hit(Write); err != nil {
		n, werr := f.inner.WriteAt(p[:min(partial, int64(len(p)))], off)
		if werr != nil {
			err = werr
		}
		return n, err
	}
	return f.inner.WriteAt(p, off)
}

func (f *file) WriteVec(pieces [][]byte, off int64) (int64, error) {
	partial, err := f.fs.hit(Write)
	if err == nil {
		return f.inner.WriteVec(pieces, off)
	}
	var done int64
	for _, p := range pieces {
		p = p[:min(int64(len(p)), partial-done)]
		n, werr := f.inner.WriteAt(p, off+done)
		done += int64(n)
		if werr != nil {
			return done, werr
		}
	}
	return done, err
}

func (f *file) CopyFrom(src vfs.File, srcOff, off, n int64) (int64, error) {
	if s, ok := src.(*file); ok {
		src = s.inner
	}
	if partial, err := f.fs.hit(Write); err != nil {
		done, cerr := f.inner.CopyFrom(src, srcOff, off, min(n, partial))
		if cerr != nil {
			err = cerr
		}
		return done, err
	}
	return f.inner.CopyFrom(src, srcOff, off, n)
}

func (f *file) Truncate(size int64) error {
	if _, err := f.fs.hit(Truncate); err != nil {
		return err
	}
	return f.inner.Truncate(size)
}

func (f *file) Sync() error {
	if _, err := f.fs.hit(Sync); err != nil {
		return err
	}
	return f.inner.Sync()
}

func (f *file) Stat() (fs.FileInfo, error) {
	if _, err := f.fs.hit(Stat); err != nil {
		return nil, err
	}
	return f.inner.Stat()
}

func (f *file) Map(length int64) ([]byte, func(), error) {
	if _, err := f.fs.hit(Map); err != nil {
		return nil, nil, err
	}
	return f.inner.Map(length)
}

func (f *file) Lock() error {
	if _, err := f.fs.hit(Lock); err != nil {
		return err
	}
	return f.inner.Lock()
}

func (f *file) CopyAttributes(of vfs.File) error {
	if _, err := f.fs.hit(Attributes); err != nil {
		return err
	}
	if o, ok := of.(*file); ok {
		of = o.inner
	}
	return f.inner.CopyAttributes(of)
}

func (f *file) Close() error { return f.inner.Close() }
