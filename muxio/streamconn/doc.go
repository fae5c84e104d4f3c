// Package streamconn makes a stream of bytes a [muxio.Transport]: a TCP
// connection, a Unix socket, the standard streams of a process.
//
// [New] takes a connection that is there already. [Command] starts a program
// and speaks to its standard input and output; [Stdio] is the other end of
// that, inside of the program.
//
// A [Transport] reads into one buffer that it reuses, writes the pieces of a
// message in one system call where the system can, bounds the time of every
// write, and gives up on a peer that is silent: it sends a Ping frame from time
// to time, which the session at the other end answers.
//
// A stream of bytes has no goodbye of its own. [Transport.Close] writes a GoAway
// frame with the reason as the last thing before the end of the bytes;
// [Transport.ReadMessage] reports the end as [io.ErrUnexpectedEOF], and the
// session takes the last GoAway that it has seen as the reason.
package streamconn
