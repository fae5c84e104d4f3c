package wsclient

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// readerConn is a connection of which only Read is used.
type readerConn struct {
	net.Conn
	io.Reader
}

func (c readerConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// Who reads the header of a response gets nothing of what follows it, however it comes.
func TestHandshakeConn(t *testing.T) {
	for name, header := range map[string]string{
		"usual":      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: \r\nConnection: Upgrade\r\n\r\n",
		"line feeds": "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
		"both":       "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\r\n",
	} {
		for _, behind := range []string{"", "x", "\r\n\r\nframes \n\n and more"} {
			for _, oneByte := range []bool{false, true} {
				var from io.Reader = strings.NewReader(header + behind)
				if oneByte {
					from = iotest.OneByteReader(from)
				}
				c := &handshakeConn{Conn: readerConn{Reader: from}}
				br := bufio.NewReader(c)
				resp, err := http.ReadResponse(br, nil)
				if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || br.Buffered() != 0 {
					t.Fatalf("%s: %v, %v, %d bytes too many", name, resp, err, br.Buffered())
				}
				_ = resp.Body.Close() // there is none
				left, err := io.ReadAll(c.Conn)
				if got := string(c.rest) + string(left); err != nil || got != behind {
					t.Errorf("%s, byte by byte %v: %q follows, want %q; %v", name, oneByte, got, behind, err)
				}
			}
		}
	}
}

// A refusal has a body, which may come with its header.
func TestHandshakeConnOfARefusal(t *testing.T) {
	const body = "not\n\nhere\r\n\r\n"
	c := &handshakeConn{Conn: readerConn{Reader: strings.NewReader("HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n" + body)}}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != body {
		t.Errorf("body %q, %v", got, err)
	}
}
