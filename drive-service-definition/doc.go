// Package driveservice is the contract between a drive's server and its
// clients: the methods, their messages, and the reasons of failures. Both ends
// import it, so the compiler checks that they agree.
//
// The messages are encoded as kelindar/binary encodes the same structs, but by
// hand-written codecs that bound every length by the bytes that are there. What
// Parse returns aliases the bytes it was given: a handler that keeps a key or a
// value beyond the call has to copy it.
//
// The names that begin with Original belong to another dialect, see
// [OriginalRead]: methods and messages of clients and servers written in Rust.
package driveservice
