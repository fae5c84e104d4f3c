package rpc

import (
	"context"
	"errors"
	"fmt"
)

// Code classifies the failure of a call. The numbers are part of the wire
// format and never change; they follow the status codes of gRPC.
//
// A Code is an error itself, so that errors.Is(err, rpc.NotFound) asks for the
// code of any wrapped [*Error].
type Code uint8

// The codes of failed calls.
const (
	// Canceled reports that the caller gave the call up.
	Canceled Code = 1
	// Unknown reports an error that carries no code.
	Unknown Code = 2
	// InvalidArgument reports a request that can never succeed as it is.
	InvalidArgument Code = 3
	// DeadlineExceeded reports that the caller's deadline passed.
	DeadlineExceeded Code = 4
	// NotFound reports that what the request names does not exist.
	NotFound Code = 5
	// AlreadyExists reports that what the request would create exists.
	AlreadyExists Code = 6
	// PermissionDenied reports that the caller may not do this.
	PermissionDenied Code = 7
	// ResourceExhausted reports that a limit was reached.
	ResourceExhausted Code = 8
	// FailedPrecondition reports a state in which the request is refused.
	FailedPrecondition Code = 9
	// Aborted reports a conflict with another call; a retry may succeed.
	Aborted Code = 10
	// OutOfRange reports a position outside of what exists.
	OutOfRange Code = 11
	// Unimplemented reports a method that the peer does not answer.
	Unimplemented Code = 12
	// Internal reports a failure of the answering end, such as a panic.
	Internal Code = 13
	// Unavailable reports that the connection failed before the outcome of
	// the call was known.
	Unavailable Code = 14
	// DataLoss reports damaged data.
	DataLoss Code = 15
	// Unauthenticated reports that the caller did not prove who it is.
	Unauthenticated Code = 16
)

var codeNames = [...]string{
	Canceled: "canceled", Unknown: "unknown", InvalidArgument: "invalid argument", DeadlineExceeded: "deadline exceeded",
	NotFound: "not found", AlreadyExists: "already exists", PermissionDenied: "permission denied",
	ResourceExhausted: "resource exhausted", FailedPrecondition: "failed precondition", Aborted: "aborted",
	OutOfRange: "out of range", Unimplemented: "unimplemented", Internal: "internal", Unavailable: "unavailable",
	DataLoss: "data loss", Unauthenticated: "unauthenticated",
}

// String returns the code's name in lower-case words.
func (c Code) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// Error returns the code's name, so that a Code can stand as the target of
// [errors.Is].
func (c Code) Error() string { return c.String() }

// Error is the failure of a call, as the answering end reported it or as the
// calling end found it.
type Error struct {
	Code Code
	// Reason is a short stable identifier within the service, such as
	// "quota.daily", on which a client may branch; it may be empty.
	Reason string
	// Message explains the failure to a person.
	Message string
	// Details say more to a program, in terms of the service.
	Details []Detail
}

// Detail is a typed piece of information about a failure.
type Detail struct {
	// Type names what Value is.
	Type  string
	Value []byte
}

// ReasonNotStarted is the [Error.Reason] of calls that were certainly not begun:
// the peer refused them before it called a handler, or they never left.
const ReasonNotStarted = "muxio.not_started"

// Retriable tells that the call was certainly not begun, so that it may be made
// again, elsewhere or later, whatever it does.
func (e *Error) Retriable() bool { return e.Reason == ReasonNotStarted }

// Errorf returns an [*Error] with the given code and formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message with the code before it.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Message
}

// Is reports whether target is the error's code, or the context error that
// belongs to it.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Code == Canceled
	case context.DeadlineExceeded:
		return e.Code == DeadlineExceeded
	}
	c, ok := target.(Code)
	return ok && c == e.Code
}

// ErrorFrom returns err as a [*Error]: itself if it is or wraps one, a context
// error under its code, anything else as Unknown with its text. It returns nil
// for nil.
func ErrorFrom(err error) *Error {
	var e *Error
	var c Code
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		if e == nil { // a nil *Error in an error variable is a failure all the same
			return &Error{Code: Unknown, Message: "error without content"}
		}
		return e
	case errors.As(err, &c):
		return &Error{Code: c, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Error{Code: Canceled, Message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: DeadlineExceeded, Message: err.Error()}
	}
	return &Error{Code: Unknown, Message: err.Error()}
}
