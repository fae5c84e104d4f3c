package muxio

import (
	"encoding/binary"
	"strings"
)

// What part two of WIRE.md describes, written down here once more by hand.

// Ids of methods: XXH3-64 of their names.
const (
	echoName  = "example.echo"
	echoID    = 0x80f470297f34e7c6
	countName = "example.count"
	countID   = 0xef939bfd668a6031
)

type headerVector struct {
	Name     string        `json:"name"`
	Bytes    hexBytes      `json:"bytes"`
	Type     uint8         `json:"type"`
	Request  uint32        `json:"request"`
	Method   string        `json:"method"`
	MethodID uint64        `json:"method_id,string"`
	Status   *uint8        `json:"status,omitempty"`
	Fields   []fieldVector `json:"fields,omitempty"`
	// Error is the code of the error with which the call fails.
	Error uint8 `json:"error,omitempty"`

	rest []byte // behind the fields
}

// fieldVector is one field: its tag, its bytes, and what they mean.
type fieldVector struct {
	Tag      uint8    `json:"tag"`
	Bytes    hexBytes `json:"bytes"`
	Timeout  *uint64  `json:"timeout_us,string,omitempty"`
	Key      string   `json:"key,omitempty"`
	Value    hexBytes `json:"value,omitempty"`
	Priority *uint8   `json:"priority,omitempty"`
	Size     *uint64  `json:"size,string,omitempty"`
}

func timeoutField(microseconds uint64) fieldVector {
	return fieldVector{Tag: 1, Bytes: binary.AppendUvarint(nil, microseconds), Timeout: &microseconds}
}

func metadataField(key, value string) fieldVector {
	b := binary.AppendUvarint(nil, uint64(len(key)))
	return fieldVector{Tag: 2, Bytes: append(append(b, key...), value...), Key: key, Value: hexBytes(value)}
}

func priorityField(p uint8) fieldVector {
	return fieldVector{Tag: 3, Bytes: hexBytes{p}, Priority: &p}
}

func sizeField(n uint64) fieldVector {
	return fieldVector{Tag: 4, Bytes: binary.AppendUvarint(nil, n), Size: &n}
}

func headerVectors() []headerVector {
	ok, fail, none := uint8(0), uint8(1), uint8(3)
	list := append([]headerVector{
		{Name: "call", Request: 7},
		{Name: "call with a timeout of 1.5 seconds", Request: 7, Fields: []fieldVector{timeoutField(1_500_000)}},
		{Name: "call of low priority", Request: 7, Fields: []fieldVector{priorityField(0)}},
		{Name: "call of high priority", Request: 7, Fields: []fieldVector{priorityField(2)}},
		{Name: "call with metadata", Request: 7, Fields: []fieldVector{metadataField("trace-id", "\x00\xff"), metadataField("a", ""), metadataField("a", "b")}},
		{Name: "call with everything", Request: 1<<31 - 2, Fields: []fieldVector{timeoutField(250), priorityField(2), metadataField("trace-id", "4bf92f")}},
		{Name: "call with a long value", Request: 7, Fields: []fieldVector{metadataField("long", strings.Repeat("x", 200))}},
		{Name: "call that tells the size of its message", Request: 7, Fields: []fieldVector{sizeField(1 << 40)}},
		{Name: "call with an unknown field, to be skipped", Request: 7, Fields: []fieldVector{{Tag: 0x7f, Bytes: hexBytes("?")}, timeoutField(1)}},
		{Name: "call with an unknown field that must be understood", Request: 7, Fields: []fieldVector{{Tag: 0x80, Bytes: hexBytes("?")}}, Error: 12},
		{Name: "response", Type: 1, Request: 7, Status: &ok},
		{Name: "response with metadata", Type: 1, Request: 7, Status: &ok, Fields: []fieldVector{metadataField("took", "3 ms")}},
		{Name: "response: an error", Type: 1, Request: 7, Status: &fail},
		{Name: "response: the method is not answered here", Type: 1, Request: 7, Status: &none},
	}, refusedHeaders()...)
	for i := range list {
		list[i].Method, list[i].MethodID = echoName, echoID
		list[i].Bytes = list[i].encode()
	}
	return list
}

// refusedHeaders are those with malformed fields.
func refusedHeaders() (list []headerVector) {
	const invalidArgument, unimplemented, internal = 3, 12, 13
	long := strings.Repeat("k", 129)
	raw := func(tag uint8, b ...byte) fieldVector { return fieldVector{Tag: tag, Bytes: b} }
	for _, v := range []struct {
		name   string
		fields []fieldVector
		rest   string
	}{
		{"two timeouts", []fieldVector{timeoutField(1), timeoutField(1)}, ""},
		{"two priorities", []fieldVector{priorityField(1), priorityField(1)}, ""},
		{"two sizes", []fieldVector{sizeField(1), sizeField(1)}, ""},
		{"a timeout of no bytes", []fieldVector{raw(1)}, ""},
		{"a timeout that is cut short", []fieldVector{raw(1, 0x80)}, ""},
		{"a timeout not in its shortest form", []fieldVector{raw(1, 0x81, 0)}, ""},
		{"a timeout of more than 64 bits", []fieldVector{raw(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2)}, ""},
		{"a timeout with a byte behind it", []fieldVector{raw(1, 1, 0)}, ""},
		{"a size with a byte behind it", []fieldVector{raw(4, 1, 0)}, ""},
		{"a priority of 3", []fieldVector{raw(3, 3)}, ""},
		{"a priority of no bytes", []fieldVector{raw(3)}, ""},
		{"a priority of two bytes", []fieldVector{raw(3, 1, 1)}, ""},
		{"an empty key", []fieldVector{raw(2, 0)}, ""},
		{"an upper-case key", []fieldVector{raw(2, 1, 'A')}, ""},
		{"a key of 129 bytes", []fieldVector{raw(2, append([]byte{0x81, 1}, long...)...)}, ""},
		{"a key longer than its field", []fieldVector{raw(2, 2, 'a')}, ""},
		{"a tag without a length", nil, "\x01"},
		{"a field longer than the header", nil, "\x7f\x02a"},
		{"a length not in its shortest form", nil, "\x7f\x81\x00a"},
	} {
		list = append(list, headerVector{Name: "call with " + v.name, Request: 7, Fields: v.fields, rest: []byte(v.rest), Error: invalidArgument})
	}
	ok := uint8(0)
	return append(list,
		headerVector{Name: "response with an upper-case key", Type: 1, Request: 7, Status: &ok, Fields: []fieldVector{raw(2, 1, 'A')}, Error: internal},
		headerVector{Name: "response with an unknown field that must be understood", Type: 1, Request: 7, Status: &ok, Fields: []fieldVector{raw(0x80)}, Error: unimplemented},
	)
}

func (h headerVector) encode() []byte {
	var rest []byte
	if h.Status != nil {
		rest = append(rest, *h.Status)
	}
	for _, f := range h.Fields {
		rest = append(rest, f.Tag)
		rest = binary.AppendUvarint(rest, uint64(len(f.Bytes)))
		rest = append(rest, f.Bytes...)
	}
	rest = append(rest, h.rest...)
	b := binary.LittleEndian.AppendUint32([]byte{h.Type}, h.Request)
	b = binary.LittleEndian.AppendUint64(b, h.MethodID)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(rest)))
	return append(b, rest...)
}

type errorVector struct {
	Name    string         `json:"name"`
	Bytes   hexBytes       `json:"bytes"`
	Code    uint8          `json:"code"`
	Reason  string         `json:"reason"`
	Message string         `json:"message"`
	Details []detailVector `json:"details,omitempty"`
	// Refused tells that the bytes are no error.
	Refused bool `json:"refused,omitempty"`
}

type detailVector struct {
	Type  string   `json:"type"`
	Value hexBytes `json:"value"`
}

func errorVectors() []errorVector {
	list := []errorVector{
		{Name: "a code and nothing else", Code: 1},
		{Name: "not found", Code: 5, Reason: "thing.missing", Message: "no thing by the name é"},
		{Name: "a message of 200 bytes", Code: 13, Message: strings.Repeat("m", 200)},
		{Name: "with details", Code: 8, Reason: "quota.daily", Message: "try tomorrow", Details: []detailVector{
			{Type: "example.quota", Value: hexBytes{1, 2, 3}}, {Type: "", Value: nil},
		}},
		{Name: "a code of the future", Code: 200, Message: "?"},
	}
	for i := range list {
		list[i].Bytes = list[i].encode()
	}
	for _, v := range []struct{ name, bytes string }{
		{"no code", ""},
		{"no message", "\x05\x00"},
		{"a message that is cut short", "\x05\x00\x02a"},
		{"a length not in its shortest form", "\x05\x80\x00\x00"},
		{"a reason of 129 bytes", "\x05\x81\x01" + strings.Repeat("r", 129) + "\x00"},
		{"a message of 4,097 bytes", "\x05\x00\x81\x20" + strings.Repeat("m", 4097)},
		{"a count of no details", "\x05\x00\x00\x00"},
		{"17 details", "\x05\x00\x00\x11" + strings.Repeat("\x00\x00", 17)},
		{"a detail without a value", "\x05\x00\x00\x01\x01t"},
		{"a byte behind the details", "\x05\x00\x00\x01\x01t\x00\x00"},
	} {
		list = append(list, errorVector{Name: "refused: " + v.name, Bytes: hexBytes(v.bytes), Refused: true})
	}
	return list
}

func (e errorVector) encode() []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b := text(text([]byte{e.Code}, e.Reason), e.Message)
	if len(e.Details) > 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Details)))
	}
	for _, d := range e.Details {
		b = text(text(b, d.Type), string(d.Value))
	}
	return b
}

// messageVector is one message of a streaming call, or what closes a response.
type messageVector struct {
	Name    string   `json:"name"`
	Bytes   hexBytes `json:"bytes"`
	Payload hexBytes `json:"payload"`
	Closing bool     `json:"closing"`
}

func messageVectors() []messageVector {
	long := strings.Repeat("x", 127)
	return []messageVector{
		{"empty message", hexBytes{1}, nil, false},
		{"one byte", hexBytes("\x02a"), hexBytes("a"), false},
		{"127 bytes", hexBytes("\x80\x01" + long), hexBytes(long), false},
		{"success: nothing follows", hexBytes{0, 0}, hexBytes{0}, true},
		{"failure with code not found: nothing follows", hexBytes{0, 1, 5, 0, 0}, hexBytes{1, 5, 0, 0}, true},
	}
}

// conversationVector is what both ends say after the connection was opened.
type conversationVector struct {
	Name  string       `json:"name"`
	Steps []stepVector `json:"steps"`
}

type stepVector struct {
	From  string   `json:"from"`
	What  string   `json:"what"`
	Bytes hexBytes `json:"bytes"`
}

func conversationVectors() []conversationVector {
	const theirs = responderBit
	call := func(id uint64, fields ...fieldVector) []byte {
		return headerVector{Request: 0, MethodID: id, Fields: fields}.encode()
	}
	response := func(id uint64, status uint8) []byte {
		return headerVector{Type: 1, MethodID: id, Status: &status}.encode()
	}
	step := func(from, what string, frames ...Frame) stepVector {
		var b []byte
		for _, f := range frames {
			b = Layout13.Append(b, f)
		}
		return stepVector{From: from, What: what, Bytes: b}
	}
	whole := func(stream uint32, parts ...[]byte) []Frame {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return []Frame{{Stream: stream, Kind: Open, Payload: b}, {Stream: stream, Seq: 1, Kind: End}}
	}
	opening := []stepVector{
		step("initiator", "settings: all defaults", Frame{Stream: connectionID, Kind: Settings}),
		step("responder", "settings: all defaults", Frame{Stream: connectionID, Kind: Settings}),
	}
	with := func(steps ...stepVector) []stepVector { return append(opening[:2:2], steps...) }
	return []conversationVector{
		{"unary call of " + echoName, with(
			step("initiator", "call with the request hello", whole(0, call(echoID), []byte("hello"))...),
			step("responder", "response hello", whole(theirs, response(echoID, 0), []byte("hello"))...),
		)},
		{"unary call that fails", with(
			step("initiator", "call with the request fail, a timeout of 2 s", whole(0, call(echoID, timeoutField(2_000_000)), []byte("fail"))...),
			step("responder", "response: not found", whole(theirs, response(echoID, 1), errorVectors()[1].Bytes)...),
		)},
		{"unary call of a method that is not answered", with(
			step("initiator", "call", whole(0, call(1))...),
			step("responder", "response", whole(theirs, response(1, 3))...),
		)},
		{"streaming call of " + countName + ", both ends send items", with(
			step("initiator", "request, first item", Frame{Stream: 0, Kind: Open, Payload: append(call(countID), "\x03go"...)},
				Frame{Stream: 0, Seq: 1, Kind: Data, Payload: []byte("\x02a")}),
			step("responder", "first item", Frame{Stream: theirs, Kind: Open, Payload: append(response(countID, 0), "\x021"...)}),
			step("initiator", "second item, end of the request", Frame{Stream: 0, Seq: 2, Kind: Data, Payload: []byte("\x03bb")}, Frame{Stream: 0, Seq: 3, Kind: End}),
			step("responder", "second item, success", Frame{Stream: theirs, Seq: 1, Kind: Data, Payload: []byte("\x022")},
				Frame{Stream: theirs, Seq: 2, Kind: Data, Payload: []byte{0, 0}}, Frame{Stream: theirs, Seq: 3, Kind: End}),
		)},
		{"streaming call that the caller gives up", with(
			step("initiator", "request, first item", Frame{Stream: 0, Kind: Open, Payload: append(call(countID), "\x03go"...)},
				Frame{Stream: 0, Seq: 1, Kind: Data, Payload: []byte("\x02a")}),
			step("responder", "first item", Frame{Stream: theirs, Kind: Open, Payload: append(response(countID, 0), "\x021"...)}),
			step("initiator", "cancel, code canceled", Frame{Stream: 0, Kind: Cancel, Payload: []byte{1, 0, 0, 0}}),
			step("responder", "cancel, code canceled", Frame{Stream: theirs, Kind: Cancel, Payload: []byte{1, 0, 0, 0}}),
		)},
		{"the responder shuts down", with(
			step("responder", "going away", goAwayFrame(CloseReason{Code: CloseGoingAway, Text: "server is shutting down"})),
			step("initiator", "goodbye, over a stream of bytes", goAwayFrame(CloseReason{Code: CloseNormal})),
		)},
	}
}
