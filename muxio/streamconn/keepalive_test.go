package streamconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

func TestSilentPeerIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		send bool // this end sends all the time: that must not count
	}{{"idle", false}, {"sending", true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, far := memoryPair(streamconn.Config{PongTimeout: 8 * time.Second})
				var background sync.WaitGroup
				background.Go(func() { _, _ = io.Copy(io.Discard, far) }) // takes all, and never answers
				if tt.send {
					background.Go(func() { // ends when the transport is closed
						for transport.WriteMessage([][]byte{settings}) == nil {
							pause(time.Second)
						}
					})
				}
				start := time.Now()
				_, err := transport.ReadMessage()
				if !errors.Is(err, streamconn.ErrSilent) {
					t.Errorf("ReadMessage: %v", err)
				}
				if d := time.Since(start); d < 8*time.Second || d > 9*time.Second {
					t.Errorf("given up after %v", d)
				}
				if _, err := transport.ReadMessage(); !errors.Is(err, streamconn.ErrSilent) {
					t.Errorf("second ReadMessage: %v", err)
				}
				_ = transport.Close(normal)
				_ = far.Close()
				background.Wait()
			})
		})
	}
}

func TestPeerThatSendsAByteNowAndThenStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, far := memoryPair(streamconn.Config{})
		go func() { // ends with what it has to send
			for range 20 {
				pause(streamconn.DefaultPongTimeout - time.Second)
				_, _ = far.Write([]byte("x"))
			}
			_ = far.Close()
		}()
		for range 20 {
			if _, err := transport.ReadMessage(); err != nil {
				t.Fatal(err)
			}
		}
		_ = transport.Close(normal)
	})
}

// Two sessions that have nothing to say to each other stay connected by the
// pings of their transports.
func TestIdleSessionsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		client, back := newClient(t, streamconn.New(near, streamconn.Config{}))
		server, err := serveEcho(streamconn.New(far, streamconn.Config{}), muxio.Responder)
		if err != nil {
			t.Fatal(err)
		}
		pause(time.Hour)
		if client.Err() != nil || server.Err() != nil {
			t.Fatalf("ended with %v and %v", client.Err(), server.Err())
		}
		wantEcho(t, client, back, 100_000)
		_ = client.Close(normal)
		_ = server.Close(normal)
	})
}

// When the network swallows everything, both sessions end by themselves.
func TestHalfOpenConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		client, _ := newClient(t, streamconn.New(near, streamconn.Config{}))
		stop := make(chan struct{})
		go func() { // takes all, and is no session
			_, _ = io.Copy(io.Discard, far)
			close(stop)
		}()
		start := time.Now()
		<-client.Done()
		if err := client.Err(); !errors.Is(err, streamconn.ErrSilent) {
			t.Errorf("ended with %v", err)
		}
		if d := time.Since(start); d > 2*streamconn.DefaultPongTimeout {
			t.Errorf("ended after %v", d)
		}
		_ = client.Close(normal)
		_ = far.Close()
		<-stop
	})
}

func TestPingsComeAfterTheFirstMessageOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, far := memoryPair(streamconn.Config{PongTimeout: time.Hour})
		begin := time.Now()
		pause(7 * streamconn.DefaultPingInterval / 2)
		go func() { _ = transport.WriteMessage([][]byte{settings}) }() // ends when it is read
		got := make([]byte, 200)
		n, err := far.Read(got)
		if err != nil || !bytes.Equal(got[:n], settings) {
			t.Fatalf("%x came first, %v", got[:n], err)
		}
		for i := range 3 {
			n, err := far.Read(got)
			if err != nil {
				t.Fatal(err)
			}
			f, rest, ok, err := muxio.Layout13.Parse(got[:n], 100)
			if err != nil || !ok || len(rest) != 0 || f.Kind != muxio.Ping || f.Stream != 1<<32-1 || len(f.Payload) != 8 {
				t.Errorf("%x is no ping, %v", got[:n], err)
			}
			if d := time.Since(begin); d != time.Duration(4+i)*streamconn.DefaultPingInterval {
				t.Errorf("a ping came after %v", d)
			}
		}
		_ = far.Close()
		_ = transport.Close(normal)
	})
}

func TestPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) io.ReadWriteCloser{
		"WithDeadlines":    func(c net.Conn) io.ReadWriteCloser { return c },
		"WithoutDeadlines": func(c net.Conn) io.ReadWriteCloser { return struct{ io.ReadWriteCloser }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				// The pongs of a peer that does not read do not help it.
				client, _ := newClient(t, streamconn.New(wrap(near), streamconn.Config{PongTimeout: time.Hour}))
				start := time.Now()
				err := client.OpenStream(muxio.Normal).Send(context.Background(), muxio.Body{Bytes: make([]byte, 1<<20), End: true})
				if !errors.Is(err, streamconn.ErrNotReading) {
					t.Errorf("Send: %v", err)
				}
				if d := time.Since(start); d > 2*streamconn.DefaultWriteTimeout {
					t.Errorf("given up after %v", d)
				}
				<-client.Done()
				_ = client.Close(normal)
				_ = far.Close()
			})
		})
	}
}

// An idle session has nothing to write, so the ping has to find out that the
// peer does not read.
func TestPeerThatDoesNotReadIsGivenUpByAPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, far := memoryPair(streamconn.Config{PongTimeout: time.Hour})
		go func() { // takes the settings and nothing else
			_, _ = io.ReadFull(far, make([]byte, len(settings)))
		}()
		if err := transport.WriteMessage([][]byte{settings}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := transport.ReadMessage()
		if !errors.Is(err, streamconn.ErrNotReading) {
			t.Errorf("ReadMessage: %v", err)
		}
		if d := time.Since(start); d != streamconn.DefaultPingInterval+streamconn.DefaultWriteTimeout {
			t.Errorf("given up after %v", d)
		}
		_ = transport.Close(normal)
		_ = far.Close()
	})
}
