package wsserver_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio-rpc-caller/callertest"
	"github.com/simd-drive/go/muxio-rpc-endpoint/endpointtest"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
	"github.com/simd-drive/go/muxio/wsconn"
)

// connectSuite is the [callertest.Connect] of this module: a client and a
// server over TCP.
func connectSuite(t *testing.T, client, server rpc.Config) (c, s *rpc.Conn, kill func()) {
	t.Helper()
	accepted := make(chan *rpc.Conn, 1)
	_, url := serve(t, wsserver.Options{
		Conn: server,
		OnConnect: func(conn *rpc.Conn, _ *http.Request) {
			accepted <- conn
			<-conn.Done()
			conn.Wait() // for the handlers: the server's Close waits for this
		},
	})
	var network net.Conn
	dialed := dial(t, url, wsclient.Options{
		Conn: client,
		DialContext: func(ctx context.Context, kind, addr string) (_ net.Conn, err error) {
			network, err = dialTCP(ctx, kind, addr)
			return network, err
		},
	})
	t.Cleanup(func() {
		_ = dialed.Close()
		dialed.Conn().Wait()
	})
	return dialed.Conn(), <-accepted, func() { _ = network.Close() }
}

func dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// serveSuite is the [endpointtest.Serve] of this module.
func serveSuite(t *testing.T, server rpc.Config) muxio.Transport {
	t.Helper()
	_, url := serve(t, wsserver.Options{Conn: server})
	return wsconn.New(rawConn(t, url), wsconn.Config{Masks: true})
}

func TestCallsOverWebSocket(t *testing.T) { callertest.Run(t, connectSuite) }

func TestAnswersOverWebSocket(t *testing.T) { endpointtest.Run(t, connectSuite, serveSuite) }
