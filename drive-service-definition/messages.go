package driveservice

// KeyRef addresses a value by its key, or by the hash of its key when ByHash is
// set; the other field is ignored then. Use [Key] and [Hash] to make one.
type KeyRef struct {
	Key    []byte
	Hash   uint64 // XXH3-64 of the key
	ByHash bool
}

// Key returns a reference by key. It aliases key.
func Key(key []byte) KeyRef { return KeyRef{Key: key} }

// Hash returns a reference by the hash of a key.
func Hash(hash uint64) KeyRef { return KeyRef{Hash: hash, ByHash: true} }

// KeyRequest names one value. It is the request of [Read], [Delete], [Exists],
// [Metadata] and [StreamWrite].
type KeyRequest struct {
	Key KeyRef
}

// KeysRequest names several values, at most [MaxBatch]; the same one may occur
// more than once. It is the request of [BatchRead] and [BatchDelete].
type KeysRequest struct {
	Keys []KeyRef
}

// KeyPairRequest names a value and the key that it shall have: instead of the
// old one in [Rename], beside it in [Copy]. A value under To is replaced.
type KeyPairRequest struct {
	From, To KeyRef
}

// ReadResult is one value that was read. Found is false and the rest is zero
// for a missing key. Checksum is the stored CRC-32/IEEE of Value: the server
// may send a value without looking at it, so that whoever uses it can verify
// the whole way from the file.
type ReadResult struct {
	Found    bool
	Checksum uint32
	Value    []byte
}

// ReadResponse is the response of [Read].
type ReadResponse struct {
	Result ReadResult
}

// BatchReadResponse is the response of [BatchRead]: one result for each key, in
// the order of the request.
type BatchReadResponse struct {
	Results []ReadResult
}

// WriteRequest is the request of [Write].
type WriteRequest struct {
	Key   KeyRef
	Value []byte
}

// BatchWriteRequest is the request of [BatchWrite]: at most [MaxBatch] entries
// that are stored all or none, in order, so the last one of a key wins.
type BatchWriteRequest struct {
	Entries []WriteRequest
}

// TailResponse tells the size of the file in bytes after the operation.
type TailResponse struct {
	Tail uint64
}

// ExistsResponse is the response of [Exists].
type ExistsResponse struct {
	Exists bool
}

// LenResponse is the response of [Len]: the number of live keys.
type LenResponse struct {
	Entries uint64
}

// IsEmptyResponse is the response of [IsEmpty].
type IsEmptyResponse struct {
	Empty bool
}

// FileSizeResponse is the response of [FileSize].
type FileSizeResponse struct {
	Bytes uint64
}

// MetadataResponse is the response of [Metadata]. A missing key is an error
// with [ReasonNotFound].
type MetadataResponse struct {
	Offset     uint64 // of the value's first byte in the file
	Size       uint64 // of the value in bytes
	KeyHash    uint64
	PrevOffset uint64 // tail of the preceding entry in the file
	Checksum   uint32 // CRC-32/IEEE of the value
}

// StreamReadRequest is the request of [StreamRead]: Length bytes from Offset
// on, to the end of the value when Length is 0 or reaches beyond it. An Offset
// beyond the end is an error with [ReasonOutOfRange].
type StreamReadRequest struct {
	Key    KeyRef
	Offset uint64
	Length uint64
}

// Order is the order of entries in a listing or in a compacted file.
type Order uint8

// The orders of entries.
const (
	// OrderDefault is newest first in listings and file order in compaction.
	OrderDefault Order = 0
	// OrderNewestFirst is from the end of the file to its start.
	OrderNewestFirst Order = 1
	// OrderFile is from the start of the file to its end.
	OrderFile Order = 2
)

// EntriesRequest is the request of [StreamEntries].
type EntriesRequest struct {
	Order Order
	// All asks for superseded entries and tombstones too.
	All bool
	// ValueLimit asks for the values of at most so many bytes; the server
	// lowers it to [MaxEntryValue]. 0 asks for no values.
	ValueLimit uint64
}

// EntryRecord describes one entry of the file.
type EntryRecord struct {
	Offset     uint64 // of the value's first byte in the file
	Size       uint64 // of the value in bytes
	KeyHash    uint64
	PrevOffset uint64 // tail of the preceding entry in the file
	Checksum   uint32 // CRC-32/IEEE of the value
	Tombstone  bool
	Live       bool   // the newest entry of its key, and no tombstone
	Value      []byte // empty if not asked for or over the limit
}

// EntryPage is one item of [StreamEntries]: at least one record and at most
// [MaxPageRecords].
type EntryPage struct {
	Records []EntryRecord
}

// StatsRequest is the request of [Stats].
type StatsRequest struct {
	// Savings asks for StatsResponse.SavingsBytes, which may take a scan.
	Savings bool
}

// StatsResponse is the response of [Stats].
type StatsResponse struct {
	Entries      uint64 // in the file, superseded ones and tombstones included
	LiveEntries  uint64
	LiveBytes    uint64 // of live values
	Tombstones   uint64
	DeadBytes    uint64 // of superseded entries and tombstones
	PaddingBytes uint64
	FileBytes    uint64
	IndexBytes   uint64 // memory of the index
	SavingsBytes uint64 // what compaction would save; 0 unless asked for
}

// CompactRequest is the request of [Compact].
type CompactRequest struct {
	Order Order
	// BytesPerSecond limits how fast values are copied; 0 is no limit.
	BytesPerSecond uint64
}

// CompactResponse is the response of [Compact].
type CompactResponse struct {
	BytesBefore uint64 // size of the file
	BytesAfter  uint64
	Entries     uint64 // live ones, which were kept
}

// Position is a place in a drive up to which a backup was made. It names the
// drive too; see [ReasonPositionUnknown]. The zero Position is the beginning of
// every drive.
type Position struct {
	Offset uint64 // in the file, in bytes
	Print  uint64 // tells the drive from others; 0 at offset 0
}

// BackupRequest is the request of [Backup].
type BackupRequest struct {
	// Since is where the backup before this one ended: only what came after it
	// is sent. Zero asks for a full backup.
	Since Position
	// BytesPerSecond limits how fast the file is read; 0 is no limit.
	BytesPerSecond uint64
}

// BackupItem is one item of [Backup]: bytes of the backup, cut anywhere, or, as
// the last item of every backup that is whole, up to where it reaches.
type BackupItem struct {
	Bytes []byte // empty in the last item
	Last  bool
	End   Position // in the last item
}
