package rpc

// Codec turns values of one type into bytes and back. A codec is safe for
// concurrent use.
type Codec[T any] interface {
	// Append appends the encoding of v to dst and returns the longer slice.
	Append(dst []byte, v T) ([]byte, error)

	// Parse decodes a value from b, which holds exactly one encoding. The
	// result may alias b. Parse is fed by the peer: it refuses truncated
	// input, trailing bytes, and lengths beyond the bytes that are there
	// before it allocates for them.
	Parse(b []byte) (T, error)
}

// PieceCodec is a [Codec] that can hand large parts of a value over by
// reference.
type PieceCodec[T any] interface {
	Codec[T]

	// AppendMessage encodes v like Append, byte for byte, but leaves large
	// parts where they are and refers to them in [Message.More]. They must not
	// change until the message has been sent.
	AppendMessage(dst []byte, v T) (Message, error)
}

// AppendMessage appends the encoding of v to dst, with large parts by reference
// when c is a [PieceCodec].
func AppendMessage[T any](c Codec[T], dst []byte, v T) (Message, error) {
	if pc, ok := c.(PieceCodec[T]); ok {
		return pc.AppendMessage(dst, v)
	}
	b, err := c.Append(dst, v)
	return Message{Bytes: b}, err
}

// Bytes is the codec of plain bytes: the encoding is the bytes themselves, so
// the result of Parse aliases its input. Byte streams use it.
var Bytes PieceCodec[[]byte] = bytesCodec{}

type bytesCodec struct{}

func (bytesCodec) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }

func (bytesCodec) Parse(b []byte) ([]byte, error) { return b, nil }

func (bytesCodec) AppendMessage(dst, v []byte) (Message, error) {
	if len(dst) == 0 && len(v) >= MinPieceBytes {
		return Message{Bytes: v, Lent: true}, nil
	}
	w := BuildMessage(dst)
	w.Raw(v)
	return w.Message(nil), nil
}

// Empty is the codec of messages without content. Their encoding has no bytes.
var Empty Codec[struct{}] = emptyCodec{}

type emptyCodec struct{}

func (emptyCodec) Append(dst []byte, _ struct{}) ([]byte, error) { return dst, nil }

func (emptyCodec) Parse(b []byte) (struct{}, error) {
	c := NewCursor(b)
	return struct{}{}, c.End()
}
