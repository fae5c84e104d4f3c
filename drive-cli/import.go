package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of what an import keeps in memory.
const (
	maxBatchedFile  = 64 * kib // larger files are streamed
	maxBatchBytes   = 4 * mib
	maxBatchEntries = 1024
)

// besideSuffixes end the names of the files that a store keeps beside itself: what is
// synced, and a copy of its index, also while that is being written.
var besideSuffixes = [...]string{".synced", ".idx", ".idx.new"}

// importCmd stores every regular file below a directory; the key is the path
// relative to it, with slashes. What cannot be stored is reported, the rest is
// stored all the same, and the exit status is 1.
type importCmd struct {
	Dir rawString `arg:"" help:"Directory to import."`
}

type importedResult struct {
	keyJSON
	Size int64 `json:"size"`
	key  key
}

func (r importedResult) text() string {
	return fmt.Sprintf("Imported %s (%s)", r.key, formatSize(r.Size))
}

func (c *importCmd) Run(a *app) error {
	root, err := openDir(string(c.Dir))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	return a.withStore(createStore, func(t target) error {
		im := importer{app: a, target: t, root: root}
		// The store itself may lie below the directory.
		im.self, _ = os.Stat(a.store)
		im.bar = newProgress(a.stderr, "importing", -1, true)
		defer im.bar.finish()
		if err := fs.WalkDir(root.FS(), ".", im.visit); err != nil {
			return err
		}
		if err := im.flush(); err != nil {
			return err
		}
		if im.failed > 0 {
			return errReported
		}
		return nil
	})
}

// openDir opens a directory within which all further paths stay.
func openDir(path string) (*os.Root, error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("directory %s does not exist", quoted(path))
	}
	return root, err
}

// importer carries an import from file to file. Small files are collected and
// written in batches, which saves a remote store a round trip for each.
type importer struct {
	app    *app
	target target
	root   *os.Root
	self   fs.FileInfo // the store's own file, nil if it has none
	bar    *progress
	batch  []item
	bytes  int
	failed int
}

// visit implements fs.WalkDirFunc.
func (im *importer) visit(name string, entry fs.DirEntry, err error) error {
	switch {
	case im.app.ctx.Err() != nil:
		return im.app.ctx.Err()
	case err != nil:
		im.fail(name, err)
		if entry != nil && entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir():
		return nil
	case !entry.Type().IsRegular():
		im.note("skipped %s: %s", quoted(name), kindOf(entry.Type()))
		return nil
	}
	file, err := im.root.Open(name)
	if err != nil {
		im.fail(name, err)
		return nil
	}
	defer func() { _ = file.Close() }() // nothing was written through it
	return im.store(name, file)
}

// store takes in one file. Its errors end the import: they are the store's.
func (im *importer) store(name string, file *os.File) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		im.fail(name, err)
		return nil
	case im.self != nil && os.SameFile(im.self, info):
		im.note("skipped %s: it is the store", quoted(name))
		return nil
	case im.isBeside(name, info):
		im.note("skipped %s: it belongs to the store", quoted(name))
		return nil
	case info.Size() > maxBatchedFile:
		return im.stream(name, file)
	}
	value, err := io.ReadAll(io.LimitReader(file, maxBatchedFile+1))
	switch {
	case err != nil:
		im.fail(name, err)
		return nil
	case len(value) > maxBatchedFile: // it has just grown
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			im.fail(name, err)
			return nil
		}
		return im.stream(name, file)
	}
	if err := refusedValue(value); err != nil {
		im.fail(name, err)
		return nil
	}
	im.batch = append(im.batch, item{keyOf([]byte(name)), value})
	im.bytes += len(value)
	if im.bytes >= maxBatchBytes || len(im.batch) >= maxBatchEntries {
		return im.flush()
	}
	return nil
}

// isBeside reports whether a file is one that the store keeps beside itself, some of
// which appear only while the import runs.
func (im *importer) isBeside(name string, info fs.FileInfo) bool {
	for _, suffix := range besideSuffixes {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		path, err := filepath.EvalSymlinks(im.app.store)
		if err != nil {
			return false
		}
		if beside, err := os.Stat(path + suffix); err == nil && os.SameFile(beside, info) {
			return true
		}
	}
	return false
}

// stream writes a large file without holding it in memory, after everything
// that came before it.
func (im *importer) stream(name string, file *os.File) error {
	if err := im.flush(); err != nil {
		return err
	}
	k := keyOf([]byte(name))
	source := &countingReader{r: file, ctx: im.app.ctx, bar: im.bar}
	_, err := im.target.writeFrom(im.app.ctx, k, source)
	if source.err != nil && im.app.ctx.Err() == nil {
		im.fail(name, source.err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(name), err)
	}
	im.emit(k, source.n)
	return nil
}

// flush writes what was collected.
func (im *importer) flush() error {
	if len(im.batch) == 0 {
		return nil
	}
	if _, err := im.target.writeBatch(im.app.ctx, im.batch); err != nil {
		return err
	}
	for _, it := range im.batch {
		im.emit(it.key, int64(len(it.value)))
	}
	im.bar.add(int64(im.bytes))
	clear(im.batch)
	im.batch, im.bytes = im.batch[:0], 0
	return nil
}

// emit lists a stored file. An error of the output waits until everything is
// stored.
func (im *importer) emit(k key, size int64) {
	_ = im.app.out.emit(importedResult{k.record(), size, k})
}

// fail reports a file that is not stored.
func (im *importer) fail(name string, err error) {
	im.failed++
	im.note("not imported: %s: %v", quoted(name), plainCause(err))
}

func (im *importer) note(format string, args ...any) {
	im.bar.pause()
	im.app.note(format, args...)
}

// refusedValue says why a store would not take a value, nil if it would.
func refusedValue(value []byte) error {
	switch {
	case len(value) == 0:
		return errors.New("an empty file cannot be stored")
	case len(value) == 1 && value[0] == 0:
		return errors.New("a file of a single zero byte cannot be stored")
	}
	return nil
}

// kindOf names what is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "not a regular file"
}
