package caller_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio-rpc-caller/callertest"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect joins two ends in memory.
func connect(t *testing.T, client, server rpc.Config) (c, s *rpc.Conn, kill func()) {
	t.Helper()
	a, b := muxio.Pipe()
	client.Role, server.Role = muxio.Initiator, muxio.Responder
	c, err := rpc.NewConn(a, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err = rpc.NewConn(b, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		c.Wait()
		s.Wait()
	})
	return c, s, func() { _ = a.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "killed"}) }
}

func TestCallsInMemory(t *testing.T) { callertest.Run(t, connect) }
