package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// wholeFile is a new file that gets its name when it is whole and on stable storage.
type wholeFile struct {
	*os.File
	path    string
	replace bool
}

// createWhole begins a file at path, under another name beside it. What is there
// already is replaced by commit, or, without replace, an error.
func createWhole(path string, replace bool) (*wholeFile, error) {
	if err := mayCreate(path, replace); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+".part-"+rand.Text(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quoted(path), plainCause(err))
	}
	return &wholeFile{file, path, replace}, nil
}

// mayCreate returns an error for a path that must not get a new file.
func mayCreate(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is there already, and no regular file", quoted(path))
	case !replace:
		return fmt.Errorf("%s: %w", quoted(path), errFileExists)
	}
	return nil
}

// commit gives the file its name, and returns when both are on stable storage.
func (f *wholeFile) commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := f.rename(); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(f.path))
}

// rename takes the place of an existing file only if it may, also when that came a
// moment ago.
func (f *wholeFile) rename() error {
	if f.replace {
		return os.Rename(f.Name(), f.path)
	}
	err := os.Link(f.Name(), f.path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		_ = os.Remove(f.Name()) // it has another name by now, or none is due
		if err != nil {
			err = fmt.Errorf("%s: %w", quoted(f.path), errFileExists)
		}
		return err
	}
	// A file system without links.
	if err := mayCreate(f.path, false); err != nil {
		return err
	}
	return os.Rename(f.Name(), f.path)
}

// discard removes a file that has not been committed; after commit it does nothing.
func (f *wholeFile) discard() {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" { // names are durable there with the file
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
