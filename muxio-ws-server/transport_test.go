package wsserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/wsconn"
)

// pipeListener hands out connections in memory, for tests in virtual time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (l *pipeListener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// servePipe runs h over connections in memory until the test ends.
func servePipe(t *testing.T, h http.Handler) *pipeListener {
	t.Helper()
	l := newPipeListener()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // ends with Close below
	t.Cleanup(func() {
		_ = srv.Close() // its error is that of Serve
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l
}

// background runs goroutines that end with the connection of [pipePair].
type background struct{ sync.WaitGroup }

// pipePair returns a transport at the accepting end of a WebSocket in memory,
// and the plain connection at its other end. Both are closed with the test,
// which then waits for what runs in the background.
func pipePair(t *testing.T, cfg wsconn.Config) (*wsconn.Transport, *websocket.Conn, *background) {
	t.Helper()
	accepted := make(chan *websocket.Conn, 1)
	l := servePipe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var u websocket.Upgrader
		ws, err := u.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
		}
		accepted <- ws
	}))
	dialer := websocket.Dialer{NetDialContext: l.DialContext}
	peer, resp, err := dialer.Dial("ws://memory/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // empty
	transport := wsconn.New((<-accepted).NetConn(), cfg)
	var b background
	t.Cleanup(func() {
		_ = peer.Close()
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		b.Wait()
	})
	return transport, peer, &b
}

// pause lets virtual time pass.
func pause(d time.Duration) { <-time.After(d) }

// discard reads everything that reaches c, so that writing to it never blocks.
func discard(c net.Conn) {
	_, _ = io.Copy(io.Discard, c) // ends when the connection does
}

func closeErrorCode(err error) muxio.CloseCode {
	var e *muxio.CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestSilentPeerIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		send bool // this end sends all the time: that must not count
	}{{"idle", false}, {"sending", true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, peer, bg := pipePair(t, wsconn.Config{PongTimeout: 8 * time.Second})
				bg.Go(func() { discard(peer.NetConn()) }) // reads, and never answers
				if tt.send {
					bg.Go(func() { // ends when the transport is closed
						for transport.WriteMessage([][]byte{{1}}) == nil {
							pause(time.Second)
						}
					})
				}
				start := time.Now()
				_, err := transport.ReadMessage()
				if !errors.Is(err, wsconn.ErrSilent) {
					t.Fatalf("ReadMessage: %v", err)
				}
				if d := time.Since(start); d < 8*time.Second || d > 9*time.Second {
					t.Fatalf("given up after %v", d)
				}
				if _, again := transport.ReadMessage(); !errors.Is(again, wsconn.ErrSilent) {
					t.Fatalf("second ReadMessage: %v", again)
				}
			})
		})
	}
}

func TestLivingPeersStay(t *testing.T) {
	tests := []struct {
		name string
		live func(peer *websocket.Conn, bg *background)
	}{
		{"answers pings", func(peer *websocket.Conn, _ *background) {
			_, _, _ = peer.ReadMessage() // answers in passing, until the end
		}},
		{"sends pongs that nobody asked for, twice", func(peer *websocket.Conn, bg *background) {
			bg.Go(func() { discard(peer.NetConn()) })
			for range 20 {
				pause(5 * time.Second)
				for range 2 {
					if peer.WriteControl(websocket.PongMessage, []byte("x"), time.Time{}) != nil {
						return // the test is over
					}
				}
			}
		}},
		{"sends a message one byte at a time", func(peer *websocket.Conn, bg *background) {
			bg.Go(func() { discard(peer.NetConn()) })
			frame := append([]byte{0x82, 0x80 | 20, 0, 0, 0, 0}, make([]byte, 20)...)
			for _, b := range frame {
				if _, err := peer.NetConn().Write([]byte{b}); err != nil {
					return // the test is over
				}
				pause(time.Second)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, peer, bg := pipePair(t, wsconn.Config{PongTimeout: 9 * time.Second})
				bg.Go(func() { tt.live(peer, bg) })
				failed := make(chan error, 1)
				bg.Go(func() {
					for {
						if _, err := transport.ReadMessage(); err != nil {
							failed <- err
							return
						}
					}
				})
				select {
				case err := <-failed:
					t.Errorf("ReadMessage: %v", err)
				case <-time.After(20 * time.Second):
				}
			})
		})
	}
}

func TestSlowReceiverKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer, bg := pipePair(t, wsconn.Config{})
		bg.Go(func() { discard(peer.NetConn()) })
		sent := make(chan error, 2)
		bg.Go(func() {
			for range 2 {
				sent <- peer.WriteMessage(websocket.BinaryMessage, []byte("message"))
			}
		})
		for range 2 {
			pause(time.Minute) // this end is busy with something else
			if got, err := transport.ReadMessage(); err != nil || string(got) != "message" {
				t.Fatalf("ReadMessage: %q, %v", got, err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestPeerThatNeverReads(t *testing.T) {
	t.Run("message", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport, _, _ := pipePair(t, wsconn.Config{WriteTimeout: 3 * time.Second})
			start := time.Now()
			err := transport.WriteMessage([][]byte{{1}, make([]byte, 1<<20)})
			if !errors.Is(err, wsconn.ErrNotReading) {
				t.Fatalf("WriteMessage: %v", err)
			}
			if d := time.Since(start); d != 3*time.Second {
				t.Fatalf("given up after %v", d)
			}
			start = time.Now()
			_ = transport.Close(muxio.CloseReason{Code: muxio.CloseGoingAway})
			if d := time.Since(start); d > wsconn.DefaultCloseTimeout {
				t.Fatalf("Close took %v", d)
			}
		})
	})
	t.Run("ping", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			transport, peer, bg := pipePair(t, wsconn.Config{WriteTimeout: 3 * time.Second, PongTimeout: time.Minute})
			bg.Go(func() { // alive, judging by what it sends, until the end
				for peer.WriteMessage(websocket.BinaryMessage, []byte("x")) == nil {
					pause(time.Second)
				}
			})
			start := time.Now()
			var err error
			for err == nil {
				_, err = transport.ReadMessage()
			}
			if !errors.Is(err, wsconn.ErrNotReading) {
				t.Fatalf("ReadMessage: %v", err)
			}
			if d := time.Since(start); d != wsconn.DefaultPingInterval+3*time.Second {
				t.Fatalf("given up after %v", d)
			}
		})
	})
}

func TestCloseHandshake(t *testing.T) {
	tests := []struct {
		name string
		peer func(peer *websocket.Conn)
		took time.Duration
	}{
		{"peer answers", func(peer *websocket.Conn) { _, _, _ = peer.ReadMessage() }, 0},
		{"peer reads only", func(peer *websocket.Conn) { discard(peer.NetConn()) }, wsconn.DefaultCloseTimeout},
		{"peer does nothing", func(*websocket.Conn) {}, wsconn.DefaultCloseTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, peer, bg := pipePair(t, wsconn.Config{})
				bg.Go(func() { tt.peer(peer) })
				pending := make(chan error, 1)
				bg.Go(func() {
					_, err := transport.ReadMessage()
					pending <- err
				})
				synctest.Wait()
				start := time.Now()
				for range 2 {
					if err := transport.Close(muxio.CloseReason{Code: muxio.CloseNormal}); err != nil {
						t.Error(err)
					}
				}
				if d := time.Since(start); d != tt.took {
					t.Errorf("Close took %v, want %v", d, tt.took)
				}
				if err := <-pending; err == nil {
					t.Error("pending ReadMessage succeeded")
				}
				if err := transport.WriteMessage([][]byte{{1}}); err == nil {
					t.Error("WriteMessage after Close succeeded")
				}
			})
		})
	}
}

func TestCloseWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _, bg := pipePair(t, wsconn.Config{WriteTimeout: time.Hour})
		written := make(chan error, 1)
		bg.Go(func() { written <- transport.WriteMessage([][]byte{make([]byte, 1<<20)}) })
		synctest.Wait()
		start := time.Now()
		_ = transport.Close(muxio.CloseReason{Code: muxio.CloseGoingAway})
		if d := time.Since(start); d != wsconn.DefaultCloseTimeout {
			t.Errorf("Close took %v", d)
		}
		if err := <-written; err == nil {
			t.Error("pending WriteMessage succeeded")
		}
	})
}

func TestCloseReasons(t *testing.T) {
	long := strings.Repeat("ä", 100) // 200 bytes
	tests := []struct {
		name   string
		reason muxio.CloseReason
		want   websocket.CloseError
	}{
		{"empty text", muxio.CloseReason{Code: 1001}, websocket.CloseError{Code: 1001}},
		{"longest text", muxio.CloseReason{Code: 1008, Text: long[:122] + "x"}, websocket.CloseError{Code: 1008, Text: long[:122] + "x"}},
		{"cut text", muxio.CloseReason{Code: 1008, Text: long}, websocket.CloseError{Code: 1008, Text: long[:122]}},
		{"invalid text", muxio.CloseReason{Code: 1011, Text: "a\xffb"}, websocket.CloseError{Code: 1011, Text: "a\uFFFDb"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, peer, bg := pipePair(t, wsconn.Config{})
				closed := make(chan error, 1)
				bg.Go(func() { closed <- transport.Close(tt.reason) })
				_, _, err := peer.ReadMessage()
				var got *websocket.CloseError
				if !errors.As(err, &got) || *got != tt.want {
					t.Errorf("peer reads %v, want %v", err, &tt.want)
				}
				if err := <-closed; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestReadAfterPeerClosed(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    error
	}{
		{"normal", websocket.FormatCloseMessage(1000, "done"), io.EOF},
		{"no status", nil, io.EOF},
		{"going away", websocket.FormatCloseMessage(1001, "bye"), &muxio.CloseError{
			CloseReason: muxio.CloseReason{Code: 1001, Text: "bye"}, Remote: true,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, peer, bg := pipePair(t, wsconn.Config{})
				bg.Go(func() {
					_ = peer.WriteControl(websocket.CloseMessage, tt.payload, time.Time{})
					_, _, _ = peer.ReadMessage() // the answer
				})
				_, err := transport.ReadMessage()
				var want *muxio.CloseError
				if errors.As(tt.want, &want) {
					if diff := cmp.Diff(tt.want, err); diff != "" {
						t.Error(diff)
					}
				} else if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer, bg := pipePair(t, wsconn.Config{})
		bg.Go(func() {
			for range wsconn.MaxControlPerSecond + 1 {
				if peer.WriteControl(websocket.PingMessage, []byte("p"), time.Time{}) != nil {
					return
				}
			}
		})
		refused := make(chan error, 1)
		bg.Go(func() {
			_, _, err := peer.ReadMessage()
			refused <- err
		})
		_, err := transport.ReadMessage()
		if code := closeErrorCode(err); code != muxio.ClosePolicy {
			t.Errorf("ReadMessage: %v", err)
		}
		if err := <-refused; !websocket.IsCloseError(err, int(muxio.ClosePolicy)) {
			t.Errorf("peer reads %v", err)
		}
	})
}

func TestPingsUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer, bg := pipePair(t, wsconn.Config{})
		answered := make(chan string, 3*wsconn.MaxControlPerSecond)
		peer.SetPongHandler(func(s string) error { answered <- s; return nil })
		bg.Go(func() { _, _, _ = peer.ReadMessage() }) // until the end
		bg.Go(func() {
			for range 3 {
				for range wsconn.MaxControlPerSecond {
					_ = peer.WriteControl(websocket.PingMessage, []byte("p"), time.Time{})
				}
				pause(time.Second)
			}
			_ = peer.WriteMessage(websocket.BinaryMessage, []byte("still here"))
		})
		got, err := transport.ReadMessage()
		if err != nil || string(got) != "still here" {
			t.Errorf("ReadMessage: %q, %v", got, err)
		}
		if len(answered) == 0 {
			t.Error("no ping was answered")
		}
	})
}

func TestMessagesAndBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 2 << 20
		transport, peer, bg := pipePair(t, wsconn.Config{MaxMessageBytes: limit})
		bg.Go(func() { // ends with the connection
			for {
				kind, msg, err := peer.ReadMessage()
				if string(msg) == "too much" {
					msg = make([]byte, limit+1)
				}
				if err != nil || peer.WriteMessage(kind, msg) != nil {
					return
				}
			}
		})
		messages := [][][]byte{
			nil,
			{nil},
			{{1}},
			{{1}, nil, {2, 3}},
			{bytes.Repeat([]byte("a"), 100_000)},
			{{9}, bytes.Repeat([]byte("b"), 70_000), {8}, bytes.Repeat([]byte("c"), 600_000)},
			{bytes.Repeat([]byte("d"), limit)},
			{{7}},
		}
		bg.Go(func() {
			for _, pieces := range append(messages, [][]byte{[]byte("too much")}) {
				if err := transport.WriteMessage(pieces); err != nil {
					t.Error(err)
				}
			}
		})
		var want, got []byte
		for _, pieces := range messages {
			want = append(want, bytes.Join(pieces, nil)...)
		}
		for len(got) < len(want) {
			part, err := transport.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, want %d", len(got), len(want))
		}
		var err error
		for err == nil {
			_, err = transport.ReadMessage()
		}
		if code := closeErrorCode(err); code != muxio.CloseTooBig {
			t.Errorf("message over the limit: %v", err)
		}
	})
}
