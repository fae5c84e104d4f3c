package driveservice

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// The methods of a drive. A value that is too large for one message goes
// through [StreamRead] and [StreamWrite]; all others are one message each way.
var (
	Read       = rpc.NewMethod("drive.read", keyRequest, readResponse)
	Write      = rpc.NewMethod("drive.write", writeRequest, tailResponse)
	Delete     = rpc.NewMethod("drive.delete", keyRequest, tailResponse)
	Exists     = rpc.NewMethod("drive.exists", keyRequest, existsResponse)
	Metadata   = rpc.NewMethod("drive.metadata", keyRequest, metadataResponse)
	Rename     = rpc.NewMethod("drive.rename", keyPairRequest, tailResponse)
	Copy       = rpc.NewMethod("drive.copy", keyPairRequest, tailResponse)
	BatchRead  = rpc.NewMethod("drive.batch_read", keysRequest, batchReadResponse)
	BatchWrite = rpc.NewMethod("drive.batch_write", batchWriteRequest, tailResponse)

	// BatchDelete deletes several keys in one append. Missing ones are skipped.
	BatchDelete = rpc.NewMethod("drive.batch_delete", keysRequest, tailResponse)

	Len      = rpc.NewMethod("drive.len", rpc.Empty, lenResponse)
	IsEmpty  = rpc.NewMethod("drive.is_empty", rpc.Empty, isEmptyResponse)
	FileSize = rpc.NewMethod("drive.file_size", rpc.Empty, fileSizeResponse)
	Stats    = rpc.NewMethod("drive.stats", statsRequest, statsResponse)
	Compact  = rpc.NewMethod("drive.compact", compactRequest, compactResponse)

	// Sync returns once everything acknowledged before is on stable storage.
	Sync = rpc.NewMethod("drive.sync", rpc.Empty, rpc.Empty)

	// StreamRead answers with the bytes of one value, cut anywhere. The server
	// verifies the checksum along the way when it sends the whole value, and
	// ends the call with [ReasonCorrupt] after the bytes if they do not match.
	// The size is not announced; [Metadata] tells it.
	StreamRead = rpc.NewServerStream("drive.stream_read", streamReadRequest, rpc.Bytes)

	// StreamWrite stores the bytes that the caller sends, cut anywhere, as one
	// value. Nothing is stored unless the caller ends the stream in good order.
	StreamWrite = rpc.NewClientStream("drive.stream_write", keyRequest, rpc.Bytes, tailResponse)

	// StreamEntries lists entries, several to a page.
	StreamEntries = rpc.NewServerStream("drive.stream_entries", entriesRequest, entryPage)

	// Backup answers with a consistent copy of the file, as it is when the call
	// begins, or with what has come since an earlier one. It is whole only with
	// its last item.
	Backup = rpc.NewServerStream("drive.backup", backupRequest, backupItem)
)
