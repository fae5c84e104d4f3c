package drive

import (
	"io/fs"
	"log/slog"
	"math"
	"time"
)

// Defaults of Options.
const (
	// DefaultVerifyBytes is how much of the newest payload is verified when a file is opened.
	DefaultVerifyBytes = 4 << 20
	// DefaultReserveBytes is how much address space is reserved for a file's mapping, on 64-bit systems; 32-bit
	// systems reserve at most reserve32. Address space is not memory, but it is not endless either: a closed
	// store keeps its share until the garbage collector finds that no Entry is left. A file that outgrows its
	// mapping gets another one of twice the size.
	DefaultReserveBytes = 64 << 30
)

const (
	// reserve32 is the most that is reserved at first where addresses have 32 bits.
	reserve32 = 64 << 20
	// reserveSlack is how far beyond the end of a file its mapping reaches at least.
	reserveSlack = 1 << 20
	// filePerm is the mode of new files, before umask.
	filePerm fs.FileMode = 0o644
)

// Options are the choices of Open. The zero value is good for most uses.
type Options struct {
	// ReadOnly opens a file that must exist, and writes neither to it nor beside it. It takes no lock, so that
	// it works beside a writer; the Store then shows the entries that were there when it was opened, or last
	// refreshed (Store.Refresh, Follow).
	ReadOnly bool
	// AcceptDamage, with ReadOnly, opens a drive that is damaged in the middle: the store shows what comes before
	// the damage, instead of being refused with a *CorruptError.
	AcceptDamage bool
	// MustExist refuses to create the file.
	MustExist bool
	// Sync says when writes reach stable storage. The zero value syncs in the background, a second after a write.
	Sync SyncMode
	// VerifyBytes is how many bytes of the newest payloads have their checksum verified at open, besides the
	// structure of the whole file: 0 means DefaultVerifyBytes, a negative number all, without a checkpoint. By
	// default, with a checkpoint, padding and metadata count as well.
	VerifyBytes int64
	// ReserveBytes is the address space to reserve for the mapping: 0 means DefaultReserveBytes. When the
	// system refuses, less is reserved; when the file outgrows it, another mapping is made.
	ReserveBytes int64
	// VerifyReads lets Read, Find, View and ReadBatch verify the checksum of each value that they find. Find and
	// View return a *CorruptError for a damaged one, the others report it as missing and tell the Logger. Get
	// always verifies.
	VerifyReads bool
	// Follow, with ReadOnly, is how often the store looks by itself for what a writer has appended, as Refresh
	// does; 0 is never.
	Follow time.Duration
	// AutoCompact says when the file is compacted by itself. The zero value is never.
	AutoCompact AutoCompact
	// Checkpoint says whether and when a copy of the index is kept beside the drive, by which it opens fast. The
	// zero value keeps one beside a drive that is not small.
	Checkpoint Checkpoint
	// Scrub says how often the whole file is verified by itself. The zero value is never.
	Scrub ScrubSchedule
	// Logger is told of repairs (at Warn) and of compactions (at Info). Nil is silent.
	Logger *slog.Logger

	verifyDefault bool // VerifyBytes was 0
}

// withDefaults fills in what was left zero.
func (o Options) withDefaults() Options {
	if o.VerifyBytes == 0 {
		o.verifyDefault = true
		o.VerifyBytes = DefaultVerifyBytes
	}
	if o.ReserveBytes <= 0 {
		o.ReserveBytes = DefaultReserveBytes
	}
	if math.MaxInt == math.MaxInt32 {
		o.ReserveBytes = min(o.ReserveBytes, reserve32)
	}
	if o.AutoCompact.MinBytes <= 0 {
		o.AutoCompact.MinBytes = DefaultAutoCompactMinBytes
	}
	o.Checkpoint = o.Checkpoint.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
