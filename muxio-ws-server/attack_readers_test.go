package wsserver_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// readerAttacks ask for much and do not read it, or do not grant room.
var readerAttacks = []attack{
	{"3,000 responses of 1 MiB, not read; they share their memory", 4096, neverRead(victimShared.ID(), 3000), "", 128},
	{"3,000 responses of 1 MiB, not read; memory for each, 32 calls at a time", 32, neverRead(victimFresh.ID(), 3000), "", 64},
	{"3,000 inline responses of 1 MiB, not read; 32 calls at a time", 32, neverRead(victimInline.ID(), 3000), "", 64},
	{"3,000 responses of 1 MiB, not read; memory for each, default limits", 0, neverRead(victimFresh.ID(), 3000), "", 256},
	{"1,000,000 small responses, not read", 0, neverReadMany(victimEcho.ID(), 1_000_000), "closed", 64},
	{"1,000,000 refusals, not read", 0, neverReadMany(12345, 1_000_000), "closed", 64},
	{"500 downloads without end, not read", 0, func(t *testing.T, v *victim) string {
		return unread(intrude(t, v.url), func(p *intruder) []byte { return p.call(victimDown.ID(), []byte{1}) }, 500)
	}, "closed", 32},
	{"10 downloads without end, read, no room granted", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		p.send(several(10, func(int) []byte { return p.call(victimDown.ID(), []byte{1}) }))
		return p.wantEcho()
	}, "goes on", 32},
	{"3,000 responses of 1 MiB, read, no room granted", 0, func(t *testing.T, v *victim) string {
		s := session(t, v.url)
		for range 3000 {
			id := s.NextID()
			if err := s.SendMessageNow(id, muxio.Body{Bytes: callMessage(id, victimShared.ID(), nil, nil)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Ping(t.Context()); err != nil {
			return "closed"
		}
		return "goes on"
	}, "goes on", 64},
}

// neverRead returns an attack that makes calls and reads none of the responses.
func neverRead(method rpc.MethodID, calls int) func(*testing.T, *victim) string {
	return func(t *testing.T, v *victim) string {
		return unread(intrude(t, v.url), func(p *intruder) []byte { return p.call(method, nil) }, calls)
	}
}

// neverReadMany does the same for small ones, many calls in a message.
func neverReadMany(method rpc.MethodID, calls int) func(*testing.T, *victim) string {
	const together = 1000
	return func(t *testing.T, v *victim) string {
		return unread(intrude(t, v.url), func(p *intruder) []byte {
			return several(together, func(int) []byte { return p.call(method, nil) })
		}, calls/together)
	}
}

// unread sends messages without reading, and reads when the server must have given the
// connection up.
func unread(p *intruder, message func(*intruder) []byte, n int) string {
	p.t.Helper()
	_ = p.ws.SetWriteDeadline(time.Now().Add(30 * time.Second)) // a slow machine needs its time to fill all buffers
	sent := true
	for i := 0; i < n && sent; i++ {
		sent = p.send(message(p))
	}
	if sent {
		<-time.After(3 * victimWriteTimeout)
	}
	if got := p.closed(); got != "cut off" {
		return got
	}
	return "closed: peer does not read"
}

// timeAttacks are about many, and about the end.
var timeAttacks = []attack{
	{"client that neither reads nor sends", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		<-time.After(3 * victimPongTimeout / 2)
		return p.closed()
	}, "cut off", 16},
	{"1,000 clients at once, thrice", 0, func(t *testing.T, v *victim) string {
		n := 1000
		if raceDetector {
			n = 200 // or they are as slow as peers that hang
		}
		for range 3 {
			var clients sync.WaitGroup
			for range n {
				clients.Go(func() {
					c, err := wsclient.Dial(t.Context(), v.url, wsclient.Options{HandshakeTimeout: 30 * time.Second})
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := c.Conn().Invoke(t.Context(), victimEcho.ID(), rpc.Message{Bytes: []byte("hello")}); err != nil {
						t.Error(err)
					}
					_ = c.Close()
				})
			}
			clients.Wait()
		}
		return "all served"
	}, "all served", 256},
	{"1,000 connections that stay, idle", 0, func(t *testing.T, v *victim) string {
		for range 1000 {
			c, err := wsclient.Dial(t.Context(), v.url, wsclient.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			if _, err := c.Conn().Invoke(t.Context(), victimEcho.ID(), rpc.Message{Bytes: []byte("hello")}); err != nil {
				t.Error(err)
			}
		}
		return "all served"
	}, "all served", 256},
}

// When the server is killed, all calls that are pending fail within a second, and say
// why.
func TestServerIsKilledWithManyCallsPending(t *testing.T) {
	const calls = 1000
	v := startVictim(t, calls)
	v.killed = true
	c := dial(t, v.url, wsclient.Options{})
	failed := make(chan error, calls)
	for range calls {
		go func() {
			_, err := c.Conn().Invoke(context.Background(), victimBlock.ID(), rpc.Message{})
			failed <- err
		}()
	}
	if _, err := c.Conn().Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range calls {
		if err := <-failed; !errors.Is(err, rpc.Unavailable) {
			t.Fatalf("pending call: %v", err)
		}
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("pending calls failed after %v", d)
	}
}
