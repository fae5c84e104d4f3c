package wsconn

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// readMessage takes a message from the wire, as RFC 6455 section 5.2 has it.
func readMessage(r io.Reader, wantMasked bool) (message []byte, frames int, err error) {
	for opcode := byte(binaryMessage); ; opcode = continuation {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, frames, err
		}
		size := uint64(head[1] &^ maskBit)
		if size >= 126 {
			var long [8]byte
			bytesOfSize := map[uint64]int{126: 2, 127: 8}[size]
			if _, err := io.ReadFull(r, long[8-bytesOfSize:]); err != nil {
				return nil, frames, err
			}
			size = binary.BigEndian.Uint64(long[:])
		}
		var key [4]byte
		masked := head[1]&maskBit != 0
		if masked {
			if _, err := io.ReadFull(r, key[:]); err != nil {
				return nil, frames, err
			}
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(r, payload); err != nil {
			return nil, frames, err
		}
		for i := range payload {
			payload[i] ^= key[i%4]
		}
		frames++
		message = append(message, payload...)
		if head[0]&^finalBit != opcode || masked != wantMasked {
			return message, frames, io.ErrNoProgress
		}
		if head[0]&finalBit != 0 {
			return message, frames, nil
		}
	}
}

func TestFrames(t *testing.T) {
	for name, tt := range map[string]struct {
		network string
		masks   bool
		most    int // bytes in one frame
	}{
		"client": {"tcp", true, fragmentBytes},
		"server": {"tcp", false, 1 << 30},
		"server on a connection that takes one piece at a time": {"pipe", false, fragmentBytes},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			if tt.network == "tcp" {
				near, far = tcpPair(t)
			}
			defer near.Close()
			defer far.Close()
			w := newFrameWriter(near, tt.masks)
			for _, size := range []int{0, 1, 3, 125, 126, 511, 512, 513, 65535, 65536, fragmentBytes, fragmentBytes + 1, 3 * fragmentBytes} {
				want := bytes.Repeat([]byte("0123456789\x00"), size/11+1)[:size]
				pieces := [][]byte{want[:size/3], nil, want[size/3 : size/2], want[size/2:]}
				written := make(chan error, 1)
				go func() { written <- w.write(pieces) }()
				got, frames, err := readMessage(far, tt.masks)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d bytes came as %d, or others: %v", size, len(got), err)
				}
				if err := <-written; err != nil || frames != max(1, (size+tt.most-1)/tt.most) {
					t.Errorf("%d bytes in %d frames, %v", size, frames, err)
				}
				if !bytes.Equal(bytes.Join(pieces, nil), want) {
					t.Errorf("the sender's %d bytes were changed", size)
				}
			}
		})
	}
}

func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}
