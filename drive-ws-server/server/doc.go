// Package server answers the calls of package driveservice from one open drive,
// over WebSocket connections that an HTTP server hands to it.
//
//	store, err := drive.Open("data.drive", drive.Options{})
//	...
//	srv, err := server.New(store, server.Options{})
//	...
//	err = http.Serve(listener, srv) // answers on /ws
//
// The store stays the caller's: close it after [Server.Shutdown] has returned.
//
// A call that arrives after a client has received the response of a write sees
// that write, on whichever connection it arrives. Every value is verified
// against its checksum before it is sent, or while it is sent if it travels as
// a stream. Values are copied out of the file mapping before they are sent, so
// that a file that is cut while it is served costs errors, not the program.
package server
