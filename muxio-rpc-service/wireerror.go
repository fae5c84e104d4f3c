package rpc

import (
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
)

// AppendError appends the encoding of e to dst: one byte of code, then reason
// and message, each as its length and its bytes. Texts over their limit are cut
// between characters.
func AppendError(dst []byte, e *Error) []byte {
	w := BuildBytes(append(dst, byte(e.Code)))
	w.Bytes([]byte(cut(e.Reason, MaxErrorReason)))
	w.Bytes([]byte(cut(e.Message, MaxErrorMessage)))
	return w.Appended()
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
	if err := c.End(); err != nil {
		return nil, err
	}
	return &e, nil
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
