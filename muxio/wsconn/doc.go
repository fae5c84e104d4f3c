// Package wsconn makes a WebSocket connection a [muxio.Transport]. It reads and writes
// the frames of RFC 6455 itself and depends on no WebSocket library. The ends of
// a connection differ only in how it comes about, so dialing and upgrading live
// elsewhere: [New] begins where the handshake ends.
//
// A [Transport] carries binary messages only. It bounds their size, answers
// pings, sends its own, and gives up on a peer that is silent or does not read.
package wsconn
