package wsconn

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// testFrame is a frame as it is on the wire.
type testFrame struct {
	first   byte // the first byte: opcode and bits
	masked  bool
	payload []byte
}

// readFrame takes a frame from the wire, as RFC 6455 section 5.2 has it.
func readFrame(r io.Reader) (f testFrame, err error) {
	take := func(n uint64) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		return b
	}
	head := take(2)
	f.first, f.masked = head[0], head[1]&maskBit != 0
	size := uint64(head[1] &^ maskBit)
	switch size {
	case 126:
		size = uint64(binary.BigEndian.Uint16(take(2)))
	case 127:
		size = binary.BigEndian.Uint64(take(8))
	}
	key := make([]byte, 4)
	if f.masked {
		key = take(4)
	}
	if err != nil {
		return f, err
	}
	f.payload = take(size)
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, err
}

// readMessage takes a message from the wire.
func readMessage(r io.Reader, wantMasked bool) (message []byte, frames int, err error) {
	for opcode := byte(binaryMessage); ; opcode = continuation {
		f, err := readFrame(r)
		if err != nil {
			return message, frames, err
		}
		frames++
		message = append(message, f.payload...)
		if f.first&^finalBit != opcode || f.masked != wantMasked {
			return message, frames, io.ErrNoProgress
		}
		if f.first&finalBit != 0 {
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
				go func() { written <- w.write(binaryMessage, pieces) }()
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
