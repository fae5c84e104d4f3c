package streamconn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/muxiotest"
	"github.com/simd-drive/go/muxio/streamconn"
)

// childVariable is the environment variable that makes this program a child of
// its tests, and says which.
const childVariable = "STREAMCONN_TEST_CHILD"

func TestMain(m *testing.M) {
	muxiotest.RelayIfChild()
	if kind := os.Getenv(childVariable); kind != "" {
		os.Exit(child(kind))
	}
	goleak.VerifyTestMain(m)
}

// child is what the child process does. It returns its exit status.
func child(kind string) int {
	switch kind {
	case "deaf": // neither reads nor writes, nor exits
		<-time.After(time.Minute) // far longer than any test lets it live
	case "fails":
		fmt.Fprintln(os.Stderr, "no luck today")
		return 3
	case "echo":
		return childEcho()
	}
	return 1
}

// childEcho returns each stream to its sender, prints to its standard output
// meanwhile, and exits with 0 when the peer has closed in good order.
func childEcho() int {
	t, err := streamconn.Stdio(streamconn.Config{})
	if err != nil {
		return 4
	}
	s, err := serveEcho(t, muxio.Responder)
	if err != nil {
		return 5
	}
	fmt.Println("this is no frame, and goes to the standard error") //nolint:forbidigo // that is the point
	<-s.Done()
	_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	if err := s.Err(); !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "ended with", err)
		return 6
	}
	return 0
}

// echo returns what it receives when the stream is complete.
type echo struct {
	session *muxio.Session
	stream  *muxio.RecvStream
	data    []byte
}

func (e *echo) Data(p []byte) {
	e.data = append(e.data, p...)
	e.stream.Grant(len(p))
}

func (e *echo) End() {
	e.stream.Release()
	e.session.SendMessageLater(e.session.NextID(), muxio.Normal, muxio.Body{Bytes: e.data}, nil)
}

func (e *echo) Cancel(error) { e.stream.Release() }

// serveEcho starts a session that returns each stream to its sender.
func serveEcho(t muxio.Transport, role muxio.Role) (s *muxio.Session, err error) {
	ready := make(chan struct{})
	s, err = muxio.NewSession(t, muxio.Config{Role: role, Accept: func(r *muxio.RecvStream) muxio.Receiver {
		<-ready
		return &echo{session: s, stream: r}
	}})
	close(ready)
	return s, err
}
