package drive

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// generation is a file with its mapping and its index. A Store has one at a time;
// compaction replaces it as a whole, so that readers see either file with its own
// index.
type generation struct {
	file    vfs.File
	path    string // for errors
	number  uint64 // told apart from the other generations of the process
	index   *index
	pastEnd bool // the mapping shows bytes that are appended later
	reserve int64
	view    atomic.Pointer[mapping] // newest mapping; nil while there was nothing to map

	end [metadataSize]byte // the metadata before the tail; guarded by the store's mu

	mapMu  sync.Mutex // guards making a mapping, and closed
	closed bool       // file is

	_    [64]byte // the tail changes with every write: off the lines above
	tail atomic.Int64
	// reach is the tail, or that of a write on its way into the index: who finds it unchanged knows that the index is.
	reach atomic.Int64
	_     [48]byte
}

// collectTries is how often a refused mapping is tried again after a garbage
// collection, before a smaller one is tried.
const collectTries = 2

// generations numbers the files that this process has opened.
var generations atomic.Uint64

func newGeneration(file vfs.File, fsys vfs.FS, path string, reserve int64) *generation {
	return &generation{
		file: file, path: path, number: generations.Add(1), index: newIndex(),
		pastEnd: fsys.MapsPastEnd(), reserve: reserve,
	}
}

// cover makes the view reach to end at least and returns it. Where mappings pass
// the end of a file the writer calls it before it writes, and readers find the
// view long enough; elsewhere the first reader of new bytes does.
func (g *generation) cover(end int64) (*mapping, error) {
	if m := g.view.Load(); m.size() >= end {
		return m, nil
	}
	g.mapMu.Lock()
	defer g.mapMu.Unlock()
	m := g.view.Load()
	if m.size() >= end {
		return m, nil
	}
	if g.closed {
		return nil, ErrClosed
	}
	if end > maxOffset {
		return nil, fmt.Errorf("%w: %d bytes; the format ends at 2^48", ErrTooLarge, end)
	}
	length := end
	if g.pastEnd {
		length = max(g.reserve, 2*m.size(), end+reserveSlack)
	}
	for try := 0; ; try++ {
		next, err := newMapping(g.file, g.path, g.number, length)
		if err == nil {
			g.view.Store(next)
			return next, nil
		}
		if try < collectTries { // closed stores may hold the address space
			runtime.GC()
			runtime.Gosched()
			continue
		}
		switch {
		case length > end:
		case errors.Is(err, vfs.ErrAddressSpace):
			return nil, fmt.Errorf("%w: %d bytes do not fit into the %d-bit addresses of this process, beside what it has mapped",
				ErrTooLarge, end, bits.UintSize)
		default:
			return nil, fmt.Errorf("drive: map %d bytes: %w", end, err)
		}
		length = max(length/2, end)
	}
}

// advance sets the tail, up to which the file has been written. The store's mu must be
// held, or nobody else know g yet.
func (g *generation) advance(tail int64) {
	if m := g.view.Load(); g.pastEnd && tail > 0 && m.size() >= tail {
		_ = m.guard(func() error { // a fault shows in checkEnd
			copy(g.end[:], m.data[tail-metadataSize:tail])
			return nil
		})
	}
	g.reach.Store(tail)
	g.tail.Store(tail)
}

// checkEnd makes sure that the file still ends with what was written last. When
// somebody has cut it, what is written next would leave zeros before it. The store's
// mu must be held.
func (g *generation) checkEnd() error {
	m, tail := g.view.Load(), g.tail.Load()
	if !g.pastEnd || tail == 0 || m.size() < tail {
		return nil // a mapping that ends with the file keeps others from cutting it
	}
	return m.guard(func() error {
		if [metadataSize]byte(m.data[tail-metadataSize:tail]) != g.end {
			return &CorruptError{Path: g.path, Offset: tail - metadataSize, Reason: "the last entry is gone; was the file cut short?"}
		}
		return nil
	})
}

// entry returns the Entry of a location from the index.
func (g *generation) entry(loc location) (Entry, error) {
	m := g.view.Load()
	if !g.pastEnd && m.size() < loc.tail() {
		var err error
		if m, err = g.cover(loc.tail()); err != nil {
			return Entry{}, err
		}
	}
	return Entry{m: m, loc: loc}, nil
}

// stat tells about the file.
func (g *generation) stat() (fs.FileInfo, error) {
	g.mapMu.Lock()
	defer g.mapMu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	return g.file.Stat()
}

// close closes the file; mappings of it stay.
func (g *generation) close() error {
	g.mapMu.Lock()
	defer g.mapMu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	return g.file.Close()
}
