package rpc

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Limits of an error on the wire, in bytes. [AppendError] cuts longer texts,
// [ParseError] refuses them.
const (
	// MaxErrorReason bounds [Error.Reason].
	MaxErrorReason = 128
	// MaxErrorMessage bounds [Error.Message].
	MaxErrorMessage = 4096
	// MaxErrorDetails bounds the number of [Error.Details], MaxDetailBytes the
	// types and values of them together. What exceeds them is left out.
	MaxErrorDetails = 16
	MaxDetailBytes  = 16 << 10
)

// AppendError appends the encoding of e to dst: one byte of code, then reason
// and message, each as its length and its bytes, and the details: their count,
// then type and value of each. Texts over their limit are cut between characters.
func AppendError(dst []byte, e *Error) []byte {
	w := BuildBytes(append(dst, byte(e.Code)))
	w.Bytes([]byte(cut(e.Reason, MaxErrorReason)))
	w.Bytes([]byte(cut(e.Message, MaxErrorMessage)))
	details := e.sendable()
	if len(details) == 0 {
		return w.Appended()
	}
	w.Uvarint(uint64(len(details)))
	for _, d := range details {
		w.Bytes([]byte(d.Type))
		w.Bytes(d.Value)
	}
	return w.Appended()
}

// sendable returns the details that are within the limits.
func (e *Error) sendable() []Detail {
	n, total := 0, 0
	for n < len(e.Details) && n < MaxErrorDetails {
		if total += len(e.Details[n].Type) + len(e.Details[n].Value); total > MaxDetailBytes {
			break
		}
		n++
	}
	return e.Details[:n]
}

// cut returns the longest prefix of s within limit bytes that ends between two
// characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// ParseError decodes what [AppendError] wrote. Codes that this version does not
// know are kept as they are; bytes that are not UTF-8 become U+FFFD. The result
// does not alias b. The error wraps [ErrMalformed].
func ParseError(b []byte) (*Error, error) {
	c := NewCursor(b)
	var e Error
	if code := c.Take(1); len(code) == 1 {
		e.Code = Code(code[0])
	}
	e.Reason = c.text(MaxErrorReason)
	e.Message = c.text(MaxErrorMessage)
	if c.Len() > 0 {
		e.Details = c.details()
	}
	if err := c.End(); err != nil {
		return nil, err
	}
	return &e, nil
}

// details takes the details of an error.
func (c *Cursor) details() []Detail {
	n := c.Uvarint()
	if n > MaxErrorDetails || n == 0 {
		c.Fail(errRange)
		return nil
	}
	total := 0
	list := make([]Detail, 0, n)
	for range n {
		d := Detail{Type: c.text(MaxDetailBytes), Value: bytes.Clone(c.Bytes())}
		if total += len(d.Type) + len(d.Value); total > MaxDetailBytes {
			c.Fail(errRange)
			return nil
		}
		list = append(list, d)
	}
	return list
}

// text takes a length and as many bytes of text, at most limit.
func (c *Cursor) text(limit int) string {
	b := c.Bytes()
	if len(b) > limit {
		c.Fail(errRange)
		return ""
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
