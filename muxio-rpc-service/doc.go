// Package rpc holds what both ends of a call share: methods and their ids,
// codecs, status and error values, and the connection that carries calls in
// both directions.
//
// A method is a value, usually a package variable of a package that both ends
// import: a name and a codec for each message. Its types make the compiler
// check the calling and the answering end alike, without a code generator.
// [Method] is one request and one response; [ClientStreamMethod],
// [ServerStreamMethod] and [BothWaysMethod] stream items after the request. On
// the wire a method goes by its [MethodID], the XXH3-64 hash of its name.
//
// There are three ways to a [Codec]:
//   - [Binary] makes one for almost any plain Go type, by reflection;
//   - [Builder] and [Cursor] make hand-written ones short and safe, and nearly
//     as fast as copying the bytes; a [PieceCodec] does not even copy them;
//   - [Bytes] and [Empty] are for byte streams and for nothing.
//
// All of them read bytes of a peer that may be hostile: what they allocate is
// bounded by the bytes that are there, and what is not exactly one encoding of
// the type is refused with [ErrMalformed].
//
// A failed call is an [*Error] with a [Code]; errors.Is(err, rpc.NotFound) asks
// for the code of any error that wraps one.
//
// [Conn] makes and answers calls over one transport. Programs rarely use it
// directly: package caller makes typed calls through it and package endpoint
// answers them.
package rpc
