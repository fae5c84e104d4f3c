// Package wsclient opens RPC connections over WebSocket. Both ends of such a
// connection may call each other: [Client.Conn] makes calls, and the handler in
// [Options] answers those of the server.
//
// A [Client] is one connection. When it ends it stays ended, calls fail with
// [rpc.Unavailable], and [Client.Done] is closed; there is no reconnect, since
// only the caller knows which calls may be repeated.
package wsclient
