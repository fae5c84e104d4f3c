package driveservice

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// The methods of the original dialect: those that clients and servers written
// in Rust, and the Python client, call and answer. They do less than the others
// of this package: keys have no hashes, values no checksums, and failures are
// texts without a code. Messages are encoded as package bitcode describes.
//
// Our codecs write what the Rust crate writes, byte for byte, and read every
// form that it reads. See [OriginalRaw] for one that is written faster.
var (
	OriginalRead       = rpc.NewMethod("read", originalKeyRequest, originalReadResponse)
	OriginalWrite      = rpc.NewMethod("write", originalWriteRequest, originalTailResponse)
	OriginalDelete     = rpc.NewMethod("delete", originalKeyRequest, originalTailResponse)
	OriginalExists     = rpc.NewMethod("exists", originalKeyRequest, originalExistsResponse)
	OriginalBatchRead  = rpc.NewMethod("batch_read", originalKeysRequest, originalBatchReadResponse)
	OriginalBatchWrite = rpc.NewMethod("batch_write", originalBatchWriteRequest, originalTailResponse)

	// The requests of these are empty, and what a client sends in place of
	// nothing is ignored.
	OriginalLen      = rpc.NewMethod("len", originalNothing, originalLenResponse)
	OriginalIsEmpty  = rpc.NewMethod("is_empty", originalNothing, originalIsEmptyResponse)
	OriginalFileSize = rpc.NewMethod("file_size", originalNothing, originalFileSizeResponse)
)

// Texts with which the original server refuses a call.
const (
	// OriginalTextEmptyValue refuses a value without bytes.
	OriginalTextEmptyValue = "Payload cannot be empty."
	// OriginalTextNullValue refuses a value that is a single zero byte.
	OriginalTextNullValue = "NULL-byte payloads cannot be written directly."
	// OriginalTextMalformed refuses a request that does not decode.
	OriginalTextMalformed = "bitcode error"
)

// OriginalKeyRequest is the request of [OriginalRead], [OriginalDelete] and
// [OriginalExists].
type OriginalKeyRequest struct {
	Key []byte
}

// OriginalKeysRequest is the request of [OriginalBatchRead]: at most [MaxBatch]
// keys; the same one may occur more than once.
type OriginalKeysRequest struct {
	Keys [][]byte
}

// OriginalWriteRequest is the request of [OriginalWrite].
type OriginalWriteRequest struct {
	Key   []byte
	Value []byte
}

// OriginalBatchWriteRequest is the request of [OriginalBatchWrite]: at most
// [MaxBatch] entries that are stored all or none, in order.
type OriginalBatchWriteRequest struct {
	Entries []OriginalWriteRequest
}

// OriginalReadResponse is the response of [OriginalRead]. Value is nil when
// Found is false.
type OriginalReadResponse struct {
	Found bool
	Value []byte
}

// OriginalBatchReadResponse is the response of [OriginalBatchRead]: one result
// for each key, in the order of the request, at most [MaxBatch].
type OriginalBatchReadResponse struct {
	Results []OriginalReadResponse
}

// OriginalFailureKind is what an [OriginalFailure] is about.
type OriginalFailureKind uint8

// The kinds of failures.
const (
	OriginalFailed         OriginalFailureKind = 0
	OriginalSystemError    OriginalFailureKind = 1
	OriginalMethodNotFound OriginalFailureKind = 2
)

// OriginalFailure is the payload of a response that says that the call failed.
// The original drive server sends none; other services of its protocol do.
type OriginalFailure struct {
	Kind    OriginalFailureKind
	Message string // UTF-8
}

// OriginalFailureCodec is the codec of an [OriginalFailure].
var OriginalFailureCodec rpc.Codec[OriginalFailure] = originalFailure

// OriginalRaw returns m with codecs that write [bitcode.Raw]. Every reader takes
// it for the same messages; a value of small or similar bytes costs no scan, but
// is sent whole where it would have been packed. Other methods than those of the
// original dialect come back as they are.
func OriginalRaw[Req, Resp any](m rpc.Method[Req, Resp]) rpc.Method[Req, Resp] {
	return rpc.NewMethod(m.Name(), rawForm(m.Request()), rawForm(m.Response()))
}
