package caller_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio-rpc-caller/callertest"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/muxiotest"
)

func TestMain(m *testing.M) {
	muxiotest.RelayIfChild()
	goleak.VerifyTestMain(m)
}

// start starts a connection over one end of a link.
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

// TestCalls runs the suite over every link: in memory, TCP, a Unix socket, the
// standard streams of a child process.
func TestCalls(t *testing.T) {
	for _, link := range muxiotest.Links() {
		t.Run(link.Name, func(t *testing.T) {
			callertest.Run(t, func(t *testing.T, client, server rpc.Config) (c, s *rpc.Conn, kill func()) {
				a, b, kill := link.Watched(t)
				return start(t, a, client, muxio.Initiator), start(t, b, server, muxio.Responder), kill
			})
		})
	}
}
