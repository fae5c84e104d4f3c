package muxio

// A Transport carries whole messages between two peers, in order and without
// loss: a WebSocket (package wsconn), a stream of bytes (package streamconn), or
// [Pipe] in a test.
//
// A session calls ReadMessage from one goroutine, and WriteMessage from any, but one
// call at a time; Close may be called from any goroutine and any number of times.
type Transport interface {
	// ReadMessage returns the next bytes of the peer: a message, or a part of a
	// long one. They belong to the transport and are valid until the next call. It returns [io.EOF] after the peer
	// closed the connection in good order, and a [*CloseError] when the peer
	// gave a reason other than [CloseNormal]. A transport that has no goodbye
	// of its own returns [io.ErrUnexpectedEOF]: then a GoAway frame that came
	// last is the reason, see [AppendGoodbye].
	ReadMessage() ([]byte, error)

	// WriteMessage sends the pieces, one after the other, as one message. It
	// neither changes nor keeps them: when it returns, the pieces may be
	// reused. A transport that cannot make progress must fail after a bounded
	// time, or the session above it cannot end.
	WriteMessage(pieces [][]byte) error

	// Close tells the peer the reason, as far as the connection still allows,
	// and releases the transport. Pending ReadMessage and WriteMessage calls
	// return with an error.
	Close(reason CloseReason) error
}

// Acknowledger is a [Transport] that can tell the peer's system at once that its bytes
// have come. Peers of the original protocol send the last frame of a message by itself,
// and their systems may keep it back until the frames before are acknowledged, which
// takes 40 ms and more where nothing is to be sent.
type Acknowledger interface {
	// Acknowledge acknowledges what has been received. It is called from the
	// goroutine that reads.
	Acknowledge()
}

// A TryWriter is a [Transport] that can write without waiting for the peer. A read loop
// that answers then need not wake another goroutine to write for it; it must never wait
// itself, for two ends whose read loops wait for each other's would do so for ever.
type TryWriter interface {
	// TryWriteMessage is WriteMessage, but it writes only what the system takes at once.
	// If taken is false it did nothing: another message is being written, say. Else the
	// pieces may be reused. If flushed is false then, Flush must be called, and
	// nothing else be written before. [errors.ErrUnsupported] means that it will never
	// do anything; other errors are those of WriteMessage.
	TryWriteMessage(pieces [][]byte) (taken, flushed bool, err error)

	// Flush writes the rest of a message that TryWriteMessage has taken. It waits as
	// WriteMessage does.
	Flush() error
}

// CloseCode says why a connection ended. The numbers are those of RFC 6455
// section 7.4.1, so that a WebSocket transport can send them unchanged.
type CloseCode uint16

// Close codes that sessions use.
const (
	// CloseNormal ends a connection whose purpose is fulfilled.
	CloseNormal CloseCode = 1000
	// CloseGoingAway announces that this end is shutting down.
	CloseGoingAway CloseCode = 1001
	// CloseProtocolError answers bytes that violate the protocol.
	CloseProtocolError CloseCode = 1002
	// ClosePolicy answers a peer that exceeded a limit of this end.
	ClosePolicy CloseCode = 1008
	// CloseTooBig answers a message or frame over the size limit.
	CloseTooBig CloseCode = 1009
	// CloseInternal reports a failure of this end.
	CloseInternal CloseCode = 1011
)

// MaxCloseText is the longest close text in bytes that a WebSocket close frame
// can carry beside its code (RFC 6455 section 5.5).
const MaxCloseText = 123

// CloseReason is what one end tells the other when it closes a connection.
type CloseReason struct {
	Code CloseCode
	// Text explains the code to a person. Transports cut it to MaxCloseText.
	Text string
}
