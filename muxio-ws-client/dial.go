package wsclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// Dial opens a connection to rawURL, which has the scheme ws or wss. ctx bounds
// the handshake only. It fails with [ErrBadURL], with a [*HandshakeError] when
// the other end answered but did not accept, with [ErrNoAnswer] when it accepted and
// does not answer, and otherwise with an error that wraps the network's or that of TLS.
func Dial(ctx context.Context, rawURL string, opts Options) (*Client, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	network, subprotocol, err := handshake(ctx, u, opts)
	if err != nil {
		return nil, err
	}
	spoken := opts.Protocol.chosen(subprotocol)
	conn, err := rpc.NewConn(wsconn.New(network.Conn, opts.transport(network.rest)), opts.conn(spoken))
	if err != nil {
		return nil, fmt.Errorf("wsclient: %w", err)
	}
	if conn.IsOriginal() {
		if err := probe(ctx, conn, spoken); err != nil {
			_ = conn.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "no answer"})
			conn.Wait()
			return nil, err
		}
	}
	return &Client{conn: conn, protocol: spoken}, nil
}

// parseURL accepts what RFC 6455 section 3 allows, and says what is wrong with
// anything else. Its errors do not repeat a password.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The error of url.Parse quotes the address with all that is in it.
		return nil, fmt.Errorf("%w: it does not parse", ErrBadURL)
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("%w %q: the scheme must be ws or wss", ErrBadURL, u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w %q: no host", ErrBadURL, u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("%w %q: put credentials into a header", ErrBadURL, u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("%w %q: it has a fragment", ErrBadURL, u.Redacted())
	}
	return u, nil
}

// handshake opens a WebSocket and returns the connection below it, and the subprotocol
// that the server selected.
func handshake(ctx context.Context, u *url.URL, opts Options) (*handshakeConn, string, error) {
	timeout := opts.HandshakeTimeout
	if timeout <= 0 {
		timeout = DefaultHandshakeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	guard := newDialGuard(ctx, opts)
	dialer := &websocket.Dialer{
		NetDialContext:    guard.DialContext,
		NetDialTLSContext: guard.DialTLSContext,
	}
	if opts.Protocol.offers() {
		dialer.Subprotocols = []string{wsconn.Subprotocol}
	}
	//nolint:bodyclose // gorilla/websocket replaces the body by what it has read
	ws, resp, err := dialer.DialContext(context.WithoutCancel(ctx), u.String(), opts.Header)
	ended := !guard.release()
	switch {
	case ended || (err != nil && ctx.Err() != nil):
		return nil, "", fmt.Errorf("wsclient: dial %s: %w", u.Redacted(), ctx.Err())
	case err != nil && resp != nil:
		return nil, "", refusal(u, resp)
	case err != nil:
		return nil, "", fmt.Errorf("wsclient: dial %s: %w", u.Redacted(), err)
	}
	if reason := unfit(resp, ws.Subprotocol(), opts.Protocol); reason != "" {
		_ = ws.Close()
		return nil, "", &HandshakeError{URL: u.Redacted(), StatusCode: resp.StatusCode, Header: resp.Header, Reason: reason}
	}
	return guard.conn, ws.Subprotocol(), nil // that of ws, which has read what was for it
}

// refusal describes a response that did not open a WebSocket.
func refusal(u *url.URL, resp *http.Response) *HandshakeError {
	// The body is in memory already and cut; a part of it still explains.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes))
	reason := "the server did not open a WebSocket"
	if resp.StatusCode == http.StatusSwitchingProtocols {
		reason = "the response is not a valid WebSocket handshake"
	}
	return &HandshakeError{
		URL:        u.Redacted(),
		StatusCode: resp.StatusCode,
		Header:     resp.Header,
		Body:       strings.TrimSpace(strings.ToValidUTF8(string(body), "\uFFFD")),
		Reason:     reason,
	}
}

// unfit says why an open WebSocket cannot be used, or nothing.
func unfit(resp *http.Response, subprotocol string, p Protocol) string {
	switch {
	case subprotocol == "" && p == Native:
		return "the server did not select the subprotocol " + wsconn.Subprotocol
	case subprotocol != "" && !p.offers():
		return fmt.Sprintf("the server selected the subprotocol %q, asked for was none", subprotocol)
	case subprotocol != "" && subprotocol != wsconn.Subprotocol:
		return fmt.Sprintf("the server selected the subprotocol %q, asked for was %s", subprotocol, wsconn.Subprotocol)
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		// Compression would evade the limit on the size of messages.
		return "the server selected an extension that was not offered"
	}
	return ""
}
