package wsclient

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrBadURL reports an address that cannot be dialed.
var ErrBadURL = errors.New("wsclient: unusable address")

// HandshakeError reports that the other end answered the handshake, but not
// with a connection that can be used.
type HandshakeError struct {
	// URL is the address that was dialed, without secrets.
	URL string
	// StatusCode is the HTTP status of the response.
	StatusCode int
	// Header is the header of the response, for instance with Retry-After.
	Header http.Header
	// Reason says what this end found wrong.
	Reason string
	// Body is the beginning of the response's body.
	Body string
}

// Error returns the reason with the status and body of the response.
func (e *HandshakeError) Error() string {
	text := fmt.Sprintf("wsclient: dial %s: %s: status %d %s", e.URL, e.Reason, e.StatusCode, http.StatusText(e.StatusCode))
	if e.Body != "" {
		text += fmt.Sprintf(": %q", e.Body)
	}
	return text
}
