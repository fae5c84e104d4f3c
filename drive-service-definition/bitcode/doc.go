// Package bitcode has the building blocks of messages as the Rust crate bitcode
// 0.6 derives them from structs. A message is stored column by column, and each
// column in one of a few codes:
//
//	bits(n)   n flags, eight to a byte, the first in the lowest bit
//	bytes(n)  n bytes, packed when they are small or close to each other
//	ints(n)   n numbers of 64 bits, in the width that the largest one needs
//	lens(n)   n lengths: bytes(n), where 255 says that ints has the length
//	strs(n)   n byte strings: lens(n), then bytes of all of them together
//	text      lens(1), then the bytes of the text as they are
//
// There is no version and no name of a type in a message: the reader knows its
// columns and, from earlier ones, how many elements each has.
//
// Functions that begin with Put append a column to an [rpc.Builder]; those that
// begin with Take take one from an [rpc.Cursor], whose first fault sticks. Each
// fault wraps [rpc.ErrMalformed]. No function blocks or keeps state, so all may
// be used from any number of goroutines, each with its own Builder and Cursor.
//
// # Memory
//
// Take functions compare a column with the bytes that are left before they
// allocate for it. Raw columns are not copied: strings alias the message.
// Packed ones are unpacked in one allocation of at most eight bytes for each
// byte of the message, so a message of N bytes costs at most 8N bytes here, plus
// what the caller allocates for each element of a list. An element needs as
// little as one bit of the message: a caller bounds lists with the limit that
// [TakeCount] asks for.
package bitcode
