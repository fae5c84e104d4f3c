package drive

import (
	"context"
	"fmt"
	"strconv"

	"github.com/simd-drive/go/drive-core/internal/vfs"
)

// maxProblems is how many problems a report keeps. More are counted and told to
// OnProblem, but not kept.
const maxProblems = 1000

// ProblemKind says what is wrong with a part of a file.
type ProblemKind int

// The kinds of Problem.
const (
	// ProblemNotDrive: no entry in the whole file matches its checksum. The file is
	// something else, or everything in it is damaged.
	ProblemNotDrive ProblemKind = iota + 1
	// ProblemDamagedEntry: payload or checksum of an entry changed after it was
	// written. Reading its key gives an error or wrong bytes; other keys are safe.
	ProblemDamagedEntry
	// ProblemDamagedLink: an entry is intact but does not name the entry before it, so
	// that the chain breaks there. Recover saves the entry.
	ProblemDamagedLink
	// ProblemLost: bytes between intact entries that belong to none.
	ProblemLost
	// ProblemTrailing: bytes after the last intact entry that belong to none: a write
	// that did not finish, zeros after a power cut, foreign bytes. A writer that opens
	// the file cuts them off.
	ProblemTrailing
	// ProblemPadding is only a note: bytes that should be zero are not. No reader looks
	// at them.
	ProblemPadding
)

// String returns a short name.
func (k ProblemKind) String() string {
	switch k {
	case ProblemNotDrive:
		return "not a drive"
	case ProblemDamagedEntry:
		return "damaged entry"
	case ProblemDamagedLink:
		return "damaged link"
	case ProblemLost:
		return "lost bytes"
	case ProblemTrailing:
		return "trailing bytes"
	case ProblemPadding:
		return "padding not zero"
	default:
		return "ProblemKind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Problem is one thing wrong with a file.
type Problem struct {
	Offset int64 // where the affected bytes begin; the payload of a damaged entry
	Size   int64 // how many they are; the payload of a damaged entry
	Kind   ProblemKind
	// KeyHash is the hash of the key of the entry: for ProblemDamagedEntry,
	// ProblemDamagedLink and ProblemPadding. It may itself be damaged; nothing in the
	// format protects it.
	KeyHash uint64
	Detail  string // for people
}

// CheckOptions says who wants to hear from Check while it works. The zero value is
// good.
type CheckOptions struct {
	// Progress is told, now and then, how many bytes of total have been worked through.
	Progress func(done, total int64)
	// OnProblem is told of each problem when it is found, from the end of the file to
	// its beginning.
	OnProblem func(Problem)
}

// CheckReport is what Check found.
type CheckReport struct {
	Size       int64 // of the file, in bytes
	Entries    int64 // intact entries, tombstones and superseded ones included
	Tombstones int64 // of these, how many are tombstones
	Live       int64 // keys whose newest entry is a value, be it damaged
	LiveBytes  int64 // payload bytes of these
	Damaged    int64 // entries with known bounds that do not match their checksum
	LostBytes  int64 // bytes that belong to no entry
	// Problems are the first maxProblems (1000) found, newest first, notes included;
	// ProblemCount says how many there were, without notes.
	Problems     []Problem
	ProblemCount int64
	// Notes counts the problems that do no harm: ProblemPadding.
	Notes int64
}

// Healthy reports whether every entry is intact and every byte belongs to one.
func (r *CheckReport) Healthy() bool { return r.ProblemCount == 0 }

// Check verifies every entry of the drive at path. It changes nothing, takes no
// lock and needs only read permission, so it may run while the drive is in use:
// it looks at the file as long as it was at the start. What it catches of an append
// in progress is a problem behind all intact entries, mostly ProblemTrailing; looked
// at again it is gone.
//
// Damage is no error: it is in the report. An error means that the file could not
// be read to the end: it does not exist, it is no regular file (ErrNotRegular), ctx
// ended, or a part of the file could not be read or was cut off meanwhile
// (*CorruptError); then the report covers what was seen until then.
//
// The time is linear in the file size however damaged it is. Memory: some 20 bytes
// for each key, about 100 for each entry of a region where the chain is broken, and
// an eighth of that region, at most 32 MiB.
func Check(ctx context.Context, path string, opts CheckOptions) (CheckReport, error) {
	m, err := mapWhole(vfs.OS, path)
	if err != nil {
		return CheckReport{}, err
	}
	defer m.close()
	c := newChecker(m.data, opts)
	err = m.guard(func() error { return c.run(ctx) })
	return c.report, err
}

// checker turns the pieces of a survey into a report.
type checker struct {
	data   []byte
	opts   CheckOptions
	report CheckReport
	seen   map[uint64]struct{} // key hashes of entries nearer to the end
	held   []Problem           // those found before the first intact entry
}

// newChecker returns a checker of data.
func newChecker(data []byte, opts CheckOptions) *checker {
	c := &checker{data: data, opts: opts, seen: make(map[uint64]struct{})}
	c.report.Size = int64(len(data))
	return c
}

// run fills the report.
func (c *checker) run(ctx context.Context) error {
	s := survey{ctx: ctx, data: c.data, progress: c.opts.Progress}
	err := s.run(c.visit)
	if err == nil && c.report.Entries == 0 && c.report.Size > 0 {
		c.notDrive()
	}
	c.release()
	return err
}

// visit takes the next piece towards the beginning of the file.
func (c *checker) visit(p piece) error {
	r := &c.report
	e := p.entry
	switch p.kind {
	case pieceEntry, pieceRelinked:
		r.Entries++
		if e.tombstone {
			r.Tombstones++
		}
	case pieceDamaged:
		r.Damaged++
	case pieceLost:
		r.LostBytes += p.to() - p.from()
	}
	if problem, ok := p.problem(r.Size); ok {
		r.ProblemCount++
		c.found(problem)
	}
	if p.kind == pieceLost {
		return nil
	}
	if note, ok := p.paddingNote(c.data); ok {
		r.Notes++
		c.found(note)
	}
	if _, ok := c.seen[e.keyHash]; !ok {
		c.seen[e.keyHash] = struct{}{}
		if !e.tombstone {
			r.Live++
			r.LiveBytes += e.size()
		}
	}
	return nil
}

// problem says what is wrong with a piece of a file of fileSize bytes; false when
// nothing is.
func (p piece) problem(fileSize int64) (Problem, bool) {
	e := p.entry
	problem := Problem{Offset: e.start, Size: e.size(), KeyHash: e.keyHash}
	switch p.kind {
	case pieceDamaged:
		problem.Kind = ProblemDamagedEntry
		problem.Detail = fmt.Sprintf("the payload does not match its checksum %08x", e.checksum)
	case pieceRelinked:
		problem.Kind = ProblemDamagedLink
		problem.Detail = fmt.Sprintf("the payload is intact, but the entry does not say that it follows offset %d", p.from())
	case pieceLost:
		problem = Problem{Offset: p.from(), Size: p.to() - p.from(), Kind: ProblemLost, Detail: "no entry here matches its checksum"}
		if p.to() == fileSize {
			problem.Kind = ProblemTrailing
			problem.Detail = "bytes after the last entry: an unfinished write, or foreign bytes"
		}
	case pieceEntry:
		return Problem{}, false
	}
	return problem, true
}

// paddingNote reports whether the padding of an entry of data is not zero.
func (p piece) paddingNote(data []byte) (Problem, bool) {
	for _, b := range data[p.from():p.entry.start] {
		if b != 0 {
			return Problem{
				Offset: p.from(), Size: p.entry.start - p.from(), Kind: ProblemPadding, KeyHash: p.entry.keyHash,
				Detail: "padding before a payload should be zero",
			}, true
		}
	}
	return Problem{}, false
}

// found reports a problem. Until an intact entry has been seen it is held back,
// for all of it may turn out to be one problem: that the file is no drive.
func (c *checker) found(p Problem) {
	if c.report.Entries == 0 && len(c.held) < maxProblems {
		c.held = append(c.held, p)
		return
	}
	c.release()
	c.tell(p)
}

// release tells of the problems held back.
func (c *checker) release() {
	held := c.held
	c.held = nil
	for _, p := range held {
		c.tell(p)
	}
}

// tell keeps a problem and passes it on.
func (c *checker) tell(p Problem) {
	if len(c.report.Problems) < maxProblems {
		c.report.Problems = append(c.report.Problems, p)
	}
	if c.opts.OnProblem != nil {
		c.opts.OnProblem(p)
	}
}

// notDrive replaces what was found by the one thing to say about it.
func (c *checker) notDrive() {
	size := c.report.Size
	c.held = nil
	c.report = CheckReport{Size: size, LostBytes: size, ProblemCount: 1}
	c.tell(Problem{Size: size, Kind: ProblemNotDrive, Detail: "no entry in the file matches its checksum"})
}
