// Command peer is the server that the tests of muxio-js talk to, and the web
// server of the page that runs them in a browser.
//
//	peer [FOLDER]
//
// It listens on two free ports of the loopback interface and prints a line for
// each: the URL of a web server, and the address of plain streams of bytes. /ws
// is the WebSocket; FOLDER is served under /files/; what is posted to /report is
// printed as one line. It ends with its standard input.
package main
