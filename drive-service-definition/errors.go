package driveservice

import (
	"slices"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Reasons of failed calls, as in [rpc.Error.Reason]. They are part of the
// protocol: a client branches on them, never on the message.
const (
	// ReasonNotFound reports that no value has the key.
	ReasonNotFound = "drive.not_found"
	// ReasonEmptyValue refuses a value without bytes.
	ReasonEmptyValue = "drive.empty_value"
	// ReasonNullValue refuses a value that is a single zero byte.
	ReasonNullValue = "drive.null_value"
	// ReasonSameKey refuses to rename or copy a value to its own key.
	ReasonSameKey = "drive.same_key"
	// ReasonSameStore refuses to copy a value into the store it is in.
	ReasonSameStore = "drive.same_store"
	// ReasonTooLarge refuses a value, or answers one, that is over a limit.
	ReasonTooLarge = "drive.too_large"
	// ReasonOutOfRange refuses a range that starts beyond the end of a value.
	ReasonOutOfRange = "drive.out_of_range"
	// ReasonReadOnly refuses a write to a store that is open for reading only.
	ReasonReadOnly = "drive.read_only"
	// ReasonLocked reports that another process is writing to the file.
	ReasonLocked = "drive.locked"
	// ReasonNotDrive reports a file that is not a drive.
	ReasonNotDrive = "drive.not_drive"
	// ReasonNotRegular reports a path that is not a regular file.
	ReasonNotRegular = "drive.not_regular"
	// ReasonClosed reports that the store is closed.
	ReasonClosed = "drive.closed"
	// ReasonFailed reports a store that takes no more writes after a failure.
	ReasonFailed = "drive.failed"
	// ReasonCorrupt reports that bytes do not match their checksum.
	ReasonCorrupt = "drive.corrupt"
	// ReasonCompacting refuses a compaction while another one runs.
	ReasonCompacting = "drive.compacting"
	// ReasonPositionUnknown reports that the store does not hold, or no longer
	// holds, what an earlier backup was made up to. A full backup is due.
	ReasonPositionUnknown = "drive.position_unknown"
)

var codeOfReason = map[string]rpc.Code{
	ReasonNotFound:   rpc.NotFound,
	ReasonEmptyValue: rpc.InvalidArgument,
	ReasonNullValue:  rpc.InvalidArgument,
	ReasonSameKey:    rpc.InvalidArgument,
	ReasonSameStore:  rpc.InvalidArgument,
	ReasonTooLarge:   rpc.ResourceExhausted,
	ReasonOutOfRange: rpc.OutOfRange,
	ReasonReadOnly:   rpc.PermissionDenied,
	ReasonLocked:     rpc.FailedPrecondition,
	ReasonNotDrive:   rpc.FailedPrecondition,
	ReasonNotRegular: rpc.FailedPrecondition,
	ReasonClosed:     rpc.Unavailable,
	ReasonFailed:     rpc.FailedPrecondition,
	ReasonCorrupt:    rpc.DataLoss,

	ReasonCompacting:      rpc.Aborted,
	ReasonPositionUnknown: rpc.FailedPrecondition,
}

// NewError returns the error that a server answers for reason, with the code
// that belongs to it. A reason that is none of this package's gets
// [rpc.Unknown].
func NewError(reason, message string) *rpc.Error {
	code, ok := codeOfReason[reason]
	if !ok {
		code = rpc.Unknown
	}
	return &rpc.Error{Code: code, Reason: reason, Message: message}
}

// Reasons returns all reasons of this package, sorted. Servers and clients test
// against it that they map every one.
func Reasons() []string {
	out := make([]string, 0, len(codeOfReason))
	for reason := range codeOfReason {
		out = append(out, reason)
	}
	slices.Sort(out)
	return out
}
