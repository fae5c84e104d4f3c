package wsconn

import (
	"bytes"
	"encoding/binary"
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

// newPair returns a transport at the accepting end and the connection of its peer, the
// client. The modules that dial and accept try the transport against another
// implementation of WebSocket.
func newPair(t *testing.T, cfg Config) (*Transport, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	transport := New(near, cfg)
	t.Cleanup(func() {
		_ = far.Close()
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	})
	return transport, far
}

// fromClient returns a frame as a client sends it, with a key that depends on payload.
func fromClient(first byte, payload string) []byte {
	key := 0x9E3779B9 * uint32(len(payload)+1)
	b := appendHeader(nil, first&^finalBit, first&finalBit != 0, true, len(payload))
	b = binary.LittleEndian.AppendUint32(b, key)
	n := len(b)
	b = append(b, payload...)
	for i := range b[n:] {
		b[n+i] ^= byte(key >> (8 * (i % 4)))
	}
	return b
}

// wantFrame takes a frame of the transport.
func wantFrame(t *testing.T, peer net.Conn, first byte, payload string) {
	t.Helper()
	f, err := readFrame(peer)
	if err != nil || f.first != first || f.masked || string(f.payload) != payload {
		t.Errorf("got frame %x %q, %v; want %x %q", f.first, f.payload, err, first, payload)
	}
}

func mustWrite(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Error(err)
	}
}

const (
	finalBinary = finalBit | binaryMessage
	finalClose  = finalBit | closeMessage
	finalPing   = finalBit | pingMessage
	finalPong   = finalBit | pongMessage
)

func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := newPair(t, Config{})
		go func() { _, _ = transport.ReadMessage() }() // until the end
		start := time.Now()
		for i := range 3 {
			wantFrame(t, peer, finalPing, "")
			if d := time.Since(start); d != time.Duration(i+1)*DefaultPingInterval {
				t.Errorf("ping %d after %v", i, d)
			}
		}
		mustWrite(t, peer, fromClient(finalPing, "42"))
		wantFrame(t, peer, finalPong, "42")
		closed := make(chan error, 2)
		for range cap(closed) {
			go func() { closed <- transport.Close(muxio.CloseReason{Code: muxio.CloseNormal, Text: "done"}) }()
		}
		wantFrame(t, peer, finalClose, "\x03\xe8done")
		mustWrite(t, peer, fromClient(finalClose, "\x03\xe8"))
		for range cap(closed) {
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
		if f, err := readFrame(peer); err == nil {
			t.Errorf("sent more: %v", f)
		}
	})
}

// Close waits for the goroutine that writes pings and pongs, and no timer follows.
func TestCloseEndsThePings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _ := newPair(t, Config{})
		<-time.After(DefaultPingInterval)
		synctest.Wait() // a ping is being written, and nobody reads it
		start := time.Now()
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		if d := time.Since(start); d != DefaultCloseTimeout {
			t.Errorf("Close took %v", d)
		}
		if transport.orders.busy {
			t.Error("a ping is being written still")
		}
		if transport.orders.timer.Stop() {
			t.Error("the next ping is due")
		}
	})
}

// A peer that broke a rule gets the reason, though it has sent more and goes on to.
func TestCloseAfterAViolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := newPair(t, Config{})
		failed := make(chan error)
		go func() {
			_, err := transport.ReadMessage()
			failed <- err
			_ = transport.Close(muxio.CloseReason{Code: muxio.CloseProtocolError})
			close(failed)
		}()
		mustWrite(t, peer, []byte{finalBinary, 0}) // not masked
		wantFrame(t, peer, finalClose, "\x03\xeaa client must mask its frames, a server must not")
		if err := <-failed; codeOf(err) != muxio.CloseProtocolError {
			t.Errorf("ReadMessage: %v", err)
		}
		start := time.Now()
		for range 3 {
			mustWrite(t, peer, make([]byte, 100<<10))
		}
		_ = peer.Close()
		<-failed
		if d := time.Since(start); d != 0 {
			t.Errorf("Close took %v more", d)
		}
	})
}

// layeredConn is a connection over another, as that of TLS is.
type layeredConn struct {
	net.Conn
	below net.Conn
}

func (c layeredConn) NetConn() net.Conn { return c.below }

// After half a message nothing can be said any more: the connection is cut at once, below
// a layer that would want to say goodbye.
func TestCloseAfterHalfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		below, belowFar := net.Pipe()
		transport := New(layeredConn{near, below}, Config{})
		half := make(chan error)
		go func() {
			_, err := io.CopyN(io.Discard, far, 500)
			half <- err
		}()
		if err := transport.WriteMessage([][]byte{make([]byte, 1000)}); !errors.Is(err, ErrNotReading) {
			t.Errorf("WriteMessage: %v", err)
		}
		if err := <-half; err != nil {
			t.Error(err)
		}
		rest := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(far) // ends with near
			rest <- b
		}()
		start := time.Now()
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		if b := <-rest; len(b) > 0 || time.Since(start) != 0 {
			t.Errorf("%d bytes follow, Close took %v", len(b), time.Since(start))
		}
		if _, err := belowFar.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection below: %v", err)
		}
	})
}

func TestPongsWaitInBoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := newPair(t, Config{})
		go func() { _, _ = transport.ReadMessage() }() // until the end
		for i := range 5 * MaxPendingPongs {
			mustWrite(t, peer, fromClient(finalPing, string(rune('A'+i))))
			synctest.Wait() // nothing is taken yet
		}
		wantFrame(t, peer, finalPong, "A") // was being written all the time
		for i := range MaxPendingPongs {
			wantFrame(t, peer, finalPong, string(rune('A'+4*MaxPendingPongs+i)))
		}
	})
}

// What comes is delivered as it is there, through a buffer of bounded size that the
// connection has no longer than it needs it.
func TestMessagesComeInParts(t *testing.T) {
	for _, network := range []string{"pipe", "tcp"} {
		t.Run(network, func(t *testing.T) {
			near, far := net.Pipe()
			if network == "tcp" {
				near, far = tcpPair(t)
			}
			defer far.Close()
			transport := New(near, Config{})
			var want, got, wire []byte
			for i, size := range []int{1, 100, 300 << 10, 0, 200 << 10, 1} {
				message := bytes.Repeat([]byte{byte(i), 1, 2, 3, 4, 5, 6}, size/7+1)[:size]
				want = append(want, message...)
				wire = append(wire, fromClient(finalBinary, string(message))...)
			}
			go func() { mustWrite(t, far, wire) }()
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
			_ = far.Close()
			if _, err := transport.ReadMessage(); !errors.Is(err, errCut) {
				t.Errorf("ReadMessage: %v", err)
			}
			_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
			if _, err := transport.ReadMessage(); err == nil {
				t.Error("ReadMessage after Close succeeded")
			}
		})
	}
}

// What ReadMessage returned stays as it is until the next call, also while Close reads on,
// and when other connections take buffers.
func TestCloseLeavesWhatWasRead(t *testing.T) {
	for _, network := range []string{"pipe", "tcp"} {
		t.Run(network, func(t *testing.T) {
			near, far := net.Pipe()
			if network == "tcp" {
				near, far = tcpPair(t)
			}
			defer far.Close()
			transport := New(near, Config{})
			first := strings.Repeat("first", 200)
			go mustWrite(t, far, fromClient(finalBinary, first))
			b, err := transport.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, far) }() // ends with far
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				mustWrite(t, far, fromClient(finalBinary, strings.Repeat("other", 200)))
				mustWrite(t, far, fromClient(finalClose, "\x03\xe8"))
			}()
			if network == "tcp" {
				<-sent // it waits in the socket, to be read at once
			}
			_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
			for range 8 { // a buffer that was given back comes first
				other, _ := readBuffers.Get().(*[ReadBufferBytes]byte)
				clear(other[:])
			}
			if len(b) == 0 || !strings.HasPrefix(first, string(b)) {
				t.Error("the message was overwritten")
			}
		})
	}
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
	transport := New(&endlessConn{wire: bytes.Repeat(fromClient(finalBinary, strings.Repeat("x", 100)), 100)}, Config{PingInterval: time.Hour, PongTimeout: 2 * time.Hour})
	defer transport.orders.end()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := transport.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

// endlessConn has the same bytes again and again.
type endlessConn struct {
	net.Conn
	wire, left []byte
}

func (c *endlessConn) SetReadDeadline(time.Time) error { return nil }

func (c *endlessConn) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		c.left = c.wire
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}
