package streamconn_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

var (
	normal   = muxio.CloseReason{Code: muxio.CloseNormal}
	tired    = muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "tired"}
	settings = muxio.Layout13.Append(nil, muxio.Frame{Stream: 1<<32 - 1, Kind: muxio.Settings})
)

// pause lets virtual time pass.
func pause(d time.Duration) { <-time.After(d) }

// tcpPair returns a transport over TCP and the plain connection at its other
// end.
func tcpPair(t *testing.T, cfg streamconn.Config) (*streamconn.Transport, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	transport := streamconn.New(near, cfg)
	t.Cleanup(func() {
		_ = far.Close()
		_ = transport.Close(normal)
	})
	return transport, far.(*net.TCPConn)
}

// memoryPair is tcpPair in memory, for virtual time. The test closes far.
func memoryPair(cfg streamconn.Config) (transport *streamconn.Transport, far net.Conn) {
	near, far := net.Pipe()
	return streamconn.New(near, cfg), far
}

func TestPiecesArriveInOrderAndStayAsTheyAre(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) io.ReadWriteCloser{
		"VectoredWrites":   func(c net.Conn) io.ReadWriteCloser { return c },
		"GatheredWrites":   func(c net.Conn) io.ReadWriteCloser { return struct{ net.Conn }{c} },
		"WithoutDeadlines": func(c net.Conn) io.ReadWriteCloser { return struct{ io.ReadWriteCloser }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			near, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			transport := streamconn.New(wrap(near), streamconn.Config{})
			received := make(chan []byte, 1)
			go func() { // ends with the goodbye, awaited below
				b, _ := io.ReadAll(far)
				_ = far.Close()
				received <- b
			}()
			var want []byte
			for _, sizes := range [][]int{{}, {0}, {1}, {13, 0, 70_000, 26, 16 << 10, 3, 300_000}, {5, 5, 5}} {
				var pieces [][]byte
				for i, n := range sizes {
					pieces = append(pieces, bytes.Repeat([]byte{byte('a' + i)}, n))
				}
				sent := append([][]byte(nil), pieces...)
				if err := transport.WriteMessage(sent); err != nil {
					t.Fatal(err)
				}
				for i := range pieces {
					if !bytes.Equal(sent[i], pieces[i]) {
						t.Errorf("piece %d of %v was changed", i, sizes)
					}
				}
				want = append(want, bytes.Join(pieces, nil)...)
			}
			_ = transport.Close(tired)
			want = muxio.AppendGoodbye(want, tired)
			if got := await(t, received, "bytes"); !bytes.Equal(got, want) {
				t.Errorf("%d bytes arrived, want %d with a goodbye at the end", len(got), len(want))
			}
			if err := transport.WriteMessage([][]byte{{1}}); err == nil {
				t.Error("a message after the goodbye was accepted")
			}
		})
	}
}

func TestReadBufferGrowsAndIsReused(t *testing.T) {
	transport, far := tcpPair(t, streamconn.Config{})
	if _, err := far.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	first, err := transport.ReadMessage()
	if err != nil || string(first) != "a" || cap(first) != 1 {
		t.Fatalf("read %q with room for %d, %v", first, cap(first), err)
	}
	if _, err := far.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	second, err := transport.ReadMessage()
	if err != nil || string(second) != "b" || &first[0] != &second[0] {
		t.Errorf("read %q in another buffer, or %v", second, err)
	}
	const total = 1 << 20
	go func() { _, _ = far.Write(make([]byte, total)) }() // ends when all is read
	largest := 0
	for n := 0; n < total; {
		b, err := transport.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		n += len(b)
		largest = max(largest, len(b))
	}
	if largest != streamconn.ReadBufferBytes {
		t.Errorf("the largest message has %d bytes, want %d", largest, streamconn.ReadBufferBytes)
	}
}

func TestEndOfTheBytes(t *testing.T) {
	transport, far := tcpPair(t, streamconn.Config{})
	if _, err := far.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	_ = far.CloseWrite()
	if b, err := transport.ReadMessage(); err != nil || string(b) != "last words" {
		t.Errorf("read %q, %v", b, err)
	}
	for range 2 {
		if _, err := transport.ReadMessage(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ReadMessage: %v", err)
		}
	}
}

func TestResetIsAnError(t *testing.T) {
	transport, far := tcpPair(t, streamconn.Config{})
	if err := far.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	if _, err := transport.ReadMessage(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("ReadMessage: %v", err)
	}
}

func TestCloseEndsAPendingRead(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) io.ReadWriteCloser{
		"WithDeadlines":    func(c net.Conn) io.ReadWriteCloser { return c },
		"WithoutDeadlines": func(c net.Conn) io.ReadWriteCloser { return struct{ io.ReadWriteCloser }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				transport := streamconn.New(wrap(near), streamconn.Config{})
				result := make(chan error, 1)
				go func() { // ends with Close
					_, err := transport.ReadMessage()
					result <- err
				}()
				synctest.Wait()
				start := time.Now()
				for range 2 {
					if err := transport.Close(tired); err != nil {
						t.Error(err)
					}
				}
				if d := time.Since(start); d > 2*streamconn.DefaultCloseTimeout {
					t.Errorf("closing took %v, although the peer does not read", d)
				}
				if err := <-result; !errors.Is(err, net.ErrClosed) {
					t.Errorf("ReadMessage: %v", err)
				}
				_ = far.Close()
			})
		})
	}
}

// A message that is being written when Close is called goes out whole, and the
// goodbye after it; if the peer does not take it in time, no goodbye follows in
// the middle of a frame.
func TestCloseDuringAWrite(t *testing.T) {
	message := muxio.Layout13.Append(nil, muxio.Frame{Stream: 1, Kind: muxio.Open, Payload: make([]byte, 1000)})
	for _, tt := range []struct {
		name string
		take bool
		want []byte
	}{
		{"taken", true, muxio.AppendGoodbye(bytes.Clone(message), tired)},
		{"not taken", false, message[:10]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, far := memoryPair(streamconn.Config{})
				written := make(chan error, 1)
				go func() { written <- transport.WriteMessage([][]byte{message}) }() // ends at the latest with Close
				got := make([]byte, 10)
				if _, err := io.ReadFull(far, got); err != nil {
					t.Fatal(err)
				}
				closed := make(chan struct{})
				go func() {
					_ = transport.Close(tired)
					close(closed)
				}()
				synctest.Wait()
				if !tt.take {
					pause(2 * streamconn.DefaultCloseTimeout)
				}
				rest, _ := io.ReadAll(far)
				<-closed
				if got = append(got, rest...); !bytes.Equal(got, tt.want) {
					t.Errorf("%d bytes were written, want %d", len(got), len(tt.want))
				}
				if err := <-written; (err == nil) != tt.take {
					t.Errorf("WriteMessage: %v", err)
				}
			})
		})
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A ping that is as rare as the timeout would come too late.
		transport, far := memoryPair(streamconn.Config{PongTimeout: 3 * time.Second, PingInterval: -1, WriteTimeout: -1})
		go func() { _ = transport.WriteMessage([][]byte{settings}) }()
		if _, err := io.ReadFull(far, make([]byte, len(settings))); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := far.Read(make([]byte, 100)); err != nil || time.Since(start) != time.Second {
			t.Errorf("the first ping came after %v, %v", time.Since(start), err)
		}
		_ = far.Close()
		_ = transport.Close(normal)
	})
}
