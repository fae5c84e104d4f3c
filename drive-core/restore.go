package drive

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

const (
	// restoreSuffix stands between the name of a drive and a random word, in the name of the file that Restore
	// writes until the drive is whole.
	restoreSuffix = ".restore-"
	// restoreBuffer is the buffer through which backups pass.
	restoreBuffer = 256 << 10
)

// Restore makes a drive at path, which must not exist, from a full backup and the
// incremental ones that followed it, in their order, as Snapshot wrote them, and
// returns up to where they reach. Everything is verified. The drive is written under
// another name, synced, and named when it is whole, so that path is whole or absent.
//
// Errors: fs.ErrExist when path is there, ErrPositionUnknown when an increment does
// not follow what comes before it, *CorruptError when the backup is damaged or cut
// short, ErrNotDrive when it holds no entry, io.ErrUnexpectedEOF when an increment is
// cut short, those of the readers, of ctx and of writing.
func Restore(ctx context.Context, path string, full io.Reader, increments ...io.Reader) (Position, error) {
	return restoreIn(ctx, vfs.OS, path, full, increments)
}

// restoreIn is Restore within a file system.
func restoreIn(ctx context.Context, fsys vfs.FS, path string, full io.Reader, increments []io.Reader) (Position, error) {
	if _, err := fsys.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "restore", Path: path, Err: fs.ErrExist}
		}
		return Position{}, err
	}
	temporary := path + restoreSuffix + rand.Text()
	f, err := fsys.Open(temporary, vfs.Exclusive, filePerm)
	if err != nil {
		return Position{}, err
	}
	r := &restore{ctx: ctx, path: path, file: f}
	err = r.all(full, increments)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = nameExclusively(fsys, temporary, path)
	}
	if err != nil {
		return Position{}, errors.Join(err, fsys.Remove(temporary))
	}
	return r.end, fsys.SyncDir(filepath.Dir(path))
}

// restore is one run of Restore.
type restore struct {
	ctx  context.Context //nolint:containedctx // lives for one call
	path string
	file vfs.File
	size int64
	end  Position
}

// all writes the backups one after another and verifies the whole.
func (r *restore) all(full io.Reader, increments []io.Reader) error {
	if err := r.append(full); err != nil {
		return fmt.Errorf("drive: restore: full backup: %w", err)
	}
	if err := r.measure(); err != nil {
		return err
	}
	for i, in := range increments {
		if err := r.increment(in); err != nil {
			return fmt.Errorf("drive: restore: increment %d: %w", i+1, err)
		}
	}
	return r.verify()
}

// append writes what in returns to the end of the file.
func (r *restore) append(in io.Reader) error {
	buf := make([]byte, restoreBuffer)
	in = checkedReader{in}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		n, err := in.Read(buf)
		if n > 0 {
			if _, werr := r.file.WriteAt(buf[:n], r.size); werr != nil {
				return werr
			}
			r.size += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// measure notes where the file ends by now.
func (r *restore) measure() error {
	r.end = Position{}
	if r.size < metadataSize {
		return nil
	}
	var meta [metadataSize]byte
	if _, err := r.file.ReadAt(meta[:], r.size-metadataSize); err != nil {
		return err
	}
	r.end = Position{Offset: r.size, Print: fingerprint(meta[:])}
	return nil
}

// increment appends an incremental backup.
func (r *restore) increment(in io.Reader) error {
	header := make([]byte, incrementHeaderSize)
	buffered := bufio.NewReader(in)
	if _, err := io.ReadFull(buffered, header); err != nil {
		return fmt.Errorf("%w: %w", errNotIncrement, err)
	}
	from, to, err := parseIncrementHeader(header)
	if err != nil {
		return err
	}
	if from != r.end {
		return fmt.Errorf("%w: it begins at %v, and what comes before it ends at %v", ErrPositionUnknown, from, r.end)
	}
	if err := r.append(io.LimitReader(buffered, to.Offset-from.Offset+1)); err != nil {
		return err
	}
	if err := r.measure(); err != nil {
		return err
	}
	switch {
	case r.end.Offset < to.Offset:
		return io.ErrUnexpectedEOF
	case r.end != to:
		return &CorruptError{Path: r.path, Offset: to.Offset, Reason: "the increment does not end as its header says"}
	}
	return nil
}

// verify verifies every entry of the file.
func (r *restore) verify() error {
	if r.size == 0 {
		return nil
	}
	m, err := newMapping(r.file, r.path, 0, r.size)
	if err != nil {
		return err
	}
	defer m.release()
	return m.guard(func() error {
		err := scanBackward(m.data, verification{newest: -1, first: true}, func(located) {})
		if damage := asCorrupt(err); damage != nil {
			if scanForward(m.data, 0) == 0 {
				return fmt.Errorf("%w: restore: the backup holds no entry", ErrNotDrive)
			}
			damage.Path = r.path
		}
		return err
	})
}
