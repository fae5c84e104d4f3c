package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// exportCmd writes every live value to a file of its own. A store holds no
// keys, only their hashes: files are named by 16 hex digits, or by the keys
// that a keys file lists. A key that is no safe file name, or whose name is
// taken by a directory, is reported and its value goes under the hash.
type exportCmd struct {
	Dir   rawString `arg:"" help:"Directory to write to, created where it does not exist."`
	Keys  rawString `placeholder:"FILE" help:"Names: the output of import -o json."`
	Force bool      `short:"f" help:"Replace files that exist."`

	damageFlag `embed:""`
}

type exportedResult struct {
	File    string `json:"file"`
	KeyHash string `json:"key_hash"`
	Size    int64  `json:"size"`
}

func (r exportedResult) text() string {
	return fmt.Sprintf("Exported %s (%s)", quoted(r.File), formatSize(r.Size))
}

func (c *exportCmd) Run(a *app) error {
	var names map[uint64]string
	if c.Keys != "" {
		var err error
		if names, err = readKeysFile(string(c.Keys)); err != nil {
			return err
		}
	}
	return a.withStore(c.access(), func(t target) error {
		if err := os.MkdirAll(string(c.Dir), 0o777); err != nil {
			return err
		}
		root, err := openDir(string(c.Dir))
		if err != nil {
			return err
		}
		defer func() { _ = root.Close() }() // nothing was written through it
		st, err := t.stats(a.ctx, false)
		if err != nil {
			return err
		}
		ex := exporter{app: a, target: t, root: root, names: names, force: c.Force}
		ex.bar = newProgress(a.stderr, "exporting", st.liveBytes, true)
		defer ex.bar.finish()
		return ex.all()
	})
}

// exporter carries an export from entry to entry.
type exporter struct {
	app    *app
	target target
	root   *os.Root // nothing is written outside of it
	names  map[uint64]string
	force  bool
	bar    *progress
	failed int
}

func (ex *exporter) all() error {
	for e, err := range ex.target.entries(ex.app.ctx, true) {
		if err == nil {
			err = ex.app.ctx.Err()
		}
		if err == nil {
			err = ex.one(e)
		}
		if err != nil {
			return err
		}
	}
	if ex.failed > 0 {
		return errReported
	}
	return nil
}

// one exports one entry. What concerns this entry alone is reported; an error
// ends the export.
func (ex *exporter) one(e entryRecord) error {
	hashName := hashText(e.keyHash)
	name, known := ex.names[e.keyHash]
	if !known {
		name = hashName
	}
	file, err := ex.create(name)
	if known && err != nil && !errors.Is(err, errFileExists) {
		ex.fail(name, fmt.Errorf("%w; its value goes to %s", err, hashName))
		name = hashName
		file, err = ex.create(name)
	}
	if err != nil {
		ex.fail(name, err)
		return nil
	}
	size, err := ex.target.read(ex.app.ctx, keyOfHash(e.keyHash), file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = ex.root.Remove(name) // a partial file is worse than none
		if ex.app.ctx.Err() != nil {
			return err
		}
		ex.fail(name, err)
		return nil
	}
	ex.bar.add(size)
	return ex.app.out.emit(exportedResult{File: name, KeyHash: hashName, Size: size})
}

// errFileExists tells that a file would have to be replaced.
var errFileExists = errors.New("the file exists already (--force replaces it)")

// create opens a new file below the directory.
func (ex *exporter) create(name string) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if dir := path.Dir(name); dir != "." {
		if err := ex.root.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("directory %s: %w", quoted(dir), plainCause(err))
		}
	}
	info, err := ex.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("a directory has this name")
	case err == nil && !ex.force:
		return nil, errFileExists
	case err == nil: // a new file, so that nothing is written through a link
		if err := ex.root.Remove(name); err != nil {
			return nil, plainCause(err)
		}
	}
	file, err := ex.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, plainCause(err)
	}
	return file, nil
}

// fail reports an entry that is not exported, or not under its name.
func (ex *exporter) fail(name string, err error) {
	ex.failed++
	ex.bar.pause()
	ex.app.note("not exported: %s: %v", quoted(name), err)
}

// plainCause drops the path that an error of the file system begins with.
func plainCause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
