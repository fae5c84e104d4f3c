package wsconn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/simd-drive/go/muxio"
)

// fakeConn is a WebSocket whose peer is the test: what it sends is taken from
// incoming, what it receives goes to sent. The modules that dial and accept try
// the transport over real WebSockets.
type fakeConn struct {
	Conn
	incoming chan []byte
	sent     chan string // a letter for the kind, then the data
	net      net.Conn
	ping     func(string) error
	limit    int64
}

func newFakeConn() *fakeConn {
	near, far := net.Pipe()
	_ = far.Close() // reads from near end at once
	return &fakeConn{incoming: make(chan []byte), sent: make(chan string, 100), net: near}
}

func (c *fakeConn) NextReader() (int, io.Reader, error) {
	b, ok := <-c.incoming
	if !ok {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return binaryMessage, bytes.NewReader(b), nil
}

func (c *fakeConn) WriteControl(kind int, b []byte, _ time.Time) error {
	c.sent <- map[int]string{pingMessage: "ping", pongMessage: "pong ", closeMessage: "close"}[kind] + string(b)
	return nil
}

func (c *fakeConn) SetReadLimit(n int64)                    { c.limit = n }
func (c *fakeConn) SetReadDeadline(time.Time) error         { return nil }
func (c *fakeConn) SetPingHandler(h func(string) error)     { c.ping = h }
func (c *fakeConn) SetPongHandler(func(string) error)       {}
func (c *fakeConn) SetCloseHandler(func(int, string) error) {}
func (c *fakeConn) NetConn() net.Conn                       { return c.net }
func (c *fakeConn) Close() error                            { return c.net.Close() }

func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeConn()
		transport := New(c, Config{})
		if c.limit != DefaultMaxMessageBytes {
			t.Errorf("read limit %d", c.limit)
		}
		start := time.Now()
		for i := range 3 {
			if got := <-c.sent; got != "ping" {
				t.Fatalf("sent %q", got)
			}
			if d := time.Since(start); d != time.Duration(i+1)*DefaultPingInterval {
				t.Errorf("ping %d after %v", i, d)
			}
		}
		if err := c.ping("42"); err != nil {
			t.Fatal(err)
		}
		if got := <-c.sent; got != "pong 42" {
			t.Errorf("sent %q", got)
		}
		close(c.incoming)
		for range 2 {
			if err := transport.Close(muxio.CloseReason{Code: muxio.CloseNormal, Text: "done"}); err != nil {
				t.Error(err)
			}
		}
		if got := <-c.sent; got != "close\x03\xe8done" {
			t.Errorf("sent %q", got)
		}
		if len(c.sent) > 0 {
			t.Errorf("sent more: %q", <-c.sent)
		}
	})
}

func TestPongsWaitInBoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeConn()
		c.sent = make(chan string) // nothing is taken yet
		transport := New(c, Config{})
		for i := range 5 * MaxPendingPongs {
			if err := c.ping(string(rune('A' + i))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		var pongs []string
		for range MaxPendingPongs + 1 { // one more was being written all the time
			pongs = append(pongs, <-c.sent)
		}
		if first, last := pongs[0], pongs[MaxPendingPongs]; first != "pong A" || last != "pong "+string(rune('A'+5*MaxPendingPongs-1)) {
			t.Errorf("pongs from %q to %q", first, last)
		}
		close(c.incoming)
		go func() { <-c.sent }() // the close frame
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	})
}

// A message comes as it is there, in parts if it is long, through a buffer of bounded
// size that the connection has no longer than it needs it.
func TestLongMessagesComeInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeConn()
		transport := New(c, Config{})
		var want, got []byte
		var messages [][]byte
		for i, size := range []int{1, 100, 300 << 10, 0, 200 << 10, 1} {
			messages = append(messages, bytes.Repeat([]byte{byte(i), 1, 2, 3, 4, 5, 6}, size/7+1)[:size])
			want = append(want, messages[i]...)
		}
		go func() { // ends when all is taken
			for _, m := range messages {
				c.incoming <- m
			}
			close(c.incoming)
		}()
		for len(got) < len(want) {
			b, err := transport.ReadMessage()
			if err != nil || len(b) == 0 || len(b) > ReadBufferBytes || cap(b) != len(b) {
				t.Fatalf("got %d bytes with room for %d, %v", len(b), cap(b), err)
			}
			got = append(got, b...)
		}
		if !bytes.Equal(got, want) {
			t.Error("the messages came as something else")
		}
		if _, err := transport.ReadMessage(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ReadMessage: %v", err)
		}
		if transport.buf != nil {
			t.Error("the buffer is kept")
		}
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		if _, err := transport.ReadMessage(); err == nil {
			t.Error("ReadMessage after Close succeeded")
		}
	})
}

func TestDefaults(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		give                 Config
		wantPing, wantSilent time.Duration
	}{
		{"zero", Config{}, DefaultPingInterval, DefaultPongTimeout},
		{"negative", Config{PingInterval: -1, PongTimeout: -1}, DefaultPingInterval, DefaultPongTimeout},
		{"short timeout", Config{PongTimeout: 3 * time.Second}, time.Second, 3 * time.Second},
		{"ping as rare as the timeout", Config{PingInterval: time.Minute, PongTimeout: time.Minute}, 20 * time.Second, time.Minute},
		{"least", Config{PongTimeout: 1}, 1, 1},
	} {
		got := tt.give.withDefaults()
		if got.PingInterval != tt.wantPing || got.PongTimeout != tt.wantSilent {
			t.Errorf("%s: ping %v, timeout %v", tt.name, got.PingInterval, got.PongTimeout)
		}
	}
}

func FuzzCutText(f *testing.F) {
	for _, s := range []string{"", "short", strings.Repeat("x", 123), strings.Repeat("x", 124), strings.Repeat("ä", 62), "a" + strings.Repeat("🙂", 40), "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cutText(s)
		if len(got) > muxio.MaxCloseText || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q, %d bytes", s, got, len(got))
		}
		if utf8.ValidString(s) && (!strings.HasPrefix(s, got) || (len(s) > len(got) && len(got) <= muxio.MaxCloseText-utf8.UTFMax)) {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}

func BenchmarkReadMessage(b *testing.B) {
	c := newFakeConn()
	transport := New(&endlessConn{fakeConn: c, message: make([]byte, 100)}, Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := transport.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
	close(c.incoming)
}

// endlessConn has the same message again and again.
type endlessConn struct {
	*fakeConn
	message []byte
	reader  bytes.Reader
}

func (c *endlessConn) NextReader() (int, io.Reader, error) {
	c.reader.Reset(c.message)
	return binaryMessage, &c.reader, nil
}
