package drive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// lockTries is how often Open looks for the file again that was replaced, by the
// compaction of another process, while it opened it.
const lockTries = 8

// openIn is Open within a file system.
func openIn(fsys vfs.FS, path string, opts Options) (*Store, error) {
	s := &Store{fsys: fsys, path: path, opts: opts.withDefaults()}
	s.log = s.opts.Logger
	file, err := s.openFile()
	if err != nil {
		return nil, err
	}
	g, err := s.load(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s.gen.Store(g)
	return s, nil
}

// openFile opens and locks the file and finds its real path.
func (s *Store) openFile() (vfs.File, error) {
	mode := vfs.Create
	switch {
	case s.opts.ReadOnly:
		mode = vfs.ReadOnly
	case s.opts.MustExist:
		mode = vfs.ReadWrite
	}
	for range lockTries {
		file, err := s.fsys.Open(s.path, mode, filePerm)
		if errors.Is(err, vfs.ErrNotRegular) {
			err = fmt.Errorf("%w: %s", ErrNotRegular, s.path)
		}
		if err != nil {
			return nil, err
		}
		ok := true
		if !s.opts.ReadOnly {
			ok, err = s.lock(file)
		}
		if err == nil && ok {
			err = s.resolvePath()
		}
		if err == nil && ok {
			return file, nil
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrLocked, s.path)
}

// lock locks file. It reports false when the path has come to name another file,
// which then is the one to open.
func (s *Store) lock(file vfs.File) (bool, error) {
	err := file.Lock()
	if errors.Is(err, vfs.ErrLocked) {
		return false, fmt.Errorf("%w: %s", ErrLocked, s.path)
	}
	if err != nil {
		return false, err
	}
	ours, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := s.fsys.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && s.fsys.SameFile(ours, named), err
}

// resolvePath finds out what the path means, for the time after the program has
// changed its directory, and lest compaction replaces a link by a file.
func (s *Store) resolvePath() (err error) {
	s.realPath, err = s.fsys.Resolve(s.path)
	return err
}

// load maps the file and builds the index, repairing a torn tail.
func (s *Store) load(file vfs.File) (*generation, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	g := newGeneration(file, s.fsys, s.path, s.opts.ReserveBytes)
	if size == 0 && !g.pastEnd {
		return g, nil
	}
	m, err := g.cover(size)
	if err != nil || size == 0 {
		return g, err
	}
	good := size
	err = m.guard(func() error {
		broken := s.scan(g, m.data[:size])
		if broken == nil {
			return nil
		}
		var reason *CorruptError
		if good, reason = s.scanPrefix(g, m.data[:size]); reason != nil {
			return fmt.Errorf("%w: %s: %s", ErrNotDrive, s.path, reason.Reason)
		}
		return nil
	})
	if err != nil {
		g.view.Store(nil)
		m.release()
		return nil, err
	}
	if good < size {
		if s.opts.ReadOnly {
			s.log.Warn("drive: the file is damaged; showing what comes before", "path", s.path, "offset", good, "ignored", size-good)
		} else if err := s.cut(g, good, size); err != nil {
			return nil, err
		}
	}
	g.tail.Store(good)
	return g, nil
}

// scan builds the index of a healthy file; otherwise it returns what is wrong.
func (s *Store) scan(g *generation, data []byte) error {
	b := indexBuilder{index: g.index, size: float64(len(data))}
	g.index.building = true
	if err := scanBackward(data, s.opts.VerifyBytes, b.add); err != nil {
		return err
	}
	b.flush()
	g.index.built()
	s.counts = b.counts
	return nil
}

// indexBuilder makes an index and counts from the entries of a file, newest first.
// It gathers some before it looks them up, so that the waits for memory overlap:
// that takes a loop which does nothing else.
type indexBuilder struct {
	index  *index
	counts counts
	size   float64 // of the file
	n      int
	group  [scanGroup]located
}

// add takes an entry.
func (b *indexBuilder) add(e located) {
	b.group[b.n] = e
	if b.n++; b.n == scanGroup {
		b.flush()
	}
}

// flush puts what was gathered into the index.
func (b *indexBuilder) flush() {
	group := b.group[:b.n]
	b.n = 0
	if len(group) == 0 {
		return
	}
	b.index.seen = 1 - float64(group[len(group)-1].prevOffset)/b.size
	var loaded uint64
	for i := range group {
		loaded ^= b.index.touch(group[i].keyHash)
	}
	runtime.KeepAlive(loaded)
	for i := range group {
		e := &group[i]
		b.counts.add(e.start-e.prevOffset, e.tombstone)
		if e.tombstone {
			b.index.addOlder(e.keyHash, 0)
		} else if b.index.addOlder(e.keyHash, locationIn(*e)) {
			b.counts.addLive(e.size())
		}
	}
}

// scanPrefix builds the index of the longest verified prefix and returns its
// length, or 0 and why the file is no drive.
func (s *Store) scanPrefix(g *generation, data []byte) (int64, *CorruptError) {
	g.index = newIndex()
	if align := otherAlignment(data); align != 0 {
		return 0, &CorruptError{Reason: fmt.Sprintf("its values are aligned to %d bytes, as old releases did; this one reads 64", align)}
	}
	good := scanForward(data, nil)
	if good == 0 {
		return 0, &CorruptError{Reason: "no valid first entry"}
	}
	return good, asCorrupt(s.scan(g, data[:good]))
}

// asCorrupt returns err as the *CorruptError that it is, or nil.
func asCorrupt(err error) *CorruptError {
	var c *CorruptError
	errors.As(err, &c)
	return c
}

// cut saves the bytes of the file from good to size beside it and truncates it.
func (s *Store) cut(g *generation, good, size int64) error {
	saved, err := s.saveTail(g.file, good, size)
	if err != nil {
		return fmt.Errorf("drive: save the damaged tail of %s: %w", s.path, err)
	}
	if err := g.file.Truncate(good); err != nil {
		return fmt.Errorf("drive: cut the damaged tail of %s: %w", s.path, err)
	}
	if err := g.file.Sync(); err != nil {
		return fmt.Errorf("drive: cut the damaged tail of %s: %w", s.path, err)
	}
	s.log.Warn("drive: cut a damaged tail", "path", s.path, "offset", good, "bytes", size-good, "saved", saved)
	return nil
}

// saveTail writes the bytes from good to size to a new file beside the drive and
// makes it durable.
func (s *Store) saveTail(from vfs.File, good, size int64) (name string, err error) {
	var out vfs.File
	for n := 0; ; n++ {
		name = fmt.Sprintf("%s.cut-%d", s.realPath, good)
		if n > 0 {
			name += fmt.Sprintf(".%d", n)
		}
		if out, err = s.fsys.Open(name, vfs.Exclusive, filePerm); err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	_, err = vfs.CopyRange(out, 0, from, good, size-good)
	if err == nil {
		err = out.CopyAttributes(from)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = s.fsys.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return "", errors.Join(err, s.fsys.Remove(name))
	}
	return name, nil
}
