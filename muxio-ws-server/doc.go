// Package wsserver accepts RPC connections over WebSocket. A [Server] is an
// [http.Handler], to be mounted on any path beside other handlers. Both ends of
// a connection may call each other: Options.Handler answers the clients, and
// Options.OnConnect hands out each connection, so that the server can call them.
//
// # What the HTTP server has to add
//
// Until the upgrade, a connection belongs to net/http: set ReadHeaderTimeout
// there, or clients that never finish their request stay for ever. Its other
// timeouts end with the upgrade. net/http's Shutdown does not know upgraded
// connections: call [Server.Shutdown] as well.
package wsserver
