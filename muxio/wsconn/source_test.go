package wsconn

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// readBytes reads n bytes in all and returns the most that came at once.
func readBytes(t *testing.T, s source, n int) (most int) {
	t.Helper()
	for n > 0 {
		b, err := s.read()
		if n -= len(b); err != nil {
			t.Fatal(err)
		}
		most = max(most, len(b))
	}
	return most
}

// A connection that waits after little came holds no large buffer, whatever came before.
func TestConnSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		s := &connSource{conn: near}
		for _, sizes := range [][]int{{1}, {waitingBytes - 1}, {5 * ReadBufferBytes, 1}} {
			n := 0
			for _, size := range sizes {
				n += size
				go func() { mustWrite(t, far, make([]byte, size)) }()
				synctest.Wait()
				if most := readBytes(t, s, size); most < min(size, ReadBufferBytes) {
					t.Errorf("of %d bytes at most %d came at once", size, most)
				}
			}
			ended := make(chan error)
			go func() {
				_, err := s.read()
				ended <- err
			}()
			synctest.Wait()
			if s.lent != nil {
				t.Errorf("after %v bytes: waits with a large buffer", sizes)
			}
			mustWrite(t, far, []byte{1})
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		_ = far.Close()
		if b, err := s.read(); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d bytes, %v", len(b), err)
		}
	})
}
