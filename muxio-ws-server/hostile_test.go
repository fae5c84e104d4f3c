package wsserver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
	"github.com/simd-drive/go/muxio/wsconn"
)

// rawDial opens a WebSocket below the RPC layer, so that a test can send what
// no client would.
func rawDial(t *testing.T, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: subprotocols}
	ws, resp, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // empty
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// rawConn opens a WebSocket and returns the connection below, of which nothing was read
// but the handshake. It is closed by who takes it.
func rawConn(t *testing.T, url string) net.Conn {
	t.Helper()
	dialer := websocket.Dialer{
		Subprotocols: []string{wsconn.Subprotocol},
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialTCP(ctx, network, addr)
			return byteConn{c}, err
		},
	}
	ws, resp, err := dialer.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // empty
	return ws.NetConn().(byteConn).Conn
}

// byteConn reads byte by byte.
type byteConn struct{ net.Conn }

func (c byteConn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(1, len(p))]) }

// maskedFrame returns a frame as a client sends it, under a mask of zeros.
func maskedFrame(first byte, payload string) []byte {
	f := []byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}
	return append(f, payload...)
}

func TestHostileBytes(t *testing.T) {
	closeFrame := func(code uint16, text string) []byte {
		return maskedFrame(0x88, string(binary.BigEndian.AppendUint16(nil, code))+text)
	}
	tests := []struct {
		name  string
		bytes []byte
		code  int
	}{
		{"text frame", maskedFrame(0x81, "hello"), 1003},
		{"no mask", []byte{0x82, 2, 'h', 'i'}, 1002},
		{"reserved bit", maskedFrame(0x82|0x40, "x"), 1002},
		{"unknown opcode", maskedFrame(0x83, "x"), 1002},
		{"continuation of nothing", maskedFrame(0x80, "x"), 1002},
		{"message within a message", append(maskedFrame(0x02, "x"), maskedFrame(0x82, "y")...), 1002},
		{"fragmented ping", maskedFrame(0x09, "x"), 1002},
		{"long ping", append([]byte{0x89, 0x80 | 126, 0, 200, 0, 0, 0, 0}, make([]byte, 200)...), 1002},
		{"close code out of range", closeFrame(999, ""), 1002},
		{"close code that is never sent", closeFrame(1006, ""), 1002},
		{"close text that is no text", closeFrame(1000, "\xff\xfe"), 1002},
		{"frame of 4 GiB", binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, 4<<30), 1009},
		{"frame of 2^63-1", binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, 1<<63-1), 1009},
		{"message that is no frame of muxio", maskedFrame(0x82, strings.Repeat("\xff", 64)), 0},
	}
	_, url := serve(t, wsserver.Options{Handler: echo{}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ws := rawDial(t, url, wsconn.Subprotocol)
			raw := append(bytes.Clone(tt.bytes), make([]byte, 8)...) // a mask, where it is missing
			if _, err := ws.NetConn().Write(raw); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil { // the settings of the server come first
				_, _, err = ws.ReadMessage()
			}
			var closed *websocket.CloseError
			if !errors.As(err, &closed) || (tt.code != 0 && closed.Code != tt.code) {
				t.Fatalf("peer reads %v, want a close frame with code %d", err, tt.code)
			}
		})
	}
	mustEcho(t, dial(t, url, wsclient.Options{}).Conn(), "still here")
}

// rawTransport lets a well-behaved connection run over a WebSocket of which
// the test decides how messages become frames.
type rawTransport struct {
	*wsconn.Transport
	write func(message []byte) error
}

func (r rawTransport) WriteMessage(pieces [][]byte) error {
	return r.write(bytes.Join(pieces, nil))
}

func TestFramesCutInOddWays(t *testing.T) {
	frame := func(first byte, payload []byte) []byte { return maskedFrame(first, string(payload)) }
	tests := []struct {
		name  string
		write func(c net.Conn, message []byte) error
	}{
		{"one byte at a time", func(c net.Conn, message []byte) error {
			for i := range message {
				for _, b := range frame(0x82, message[i:i+1]) {
					if _, err := c.Write([]byte{b}); err != nil {
						return err
					}
				}
			}
			return nil
		}},
		{"fragments with pings and pongs between", func(c net.Conn, message []byte) error {
			var b []byte
			for i := range message {
				first := byte(0x00) // continuation
				if i == 0 {
					first = 0x02
				}
				b = append(b, frame(first, message[i:i+1])...)
				if i%16 == 0 {
					b = append(b, frame(0x89, []byte("ping"))...)
					b = append(b, frame(0x8a, []byte("pong"))...)
					b = append(b, frame(0x00, nil)...)
				}
			}
			_, err := c.Write(append(b, frame(0x80, nil)...))
			return err
		}},
	}
	_, url := serve(t, wsserver.Options{Handler: echo{}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := rawConn(t, url)
			transport := rawTransport{wsconn.New(c, wsconn.Config{Masks: true}), func(message []byte) error {
				return tt.write(c, message)
			}}
			conn, err := rpc.NewConn(transport, rpc.Config{Role: muxio.Initiator})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				mustEcho(t, conn, "a request of some length, to be cut")
			}
			if err := conn.Close(muxio.CloseReason{Code: muxio.CloseNormal}); err != nil {
				t.Error(err)
			}
		})
	}
}

// stalledConn stops reading when stall is closed.
type stalledConn struct {
	net.Conn
	stall, closed chan struct{}
}

func (c *stalledConn) Read(p []byte) (int, error) {
	select {
	case <-c.stall:
		<-c.closed
		return 0, net.ErrClosed
	default:
	}
	return c.Conn.Read(p)
}

func TestReaderThatNeverReads(t *testing.T) {
	const responseBytes = 1 << 20
	large := make([]byte, responseBytes)
	blob := routeFunc(func(context.Context, []byte, []byte) (rpc.Message, error) {
		return rpc.Message{More: [][]byte{large}}, nil
	})
	ended := make(chan error, 1)
	_, url := serve(t, wsserver.Options{
		Handler: blob, WriteTimeout: 200 * time.Millisecond,
		OnConnect: func(c *rpc.Conn, _ *http.Request) { <-c.Done(); ended <- c.Err() },
	})
	var stalled *stalledConn
	c := dial(t, url, wsclient.Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		stalled = &stalledConn{Conn: conn, stall: make(chan struct{}), closed: make(chan struct{})}
		return stalled, err
	}})
	close(stalled.stall)
	ctx, cancel := context.WithCancel(t.Context())
	calls := make(chan error, 200)
	for range cap(calls) {
		go func() {
			_, err := c.Conn().Invoke(ctx, echoID, rpc.Message{})
			calls <- err
		}()
	}
	select {
	case err := <-ended:
		if !errors.Is(err, wsconn.ErrNotReading) {
			t.Errorf("server ended the connection with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server keeps a connection that takes nothing")
	}
	cancel()
	close(stalled.closed)
	for range cap(calls) {
		if err := <-calls; err == nil {
			t.Error("a call succeeded without reading")
		}
	}
}

// routeFunc answers every unary call.
type routeFunc func(ctx context.Context, request, dst []byte) (rpc.Message, error)

func (f routeFunc) Route(rpc.MethodID) (rpc.Route, bool) {
	return rpc.Route{Name: "test", Unary: f}, true
}

func TestResetWithManyCallsPending(t *testing.T) {
	const calls = 1000
	running := make(chan struct{}, calls)
	var serverSide net.Conn
	s := wsserver.New(wsserver.Options{Handler: routeFunc(func(ctx context.Context, _, _ []byte) (rpc.Message, error) {
		running <- struct{}{}
		<-ctx.Done()
		return rpc.Message{}, ctx.Err()
	})})
	url := serveHTTP(t, s, func(c net.Conn) { serverSide = c })
	c := dial(t, url, wsclient.Options{})
	failed := make(chan error, calls)
	for range calls {
		go func() {
			_, err := c.Conn().Invoke(t.Context(), echoID, rpc.Message{Bytes: []byte("x")})
			failed <- err
		}()
	}
	for range calls {
		<-running
	}
	start := time.Now()
	if err := serverSide.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = serverSide.Close() // resets the connection
	for range calls {
		if err := <-failed; !errors.Is(err, rpc.Unavailable) {
			t.Fatalf("pending call: %v", err)
		}
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("pending calls failed after %v", d)
	}
	if _, err := c.Conn().Invoke(t.Context(), echoID, rpc.Message{}); !errors.Is(err, rpc.Unavailable) {
		t.Errorf("later call: %v", err)
	}
}
