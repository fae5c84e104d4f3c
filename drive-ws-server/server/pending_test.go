package server_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
)

// gate is a connection that does not read while it is shut.
type gate struct {
	net.Conn
	mu   sync.Mutex
	open chan struct{} // closed while it is open
}

func (g *gate) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	<-open
	return n, err
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// dialGate dials through a gate that is open.
func dialGate(t *testing.T, url string) (*driveclient.Client, *gate) {
	t.Helper()
	g := &gate{open: make(chan struct{})}
	close(g.open)
	c, err := driveclient.Dial(t.Context(), url, driveclient.Options{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var err error
			g.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
			return g, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test may have failed
	return c, g
}

// Responses that a client does not take hold memory up to a limit: then others are
// refused, except small ones and streams, until it is free again.
func TestPendingResponsesAreBounded(t *testing.T) {
	const size = 400 << 10
	store := open(t)
	value := bytes.Repeat([]byte("v"), size)
	must[int64](t)(store.Write([]byte("large"), value))
	must[int64](t)(store.Write([]byte("small"), value[:1000]))
	_, url := serve(t, store, server.Options{
		MaxMessageBytes: 512 << 10, MaxPendingBytes: 3 * size, PendingWait: 300 * time.Millisecond,
	})
	slow, g := dialGate(t, url)
	g.shut()
	var done sync.WaitGroup
	for range 3 {
		done.Go(func() {
			if got, err := slow.Get(t.Context(), []byte("large")); err != nil || !bytes.Equal(got, value) {
				t.Errorf("the slow client got %d bytes, %v", len(got), err)
			}
		})
	}
	other := dial(t, url)
	large := [][]byte{[]byte("large")}
	for { // at some moment the slow client's responses hold all there is
		_, err := other.GetBatch(t.Context(), large)
		if errors.Is(err, driveclient.ErrLimit) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wantValue(t, other, "small", string(value[:1000]))
	wantValue(t, other, "large", string(value)) // refused, then streamed
	close(g.open)
	if got, err := other.GetBatch(t.Context(), large); err != nil || !bytes.Equal(got[0], value) {
		t.Errorf("afterwards: %v", err)
	}
	done.Wait()
}
