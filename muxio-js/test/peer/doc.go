// Command peer is the server that the tests of muxio-js talk to, and the web
// server of the page that runs them in a browser.
//
//	peer [FOLDER]
//
// It listens on a free port of the loopback interface and prints one line with
// its URL. /ws is the WebSocket; FOLDER is served under /files/; what is posted
// to /report is printed as one line. It ends with its standard input.
package main
