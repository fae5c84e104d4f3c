package drive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// lockTries is how often Open looks for the file again that was replaced, by the
// compaction of another process, while it opened it.
const lockTries = 8

// openIn is Open within a file system.
func openIn(fsys vfs.FS, path string, opts Options) (*Store, error) {
	if opts.AcceptDamage && !opts.ReadOnly {
		return nil, errors.New("drive: Options.AcceptDamage needs Options.ReadOnly")
	}
	s := &Store{fsys: fsys, path: path, opts: opts.withDefaults()}
	s.log = s.opts.Logger
	if s.opts.Sync == SyncAlways && !opts.ReadOnly {
		s.group = &commitGroup{s: s}
	}
	file, err := s.openFile()
	if err != nil {
		return nil, err
	}
	g, counts, known, err := s.load(file)
	if err == nil && !opts.ReadOnly {
		err = s.begin(g, known)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close(), s.marker.close(false))
	}
	s.counts = counts
	s.gen.Store(g)
	s.startTasks()
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

// load maps the file and builds the index, repairing a torn tail unless the store is
// read-only. It also returns what the mark said of the file.
func (s *Store) load(file vfs.File) (g *generation, c counts, known knowledge, err error) {
	saved := s.savedMark()
	for range lockTries {
		info, statErr := file.Stat()
		if statErr != nil {
			return nil, c, known, statErr
		}
		if g, c, known, err = s.loadKnowing(file, info, saved); err == nil || !s.opts.ReadOnly {
			break
		}
		// Without the lock the mark may have been read while it was written, or before it was that of this file,
		// and the file while its writer cut off a stream that failed; what is being written looked like damage.
		again := s.savedMark()
		now, statErr := file.Stat()
		if statErr != nil || now.Size() == info.Size() && now.ModTime().Equal(info.ModTime()) &&
			bytes.Equal(appendMark(nil, again), appendMark(nil, saved)) {
			break
		}
		saved = again
	}
	return g, c, known, err
}

// savedMark reads the mark.
func (s *Store) savedMark() mark {
	saved, err := readMark(s.fsys, s.realPath)
	if err != nil {
		s.log.Warn("drive: the mark of what is synced cannot be read", "path", s.realPath+markSuffix, "err", err)
	}
	return saved
}

// loadKnowing is load for a file that info tells of, with a mark.
func (s *Store) loadKnowing(file vfs.File, info fs.FileInfo, saved mark) (*generation, counts, knowledge, error) {
	var known knowledge
	s.marker = marker{fsys: s.fsys, path: s.realPath + markSuffix}
	size := info.Size()
	g := newGeneration(file, s.fsys, s.path, s.opts.ReserveBytes)
	if size == 0 && !g.pastEnd {
		return g, counts{}, known, nil
	}
	m, err := g.cover(size)
	if err != nil || size == 0 {
		return g, counts{}, known, err
	}
	var keep int64
	var c counts
	err = m.guard(func() error {
		file := s.fsys.FileID(info)
		known = saved.of(m.data[:size], file)
		keep, c, err = s.read(g, m.data[:size], file, known)
		return err
	})
	if err != nil {
		g.view.Store(nil)
		m.release()
		return nil, counts{}, known, err
	}
	if known.exact {
		s.marker.mark = saved
	}
	if keep < size && s.opts.ReadOnly {
		s.log.Warn("drive: bytes behind the last entry are ignored", "path", s.path, "offset", keep, "ignored", size-keep)
	} else if keep < size {
		if err := s.cut(g, keep, size); err != nil {
			return nil, counts{}, known, err
		}
	}
	g.advance(keep)
	return g, c, known, nil
}

// read builds the index of a file and returns how much of the file it keeps.
func (s *Store) read(g *generation, data []byte, file uint64, k knowledge) (keep int64, c counts, err error) {
	v := verification{newest: s.opts.VerifyBytes, above: int64(len(data)), first: true, file: g.file}
	if k.known {
		v.above = min(k.synced, v.above)
	}
	if c, ok := s.resume(g, data, file, v); ok {
		return int64(len(data)), c, nil
	}
	if c, err = buildIndex(g, data, v); err == nil {
		return int64(len(data)), c, nil
	}
	broken := asCorrupt(err)
	keep, err = judge(data, k)
	if damage := asCorrupt(err); damage != nil {
		damage.Path = s.path
		if s.opts.AcceptDamage {
			s.log.Warn("drive: showing what comes before the damage", "path", s.path, "offset", damage.Offset)
			keep, err = damage.Offset, nil
		}
	}
	if err != nil {
		if asCorrupt(err) == nil {
			err = fmt.Errorf("%w: %s", err, s.path)
		}
		return 0, counts{}, err
	}
	if broken.Offset < keep {
		s.log.Warn("drive: a value is damaged; reading it is an error", "path", s.path, "offset", broken.Offset)
	}
	if c, ok := s.resume(g, data[:keep], file, verification{above: keep, file: g.file}); ok {
		return keep, c, nil
	}
	g.index = newIndex()
	c, err = buildIndex(g, data[:keep], verification{above: keep})
	return keep, c, err
}

// begin prepares a store for writing: before the first write the mark must be of
// this very file, or a torn write could later not be told from damage.
func (s *Store) begin(g *generation, k knowledge) error {
	s.tidyCheckpoint()
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	tail := g.tail.Load()
	if k.exact && !k.failed && tail > 0 && k.synced == tail {
		s.writeMark(g, true)
		return nil
	}
	if k.failed {
		// A sync failed in another life of the store. What is above the mark the system may hold in memory as if
		// it had been written; writing it again lets the sync really write it.
		if _, err := vfs.CopyRange(g.file, k.base, g.file, k.base, tail-k.base); err != nil {
			return fmt.Errorf("drive: write %s again after a failed sync: %w", s.path, err)
		}
	}
	if tail > 0 {
		if err := s.syncFile(g); err != nil {
			return err
		}
	}
	// The name first: a compaction that was killed may have left the file before under it.
	if err := s.fsys.SyncDir(filepath.Dir(s.realPath)); err != nil {
		return err
	}
	s.dirSynced = true
	s.beginMark(g, tail)
	return nil
}

// buildIndex builds the index of a healthy file; otherwise it returns what is wrong.
func buildIndex(g *generation, data []byte, v verification) (counts, error) {
	b := indexBuilder{index: g.index, size: float64(len(data))}
	g.index.building = true
	if err := scanBackward(data, v, b.add); err != nil {
		return counts{}, err
	}
	b.flush()
	g.index.built()
	return b.counts, nil
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
	b.index.touchEntries(group)
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
