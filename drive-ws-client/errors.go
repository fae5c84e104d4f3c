package driveclient

import (
	"errors"

	"github.com/simd-drive/go/drive-service-definition"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// ErrNoAnswer means that a server accepted the connection and does not answer in the
// original protocol: it expects headers of the other size, or another protocol.
var ErrNoAnswer = wsclient.ErrNoAnswer

// Errors of a single call: what was asked for is refused, and the store is as
// it was before.
var (
	// ErrNotFound means that no live entry has the key.
	ErrNotFound = errors.New("driveclient: key not found")
	// ErrEmptyValue refuses a value of zero bytes, which a drive cannot hold.
	ErrEmptyValue = errors.New("driveclient: value is empty")
	// ErrNullValue refuses a value of one zero byte, which a drive reads as a
	// deletion.
	ErrNullValue = errors.New("driveclient: value is a single zero byte")
	// ErrSameKey refuses to rename or copy a key to itself.
	ErrSameKey = errors.New("driveclient: both keys are the same")
	// ErrTooLarge means that a value does not fit into the file, or the values
	// of a batch not into one response.
	ErrTooLarge = errors.New("driveclient: too large")
	// ErrLimit means that a call exceeds a limit of the connection, set by
	// either end: the size of a message, the length of a batch, the number of
	// calls at a time.
	ErrLimit = errors.New("driveclient: limit of the connection reached")
	// ErrReadOnly refuses to change a store that is served read-only.
	ErrReadOnly = errors.New("driveclient: store is read-only")
	// ErrOutOfRange refuses a range that starts beyond the end of a value.
	ErrOutOfRange = errors.New("driveclient: range starts beyond the end of the value")
	// ErrCorrupt means that a value contradicts its checksum, or cannot be read.
	ErrCorrupt = errors.New("driveclient: data is corrupt")
	// ErrCompacting refuses a compaction while another one runs.
	ErrCompacting = errors.New("driveclient: a compaction is running")
	// ErrPositionUnknown means that the store does not hold, or no longer holds,
	// what a backup was made up to: it has been compacted since, or is another
	// one. A full backup is due.
	ErrPositionUnknown = errors.New("driveclient: the store has no such position")
)

// Errors of the state that the store or the connection is in.
var (
	// ErrFailed means that the store takes no more writes after a failure of
	// its file.
	ErrFailed = errors.New("driveclient: store takes no more writes after a failure")
	// ErrClosed means that this client or the store behind the server has been
	// closed.
	ErrClosed = errors.New("driveclient: closed")
	// ErrRefused means that the server cannot use its file.
	ErrRefused = errors.New("driveclient: server cannot use its file")
	// ErrUnsupported means that the server does not know what was asked for.
	ErrUnsupported = errors.New("driveclient: not supported by the server")
	// ErrUnavailable means that the connection failed or the server is
	// shutting down. Whether a write took effect is unknown.
	ErrUnavailable = errors.New("driveclient: server is unavailable")
)

// kinds maps the service's reasons to the errors of this package.
var kinds = map[string]error{
	driveservice.ReasonNotFound:   ErrNotFound,
	driveservice.ReasonEmptyValue: ErrEmptyValue,
	driveservice.ReasonNullValue:  ErrNullValue,
	driveservice.ReasonSameKey:    ErrSameKey,
	driveservice.ReasonTooLarge:   ErrTooLarge,
	driveservice.ReasonOutOfRange: ErrOutOfRange,
	driveservice.ReasonReadOnly:   ErrReadOnly,
	driveservice.ReasonCorrupt:    ErrCorrupt,
	driveservice.ReasonFailed:     ErrFailed,
	driveservice.ReasonClosed:     ErrClosed,
	driveservice.ReasonCompacting: ErrCompacting,

	driveservice.ReasonPositionUnknown: ErrPositionUnknown,
	// A server of one open store answers none of these.
	driveservice.ReasonSameStore:  ErrRefused,
	driveservice.ReasonLocked:     ErrRefused,
	driveservice.ReasonNotDrive:   ErrRefused,
	driveservice.ReasonNotRegular: ErrRefused,
}

// callError is the failure of one call: it unwraps to one of the errors above,
// where one applies, and to the [*rpc.Error].
type callError struct {
	op   string
	kind error // may be nil
	err  error
}

// Error implements error.
func (e *callError) Error() string { return "driveclient: " + e.op + ": " + e.err.Error() }

// Unwrap lets errors.Is and errors.As find the kind and the [*rpc.Error].
func (e *callError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.err}
	}
	return []error{e.kind, e.err}
}

// failed returns err as the failure of op, nil for nil.
func (c *Client) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &callError{op: op, kind: c.kindOf(err), err: err}
}

// kindOf returns the error of this package that err is, nil if it is none.
func (c *Client) kindOf(err error) error {
	if errors.Is(err, driveservice.ErrBatchTooLarge) {
		return ErrLimit
	}
	var remote *rpc.Error
	if !errors.As(err, &remote) {
		return nil
	}
	reason := remote.Reason
	if c.original {
		reason = originalReason(remote)
	}
	kind, known := kinds[reason]
	switch {
	case known:
		return kind
	case remote.Code == rpc.ResourceExhausted:
		return ErrLimit
	case remote.Code == rpc.Unimplemented:
		return ErrUnsupported
	case remote.Code != rpc.Unavailable:
		return nil
	case c.closed.Load():
		return ErrClosed
	}
	return ErrUnavailable
}

// refused is the failure of op for a reason that this end found.
func (c *Client) refused(op, reason, message string) error {
	return c.failed(op, driveservice.NewError(reason, message))
}
