package driveservice

const (
	// MaxBatch bounds the keys of a [KeysRequest], the entries of a
	// [BatchWriteRequest] and the results of a [BatchReadResponse], and those of
	// the messages of the original dialect. Codecs refuse more with
	// [ErrBatchTooLarge], in both directions.
	MaxBatch = 1 << 20

	// MaxPageRecords bounds the records of an [EntryPage].
	MaxPageRecords = 1 << 12

	// MaxEntryValue bounds a value inside of an [EntryRecord], in bytes.
	MaxEntryValue = 1 << 18

	// PageBytes is the size in bytes at which a server sends an [EntryPage]
	// that is not full yet. Codecs do not enforce it.
	PageBytes = 1 << 18
)
