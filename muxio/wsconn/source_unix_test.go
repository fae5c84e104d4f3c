//go:build unix

package wsconn

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
)

// A socket that waits holds no buffer, whatever came before.
func TestSocketSource(t *testing.T) {
	near, far := tcpPair(t)
	defer near.Close()
	s, ok := newSource(near).(*socketSource)
	if !ok {
		t.Fatalf("a socket is read by %T", newSource(near))
	}
	for _, size := range []int{1, 5 * ReadBufferBytes} {
		go mustWrite(t, far, make([]byte, size))
		readBytes(t, s, size)
		done := true
		if err := s.raw.Control(func(fd uintptr) { done = s.readNow(fd) }); err != nil || done || s.lent != nil {
			t.Errorf("after %d bytes: %v, done %v, buffer kept: %v", size, err, done, s.lent != nil)
		}
	}
	_ = near.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := s.read(); !errors.Is(err, os.ErrDeadlineExceeded) || !isTimeout(err) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = near.SetReadDeadline(time.Time{})
	_ = far.Close()
	if b, err := s.read(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d bytes, %v", len(b), err)
	}
	_ = near.Close()
	if _, err := s.read(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A connection that failed holds no buffer, though it may be kept for its error.
func TestSocketSourceAfterReset(t *testing.T) {
	near, far := tcpPair(t)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	transport := New(near, Config{})
	defer func() { _ = transport.Close(muxio.CloseReason{Code: muxio.CloseNormal}) }()
	if _, err := transport.ReadMessage(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ReadMessage: %v", err)
	}
	if s, ok := transport.source.(*socketSource); !ok || s.lent != nil {
		t.Errorf("%T keeps its buffer", transport.source)
	}
}
