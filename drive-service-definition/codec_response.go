package driveservice

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// Smallest encodings of list elements, in bytes: one for each field.
const (
	minReadResult  = 3
	minEntryRecord = 8
)

func putResult(w *rpc.Builder, v ReadResult) {
	w.Bool(v.Found)
	w.Uvarint(uint64(v.Checksum))
	w.Bytes(v.Value)
}

func takeResult(c *rpc.Cursor) ReadResult {
	return ReadResult{Found: c.Bool(), Checksum: uint32(c.Uint(32)), Value: c.Bytes()}
}

// MaxResultHeaderBytes is the size of what [AppendResultHeader] appends at most.
const MaxResultHeaderBytes = 1 + 5 + 10

// AppendResultHeader appends the encoding of a [ReadResult] that was found, up to its
// value of size bytes, which the caller appends. A [ReadResponse] is one result. It is
// for servers that copy values from where they are to where they are sent from.
func AppendResultHeader(dst []byte, checksum uint32, size int) []byte {
	w := rpc.BuildBytes(dst)
	w.Bool(true)
	w.Uvarint(uint64(checksum))
	w.Uvarint(uint64(size))
	return w.Appended()
}

// AppendMissingResult appends the encoding of a [ReadResult] that was not found.
func AppendMissingResult(dst []byte) []byte {
	w := rpc.BuildBytes(dst)
	putResult(&w, ReadResult{})
	return w.Appended()
}

// AppendResultCount appends the number of results with which a [BatchReadResponse]
// begins; so many results follow.
func AppendResultCount(dst []byte, count int) []byte {
	w := rpc.BuildBytes(dst)
	w.Uvarint(uint64(count))
	return w.Appended()
}

var readResponse = codec[ReadResponse]{
	build: func(w rpc.Builder, v ReadResponse) rpc.Builder { putResult(&w, v.Result); return w },
	parse: func(c rpc.Cursor) (ReadResponse, rpc.Cursor) {
		v := ReadResponse{Result: takeResult(&c)}
		return v, c
	},
}

var batchReadResponse = codec[BatchReadResponse]{
	count: func(v BatchReadResponse) int { return len(v.Results) },
	limit: MaxBatch,
	build: func(w rpc.Builder, v BatchReadResponse) rpc.Builder {
		w.Uvarint(uint64(len(v.Results)))
		for _, r := range v.Results {
			putResult(&w, r)
		}
		return w
	},
	parse: func(c rpc.Cursor) (BatchReadResponse, rpc.Cursor) {
		results, c := list(c, minReadResult, MaxBatch, takeResult)
		return BatchReadResponse{Results: results}, c
	},
}

func putRecord(w *rpc.Builder, v *EntryRecord) {
	w.Uvarint(v.Offset)
	w.Uvarint(v.Size)
	w.Uvarint(v.KeyHash)
	w.Uvarint(v.PrevOffset)
	w.Uvarint(uint64(v.Checksum))
	w.Bool(v.Tombstone)
	w.Bool(v.Live)
	w.Bytes(v.Value)
}

func takeRecord(c *rpc.Cursor) EntryRecord {
	return EntryRecord{
		Offset: c.Uvarint(), Size: c.Uvarint(), KeyHash: c.Uvarint(), PrevOffset: c.Uvarint(),
		Checksum: uint32(c.Uint(32)), Tombstone: c.Bool(), Live: c.Bool(), Value: c.Bytes(),
	}
}

var entryPage = codec[EntryPage]{
	count: func(v EntryPage) int { return len(v.Records) },
	limit: MaxPageRecords,
	build: func(w rpc.Builder, v EntryPage) rpc.Builder {
		w.Uvarint(uint64(len(v.Records)))
		for i := range v.Records {
			putRecord(&w, &v.Records[i])
		}
		return w
	},
	parse: func(c rpc.Cursor) (EntryPage, rpc.Cursor) {
		records, c := list(c, minEntryRecord, MaxPageRecords, takeRecord)
		return EntryPage{Records: records}, c
	},
}

var metadataResponse = codec[MetadataResponse]{
	build: func(w rpc.Builder, v MetadataResponse) rpc.Builder {
		w.Uvarint(v.Offset)
		w.Uvarint(v.Size)
		w.Uvarint(v.KeyHash)
		w.Uvarint(v.PrevOffset)
		w.Uvarint(uint64(v.Checksum))
		return w
	},
	parse: func(c rpc.Cursor) (MetadataResponse, rpc.Cursor) {
		v := MetadataResponse{
			Offset: c.Uvarint(), Size: c.Uvarint(), KeyHash: c.Uvarint(),
			PrevOffset: c.Uvarint(), Checksum: uint32(c.Uint(32)),
		}
		return v, c
	},
}

// field tells how a struct wraps its only field.
type field[T, F any] struct {
	get  func(T) F
	wrap func(F) T
}

var (
	tailField = field[TailResponse, uint64]{
		func(v TailResponse) uint64 { return v.Tail },
		func(n uint64) TailResponse { return TailResponse{n} },
	}
	lenField = field[LenResponse, uint64]{
		func(v LenResponse) uint64 { return v.Entries },
		func(n uint64) LenResponse { return LenResponse{n} },
	}
	fileSizeField = field[FileSizeResponse, uint64]{
		func(v FileSizeResponse) uint64 { return v.Bytes },
		func(n uint64) FileSizeResponse { return FileSizeResponse{n} },
	}
	existsField = field[ExistsResponse, bool]{
		func(v ExistsResponse) bool { return v.Exists },
		func(b bool) ExistsResponse { return ExistsResponse{b} },
	}
	isEmptyField = field[IsEmptyResponse, bool]{
		func(v IsEmptyResponse) bool { return v.Empty },
		func(b bool) IsEmptyResponse { return IsEmptyResponse{b} },
	}
)

// numberCodec is the codec of a struct with one number.
func numberCodec[T any](f field[T, uint64]) codec[T] {
	return codec[T]{
		build: func(w rpc.Builder, v T) rpc.Builder { w.Uvarint(f.get(v)); return w },
		parse: func(c rpc.Cursor) (T, rpc.Cursor) { n := c.Uvarint(); return f.wrap(n), c },
	}
}

// flagCodec is the codec of a struct with one flag.
func flagCodec[T any](f field[T, bool]) codec[T] {
	return codec[T]{
		build: func(w rpc.Builder, v T) rpc.Builder { w.Bool(f.get(v)); return w },
		parse: func(c rpc.Cursor) (T, rpc.Cursor) { b := c.Bool(); return f.wrap(b), c },
	}
}

var (
	tailResponse     = numberCodec(tailField)
	lenResponse      = numberCodec(lenField)
	fileSizeResponse = numberCodec(fileSizeField)
	existsResponse   = flagCodec(existsField)
	isEmptyResponse  = flagCodec(isEmptyField)
)

var statsResponse = codec[StatsResponse]{
	build: func(w rpc.Builder, v StatsResponse) rpc.Builder {
		w.Uvarint(v.Entries)
		w.Uvarint(v.LiveEntries)
		w.Uvarint(v.LiveBytes)
		w.Uvarint(v.Tombstones)
		w.Uvarint(v.DeadBytes)
		w.Uvarint(v.PaddingBytes)
		w.Uvarint(v.FileBytes)
		w.Uvarint(v.IndexBytes)
		w.Uvarint(v.SavingsBytes)
		return w
	},
	parse: func(c rpc.Cursor) (StatsResponse, rpc.Cursor) {
		v := StatsResponse{
			Entries: c.Uvarint(), LiveEntries: c.Uvarint(), LiveBytes: c.Uvarint(), Tombstones: c.Uvarint(),
			DeadBytes: c.Uvarint(), PaddingBytes: c.Uvarint(), FileBytes: c.Uvarint(), IndexBytes: c.Uvarint(),
			SavingsBytes: c.Uvarint(),
		}
		return v, c
	},
}

var compactResponse = codec[CompactResponse]{
	build: func(w rpc.Builder, v CompactResponse) rpc.Builder {
		w.Uvarint(v.BytesBefore)
		w.Uvarint(v.BytesAfter)
		w.Uvarint(v.Entries)
		return w
	},
	parse: func(c rpc.Cursor) (CompactResponse, rpc.Cursor) {
		v := CompactResponse{BytesBefore: c.Uvarint(), BytesAfter: c.Uvarint(), Entries: c.Uvarint()}
		return v, c
	},
}

var backupItem = codec[BackupItem]{
	build: func(w rpc.Builder, v BackupItem) rpc.Builder {
		w.Bytes(v.Bytes)
		w.Bool(v.Last)
		putPosition(&w, v.End)
		return w
	},
	parse: func(c rpc.Cursor) (BackupItem, rpc.Cursor) {
		v := BackupItem{Bytes: c.Bytes(), Last: c.Bool(), End: takePosition(&c)}
		return v, c
	},
}
