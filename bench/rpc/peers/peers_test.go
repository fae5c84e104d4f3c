package peers

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testTimeout bounds what a test waits for.
const testTimeout = time.Minute

// relay passes bytes between its address and another and counts connections,
// so that a client that opens a second one is found out.
func relay(t *testing.T, target string) (address string, accepted *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = new(atomic.Int64)
	var running sync.WaitGroup
	running.Go(func() { // ends when the listener is closed by the cleanup, which waits
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				return
			}
			pass := func(dst, src net.Conn) {
				buf := make([]byte, ChunkBytes)
				for {
					n, err := src.Read(buf)
					if _, werr := dst.Write(buf[:n]); err != nil || werr != nil {
						dst.Close()
						src.Close()
						return
					}
				}
			}
			running.Go(func() { pass(out, in) }) // each ends with its connection
			running.Go(func() { pass(in, out) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String(), accepted
}

// TestPeers holds for every peer that answers are what was asked for, that
// streams carry all bytes, and that all of it goes over one connection.
func TestPeers(t *testing.T) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			service := NewService()
			target, stop, err := p.Serve(ctx, service)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			address, accepted := relay(t, target)
			client, err := p.Dial(ctx, address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close() })
			testEchoes(ctx, t, p, client, 1, 32, 1<<10, 70_000, 1<<20)
			if f, ok := client.(Fetcher); ok != p.Features.Has(Fetches) {
				t.Errorf("the client is a Fetcher: %t, by its features: %t", ok, !ok)
			} else if ok {
				testFetches(ctx, t, f, service)
			}
			if s, ok := client.(Streamer); ok != p.Features.Has(Streams) {
				t.Errorf("the client is a Streamer: %t, by its features: %t", ok, !ok)
			} else if ok {
				testStreams(ctx, t, p, client, s)
			}
			if n := accepted.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

func testEchoes(ctx context.Context, t *testing.T, p Peer, client Client, sizes ...int) {
	t.Helper()
	workers := 1
	if p.Features.Has(Concurrent) {
		workers = 16
	}
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			var scratch []byte
			for _, size := range sizes {
				request := make([]byte, size)
				FillNoise(request)
				request[0] = byte(w)
				answer, err := client.Echo(ctx, scratch, request)
				if err != nil {
					t.Errorf("echo of %d bytes: %v", size, err)
					return
				}
				if !bytes.Equal(answer, request) {
					t.Errorf("echo of %d bytes: not what was sent", size)
				}
				scratch = answer
			}
		})
	}
	running.Wait()
}

func testFetches(ctx context.Context, t *testing.T, f Fetcher, service *Service) {
	t.Helper()
	for _, size := range []int{1, 1 << 20} {
		if n, err := f.Fetch(ctx, size); err != nil || n != size {
			t.Errorf("fetch of %d bytes: %d, %v", size, n, err)
		}
	}
	if n := service.Fetches(); n != 2 {
		t.Errorf("%d fetches have reached the service, want 2", n)
	}
}

func testStreams(ctx context.Context, t *testing.T, p Peer, client Client, s Streamer) {
	t.Helper()
	const n = 5*ChunkBytes + 1
	moves := map[string]func(context.Context, int64) error{"up": s.Upload, "down": s.Download}
	for name, move := range moves {
		if err := move(ctx, n); err != nil {
			t.Errorf("stream %s: %v", name, err)
		}
		if !p.Features.Has(Mixed) {
			continue
		}
		done := make(chan error)
		go func() { done <- move(ctx, 100*n) }() // received below
		for running := true; running; {
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("stream %s beside calls: %v", name, err)
				}
				running = false
			default:
				testEchoes(ctx, t, Peer{}, client, 32)
			}
		}
	}
}
