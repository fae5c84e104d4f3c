package drive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// RecoverOptions says who wants to hear from Recover while it works. The zero value
// is good.
type RecoverOptions struct {
	// Progress is told, now and then, how many bytes of total have been worked through:
	// those of the source first, then those of the copy.
	Progress func(done, total int64)
	// OnProblem is told of each problem of the source when it is found, from the end of
	// the file to its beginning, like that of CheckOptions.
	OnProblem func(Problem)
}

// RecoverReport says what Recover saved.
type RecoverReport struct {
	SourceSize int64 // of the damaged file, in bytes
	Size       int64 // of the copy, in bytes
	Entries    int64 // entries written, tombstones and superseded ones included
	Tombstones int64 // of these, how many are tombstones
	Relinked   int64 // of these, how many had a damaged link to the entry before
	LostBytes  int64 // bytes of the source that belong to no intact entry
	// Lost are the first maxProblems (1000) damaged parts, newest first, in the terms
	// of Check; LostCount says how many there are.
	Lost      []Problem
	LostCount int64
}

// Recover writes a repaired copy of the drive at src to dst, which must not exist.
// It takes every entry of src that matches its checksum, also those after damage in
// the middle, and those whose only fault is a damaged link, and writes them in the
// order of the file. src is only read, and may even be open elsewhere.
//
// The copy is a healthy drive with every superseded entry and tombstone that src
// held: what was deleted stays deleted. But where an entry itself is lost, the one
// before it with the same key, if there is any, speaks for the key again: an older
// value, or a value whose deletion was lost. Lost in the report tells where. An
// entry whose key hash was damaged is copied as it is: nothing in the format shows
// the damage. When the value at the very start of src was a drive itself and is
// damaged, its entries cannot be told from those of src, and are copied too.
//
// A copy of a healthy drive has the bytes of the original. Of an empty file it is
// an empty file. When nothing verifies, the result is ErrNotDrive.
//
// The copy is written under another name beside dst, synced, renamed, and the
// directory synced, so that dst is whole or absent. Errors: fs.ErrExist when dst is
// there; what Check returns, for src; those of writing. The permissions are those of src.
//
// The time is linear in the file size however damaged it is. Memory: 24 bytes per
// entry, and about 100 more for each in a region where the chain is broken, and an
// eighth of that region, at most 32 MiB.
func Recover(ctx context.Context, src, dst string, opts RecoverOptions) (RecoverReport, error) {
	return recoverFS(ctx, vfs.OS, src, dst, opts)
}

// recoverFS is Recover on the file system fsys.
func recoverFS(ctx context.Context, fsys vfs.FS, src, dst string, opts RecoverOptions) (RecoverReport, error) {
	if _, err := fsys.Stat(dst); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "recover", Path: dst, Err: fs.ErrExist}
		}
		return RecoverReport{}, err
	}
	m, err := mapWhole(fsys, src)
	if err != nil {
		return RecoverReport{}, err
	}
	defer m.close()
	r := newSalvage(ctx, m.data, opts)
	if err := m.guard(r.find); err != nil {
		return r.report, err
	}
	if len(r.kept) == 0 && len(m.data) > 0 {
		return r.report, fmt.Errorf("%w: %s", ErrNotDrive, src)
	}
	return r.report, r.writeCopy(fsys, m, dst)
}

// salvage is one run of Recover.
type salvage struct {
	ctx    context.Context //nolint:containedctx // lives for one call
	data   []byte          // the source
	opts   RecoverOptions
	report RecoverReport
	kept   []payloadRange // in file order after find
}

// payloadRange is where a payload lies; its metadata follows it.
type payloadRange struct {
	start, end int64
	tombstone  bool
}

// newSalvage returns a salvage of data.
func newSalvage(ctx context.Context, data []byte, opts RecoverOptions) *salvage {
	r := &salvage{ctx: ctx, data: data, opts: opts}
	r.report.SourceSize = int64(len(data))
	return r
}

// find fills kept.
func (r *salvage) find() error {
	size := r.report.SourceSize
	s := survey{ctx: r.ctx, data: r.data, progress: r.progress}
	err := s.run(func(p piece) error {
		switch p.kind {
		case pieceEntry, pieceRelinked:
			r.kept = append(r.kept, payloadRange{p.entry.start, p.entry.end, p.entry.tombstone})
			if p.kind == pieceRelinked {
				r.report.Relinked++
			}
		case pieceDamaged, pieceLost:
			r.lost(p)
		}
		if problem, ok := p.problem(size); ok && r.opts.OnProblem != nil {
			r.opts.OnProblem(problem)
		}
		return nil
	})
	slices.Reverse(r.kept)
	return err
}

// lost notes a piece that is not copied.
func (r *salvage) lost(p piece) {
	r.report.LostBytes += p.to() - p.from()
	r.report.LostCount++
	if problem, ok := p.problem(r.report.SourceSize); ok && len(r.report.Lost) < maxProblems {
		r.report.Lost = append(r.report.Lost, problem)
	}
}

// progress passes on how much has been worked through; the copy is the second half.
func (r *salvage) progress(done, _ int64) {
	if r.opts.Progress != nil {
		r.opts.Progress(done, 2*r.report.SourceSize)
	}
}

// writeCopy writes what was kept to dst.
func (r *salvage) writeCopy(fsys vfs.FS, m *wholeMap, dst string) (err error) {
	temporary := fmt.Sprintf("%s.recover.%016x", dst, rand.Uint64())
	f, err := fsys.Open(temporary, vfs.Exclusive, 0o600)
	if err != nil {
		return err
	}
	w := newCopyWriter(f)
	err = errors.Join(m.guard(func() error { return r.copyTo(w) }), w.wait())
	if err == nil {
		err = f.CopyAttributes(m.file)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = nameExclusively(fsys, temporary, dst)
	}
	if err != nil {
		return errors.Join(err, fsys.Remove(temporary))
	}
	r.report.Size = w.tail()
	return fsys.SyncDir(filepath.Dir(dst))
}

// copyTo writes what was kept to w.
func (r *salvage) copyTo(w *copyWriter) error {
	var told int64
	for _, p := range r.kept {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		m, _ := parseMetadata(r.data[p.end:])
		if err := w.entry(m, r.data[p.start:p.end], p.tombstone); err != nil {
			return err
		}
		r.report.Entries++
		if p.tombstone {
			r.report.Tombstones++
		}
		if w.written-told >= progressStep {
			told = w.written
			r.progress(r.report.SourceSize+p.end, 0)
		}
	}
	r.progress(2*r.report.SourceSize, 0)
	return w.finish()
}
