// Package muxio multiplexes many byte streams over one connection.
//
// A [Session] runs over a [Transport], which carries whole messages: a
// WebSocket, a Unix socket, or [Pipe] in a test. Either end of a session may
// open streams at any time. A stream runs one way: its opener sends with
// [SendStream.Send], the other end receives through a [Receiver].
//
// # Flow control
//
// A sender may have no more bytes under way on a stream than its receiver has
// granted: [InitialCredit] at first, and what [RecvStream.Grant] gives back. A
// receiver that does not keep up stops that stream and no other, and what a
// session holds in memory stays within its [Limits].
//
// # Writing
//
// One goroutine writes. Everything that is queued when it comes round leaves
// as one message, so many small frames cost one system call. Small slices are
// copied into the queue; large ones are passed to the transport as they are,
// and the Send that brought them returns when the transport has let go.
//
// # Errors
//
// A peer that breaks the protocol or exceeds a limit is disconnected with a
// [CloseReason] that says so. When a session ends, for whatever reason, every
// blocked Send returns and every Receiver is told.
//
// # The original protocol
//
// With [LayoutOriginal] and the like a session speaks to programs that know no muxio.v1:
// without flow control, pings or an announced end.
//
// WIRE.md beside this file describes the bytes.
package muxio
