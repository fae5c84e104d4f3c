// Drive-ws-server serves one drive file over WebSocket:
//
//	drive-ws-server STORAGE [--host 127.0.0.1] [--port 34129] [--read-only]
//
// When it is ready it prints its address, such as ws://127.0.0.1:34129/ws, on a
// line of its own on standard output; logs go to standard error. SIGTERM and
// SIGINT let the calls in flight finish, close the file and end the program
// with status 0; a second signal ends it at once. A wrong command line ends
// with status 2, any other failure with status 1 and one line on standard
// error.
//
// Package server, in the folder of that name, is the same service to embed in
// another program.
package main
