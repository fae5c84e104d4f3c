package streamconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/muxiotest"
)

// hangGuard bounds waits that only a defect makes long.
const hangGuard = 30 * time.Second

func await[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(hangGuard):
		t.Fatalf("hang: no %s", what)
		panic("unreachable")
	}
}

// collector takes one stream and tells it when it is complete.
type collector struct {
	stream *muxio.RecvStream
	data   []byte
	done   chan<- []byte
}

func (c *collector) Data(p []byte) {
	c.data = append(c.data, p...)
	c.stream.Grant(len(p))
}

func (c *collector) End() {
	c.stream.Release()
	c.done <- c.data
}

func (c *collector) Cancel(error) { c.done <- nil }

// newClient starts a session that tells what comes back.
func newClient(t *testing.T, transport muxio.Transport) (*muxio.Session, <-chan []byte) {
	t.Helper()
	back := make(chan []byte, 100)
	s, err := muxio.NewSession(transport, muxio.Config{Role: muxio.Initiator, Accept: func(r *muxio.RecvStream) muxio.Receiver {
		return &collector{stream: r, done: back}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal}) })
	return s, back
}

// wantEcho sends a body and wants it back.
func wantEcho(t *testing.T, s *muxio.Session, back <-chan []byte, size int) {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef~"), size/17+1)[:size]
	err := s.OpenStream(muxio.Normal).Send(context.Background(), muxio.Body{Prefix: body[:size/3], Bytes: body[size/3:], End: true})
	if err != nil {
		t.Fatalf("%d bytes: %v", size, err)
	}
	if got := await(t, back, "echo"); !bytes.Equal(got, body) {
		t.Fatalf("%d bytes came back of %d, or others", len(got), size)
	}
}

func TestSessionsOverEveryLink(t *testing.T) {
	for _, link := range muxiotest.Links() {
		t.Run(link.Name, func(t *testing.T) {
			a, b, _ := link.Connect(t)
			client, back := newClient(t, a)
			server, err := serveEcho(b, muxio.Responder)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close(muxio.CloseReason{Code: muxio.CloseNormal}) })
			for _, size := range []int{0, 1, 1000, muxio.ChunkBytes, 300_000, 5 << 20} {
				wantEcho(t, client, back, size)
			}
			if rtt, err := client.Ping(t.Context()); err != nil || rtt <= 0 {
				t.Errorf("ping: %v, %v", rtt, err)
			}
		})
	}
}

func TestReasonsReachThePeerOverEveryLink(t *testing.T) {
	for _, link := range muxiotest.Links() {
		for _, tt := range []struct {
			name   string
			reason muxio.CloseReason
			server bool // closes
		}{
			{"ClientIsDone", muxio.CloseReason{Code: muxio.CloseNormal}, false},
			{"ServerIsDone", muxio.CloseReason{Code: muxio.CloseNormal}, true},
			{"ClientGoes", muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "tired"}, false},
			{"ServerGoes", muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "tired"}, true},
		} {
			t.Run(link.Name+"/"+tt.name, func(t *testing.T) {
				a, b, _ := link.Connect(t)
				closer, back := newClient(t, a)
				other, err := serveEcho(b, muxio.Responder)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = other.Close(muxio.CloseReason{Code: muxio.CloseNormal}) })
				// So little that it is granted no room: a connection that cannot be
				// closed for writing alone loses the reason when the peer still sends.
				wantEcho(t, closer, back, 50_000)
				if tt.server {
					closer, other = other, closer
				}
				start := time.Now()
				if err := closer.Close(tt.reason); err != nil {
					t.Error(err)
				}
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("closing took %v", d)
				}
				await(t, other.Done(), "end")
				var closed *muxio.CloseError
				switch err := other.Err(); {
				case tt.reason.Code == muxio.CloseNormal:
					if !errors.Is(err, io.EOF) {
						t.Errorf("the other end saw %v", err)
					}
				case !errors.As(err, &closed) || !closed.Remote || closed.CloseReason != tt.reason:
					t.Errorf("the other end saw %v", err)
				}
			})
		}
	}
}

func TestDeathIsNoGoodbye(t *testing.T) {
	for _, link := range muxiotest.Links() {
		t.Run(link.Name, func(t *testing.T) {
			a, b, kill := link.Connect(t)
			client, back := newClient(t, a)
			server, err := serveEcho(b, muxio.Responder)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close(muxio.CloseReason{Code: muxio.CloseNormal}) })
			wantEcho(t, client, back, 10)
			kill()
			await(t, server.Done(), "end of the server")
			if err := server.Err(); err == nil || errors.Is(err, io.EOF) || errors.Is(err, muxio.ErrClosed) {
				t.Errorf("the server saw %v", err)
			}
			await(t, client.Done(), "end of the client")
		})
	}
}
