package wsconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"testing"

	"github.com/simd-drive/go/muxio"
)

// socketPair returns transports over a TCP connection, that of the client first.
func socketPair(t *testing.T) (client, server *Transport) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server = New(near, Config{Masks: true}), New(far, Config{})
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
		_ = client.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		_ = server.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	})
	return client, server
}

// TestTryWriteMessage writes to a peer that does not read until the system takes no more,
// and then the rest.
func TestTryWriteMessage(t *testing.T) {
	for name, swap := range map[string]bool{"client": false, "server": true} {
		t.Run(name, func(t *testing.T) {
			a, b := socketPair(t)
			if swap {
				a, b = b, a
			}
			numbered := func(n int) [][]byte {
				p := bytes.Repeat([]byte{byte(n), 7}, 5000)
				binary.LittleEndian.PutUint32(p, uint32(n))
				return [][]byte{p[:3], p[3:4000], p[4000:]}
			}
			var want []byte
			n, taken, flushed := 0, true, true
			for ; taken && flushed; n++ {
				var err error
				if taken, flushed, err = a.TryWriteMessage(numbered(n)); err != nil {
					t.Fatal(err)
				}
				if taken {
					want = append(want, bytes.Join(numbered(n), nil)...)
				}
			}
			if taken {
				if again, _, err := a.TryWriteMessage(numbered(n)); again || err != nil {
					t.Errorf("before the rest of a message another was taken: %t, %v", again, err)
				}
			}
			written := make(chan error, 1)
			go func() { // ends when the peer, which reads now, has taken all
				err := a.Flush()
				if err == nil {
					err = a.WriteMessage([][]byte{[]byte("the last")})
				}
				written <- err
			}()
			want = append(want, "the last"...)
			var got []byte
			for len(got) < len(want) {
				p, err := b.ReadMessage()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p...)
			}
			if err := <-written; err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d messages: %d of %d bytes arrived, or others; %v", n, len(got), len(want), err)
			}
		})
	}
}

// What cannot be written past package net is not tried.
func TestTryWriteWithoutASocket(t *testing.T) {
	a, _ := newPair(t, Config{})
	if taken, _, err := a.TryWriteMessage([][]byte{[]byte("x")}); taken || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("taken %t, %v", taken, err)
	}
}

// A message that is too long for one write is left to WriteMessage.
func TestTryWriteOfALongMessage(t *testing.T) {
	a, _ := socketPair(t)
	if taken, _, err := a.TryWriteMessage([][]byte{make([]byte, fragmentBytes), {1}}); taken || err != nil {
		t.Errorf("taken %t, %v", taken, err)
	}
}

// A connection that has ended says so.
func TestTryWriteAfterTheEnd(t *testing.T) {
	a, _ := socketPair(t)
	_ = a.conn.Close()
	for range 2 {
		if taken, _, err := a.TryWriteMessage([][]byte{[]byte("x")}); taken || err == nil {
			t.Errorf("taken %t, %v", taken, err)
		}
	}
}
