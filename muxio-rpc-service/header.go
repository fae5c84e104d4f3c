package rpc

import (
	"encoding/binary"
	"errors"
)

// messageType is the first byte of an RPC message.
type messageType uint8

const (
	callMessage     messageType = 0
	responseMessage messageType = 1
)

// status is the metadata byte of a response.
type status uint8

const (
	// statusOK: the payload is the response.
	statusOK status = 0
	// statusFail: the payload is an encoded Error.
	statusFail status = 1
	// statusSystem: the payload is a text.
	statusSystem status = 2
	// statusNoMethod: the method is not answered here.
	statusNoMethod status = 3
)

// headerBytes is the size of the fixed part of an RPC header, which opens
// every stream. All numbers are little-endian:
//
//	| type u8 | request u32 | method u64 | m u16 | m bytes of metadata |
//
// The metadata of a call are fields (parseFields), that of a response are a status
// byte and then fields.
const headerBytes = 15

// header is the beginning of an RPC message.
type header struct {
	typ messageType
	// request correlates a response with its call; the caller takes the id
	// of the stream that the call went out on.
	request  uint32
	method   MethodID
	metadata []byte
}

func appendHeader(dst []byte, h header) []byte {
	dst = append(dst, byte(h.typ))
	dst = binary.LittleEndian.AppendUint32(dst, h.request)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.method))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(h.metadata)))
	return append(dst, h.metadata...)
}

// parseHeader takes the header from the front of b; ok is false while b does
// not hold all of it. The metadata aliases b.
func parseHeader(b []byte) (h header, rest []byte, ok bool) {
	if len(b) < headerBytes {
		return h, b, false
	}
	end := headerBytes + int(binary.LittleEndian.Uint16(b[13:]))
	if len(b) < end {
		return h, b, false
	}
	h.typ = messageType(b[0])
	h.request = binary.LittleEndian.Uint32(b[1:])
	h.method = MethodID(binary.LittleEndian.Uint64(b[5:]))
	h.metadata = b[headerBytes:end:end]
	return h, b[end:], true
}

// Messages of a streaming call follow each other in the stream's bytes, each
// behind its size plus one as a uvarint. A zero instead closes a response: a
// status byte follows it, and for a failure the encoded Error up to the end of
// the stream. A response that ends without is incomplete.
const closingMark = 0

// appendSize appends the mark in front of a message of n bytes.
func appendSize(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)+1) }

// maxErrorBytes bounds the encoded Error of a response: code, two lengths and
// two texts, and the details with their count and lengths.
const maxErrorBytes = 1 + 2 + 2 + MaxErrorReason + MaxErrorMessage + 1 + 6*MaxErrorDetails + MaxDetailBytes

// appendCallHeader appends the header of a call.
func appendCallHeader(dst []byte, id uint32, method MethodID, f fields) []byte {
	begin := len(dst)
	dst = appendHeader(dst, header{typ: callMessage, request: id, method: method})
	dst = appendFields(dst, f)
	return closeHeader(dst, begin)
}

// appendResponseHeader appends the header of the response to a call.
func appendResponseHeader(dst []byte, to header, s status, f fields) []byte {
	begin := len(dst)
	dst = appendHeader(dst, header{typ: responseMessage, request: to.request, method: to.method})
	dst = appendFields(append(dst, byte(s)), f)
	return closeHeader(dst, begin)
}

// closeHeader fills in how many bytes follow the fixed part of the header at begin.
func closeHeader(dst []byte, begin int) []byte {
	binary.LittleEndian.PutUint16(dst[begin+13:], uint16(len(dst)-begin-headerBytes))
	return dst
}

// responseStatus reads the status of a response header and its fields. A response
// without a status counts as successful.
func responseStatus(h header) (status, fields, error) {
	if len(h.metadata) == 0 {
		return statusOK, fields{}, nil
	}
	f, err := parseFields(h.metadata[1:])
	if errors.Is(err, InvalidArgument) { // which would say that the caller's request is wrong
		err = Errorf(Internal, "response: %s", ErrorFrom(err).Message)
	}
	return status(h.metadata[0]), f, err
}

// failure returns the error that a response with status s and the given
// payload stands for, nil for statusOK.
func failure(s status, payload []byte) error {
	switch s {
	case statusOK:
		return nil
	case statusFail:
		e, err := ParseError(payload)
		if err != nil {
			return Errorf(Internal, "undecodable error from the peer")
		}
		return e
	case statusSystem:
		return &Error{Code: Internal, Message: cut(string(payload), MaxErrorMessage)}
	case statusNoMethod:
		return &Error{Code: Unimplemented, Message: "the peer does not answer this method"}
	default:
		return Errorf(Internal, "response with unknown status %d", s)
	}
}

// appendFailure appends the status byte and payload that stand for e.
func appendFailure(dst []byte, e *Error) []byte {
	return AppendError(append(dst, byte(statusFail)), e)
}
