package endpoint_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio-rpc-endpoint/endpointtest"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a connection over one end of a pipe.
func start(t *testing.T, over muxio.Transport, cfg rpc.Config, role muxio.Role) *rpc.Conn {
	t.Helper()
	cfg.Role = role
	c, err := rpc.NewConn(over, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		c.Wait()
	})
	return c
}

// connect joins two ends in memory.
func connect(t *testing.T, client, server rpc.Config) (c, s *rpc.Conn, kill func()) {
	t.Helper()
	a, b := muxio.Pipe()
	c, s = start(t, a, client, muxio.Initiator), start(t, b, server, muxio.Responder)
	return c, s, func() { _ = a.Close(muxio.CloseReason{Code: muxio.CloseGoingAway, Text: "killed"}) }
}

// serveRaw answers at one end of a pipe and returns the other.
func serveRaw(t *testing.T, server rpc.Config) muxio.Transport {
	t.Helper()
	a, b := muxio.Pipe()
	start(t, b, server, muxio.Responder)
	return a
}

func TestAnswersInMemory(t *testing.T) { endpointtest.Run(t, connect, serveRaw) }
