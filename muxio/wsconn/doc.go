// Package wsconn makes a WebSocket connection a [muxio.Transport]. It depends
// on no WebSocket library: [Conn] lists the methods that it needs, and the
// connection type of gorilla/websocket has them. The ends of a connection
// differ only in how it comes about, so dialing and upgrading live elsewhere.
//
// A [Transport] carries binary messages only. It bounds their size, answers
// pings, sends its own, and gives up on a peer that is silent or does not read.
package wsconn
