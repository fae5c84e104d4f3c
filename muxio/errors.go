package muxio

import (
	"errors"
	"fmt"
)

// Errors of sessions and streams.
var (
	// ErrClosed reports that the session was closed by this end.
	ErrClosed = errors.New("muxio: session closed")
	// ErrCanceled reports that the peer cancelled the stream.
	ErrCanceled = errors.New("muxio: stream cancelled by the peer")
	// ErrStopped reports that this end stopped the stream.
	ErrStopped = errors.New("muxio: stream stopped")
	// ErrStreamEnded reports a send on a stream that was ended or cancelled.
	ErrStreamEnded = errors.New("muxio: send on an ended stream")
	// ErrOriginal reports what a peer of the original protocol does not have.
	ErrOriginal = errors.New("muxio: not in the original protocol")
)

// CloseError reports that a connection was closed for another reason than
// [CloseNormal]: by the peer, or by this end after a violation of the peer.
type CloseError struct {
	CloseReason
	// Remote tells that the peer closed the connection.
	Remote bool
}

// Error returns who closed the connection and why.
func (e *CloseError) Error() string {
	side := "closed"
	if e.Remote {
		side = "closed by the peer"
	}
	if e.Text == "" {
		return fmt.Sprintf("muxio: connection %s with code %d", side, e.Code)
	}
	return fmt.Sprintf("muxio: connection %s with code %d: %s", side, e.Code, e.Text)
}

// violation returns the error with which a session ends because of what the
// peer sent.
func violation(code CloseCode, format string, args ...any) *CloseError {
	return &CloseError{CloseReason: CloseReason{Code: code, Text: fmt.Sprintf(format, args...)}}
}
