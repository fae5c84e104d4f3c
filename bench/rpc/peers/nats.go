package peers

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	natsEcho  = "bench.echo"
	natsFetch = "bench.fetch"
	// natsStartTimeout bounds the start of the embedded server.
	natsStartTimeout = 5 * time.Second
)

// natsPeer makes requests through an embedded NATS server, whose process
// also answers them.
func natsPeer() Peer {
	return Peer{
		Name:     "nats",
		Settings: "embedded nats-server, request/reply, defaults; the answering end is in the server's process",
		Features: Concurrent | Fetches,
		Serve:    serveNATS,
		Dial: func(_ context.Context, address string) (Client, error) {
			conn, err := nats.Connect("nats://" + address)
			if err != nil {
				return nil, err
			}
			return natsClient{conn}, nil
		},
	}
}

func serveNATS(_ context.Context, s *Service) (string, func(), error) {
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, DontListen: false,
	})
	if err != nil {
		return "", nil, err
	}
	broker.Start()
	if !broker.ReadyForConnections(natsStartTimeout) {
		broker.Shutdown()
		return "", nil, errors.New("peers: the NATS server did not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(broker))
	if err != nil {
		broker.Shutdown()
		return "", nil, err
	}
	stop := func() {
		conn.Close()
		broker.Shutdown()
		broker.WaitForShutdown()
	}
	_, echoErr := conn.Subscribe(natsEcho, func(m *nats.Msg) {
		_ = m.Respond(m.Data) // a caller without an answer reports it
	})
	_, fetchErr := conn.Subscribe(natsFetch, func(m *nats.Msg) {
		b, err := s.fetch(getInt(m.Data))
		if err == nil {
			_ = m.Respond(b) // as above
		}
	})
	if err := errors.Join(echoErr, fetchErr, conn.Flush()); err != nil {
		stop()
		return "", nil, err
	}
	return broker.Addr().String(), stop, nil
}

type natsClient struct{ conn *nats.Conn }

// Echo implements [Client].
func (c natsClient) Echo(ctx context.Context, _, request []byte) ([]byte, error) {
	m, err := c.conn.RequestWithContext(ctx, natsEcho, request)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// Fetch implements [Fetcher].
func (c natsClient) Fetch(ctx context.Context, size int) (int, error) {
	m, err := c.conn.RequestWithContext(ctx, natsFetch, putInt(int64(size)))
	if err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// Close implements [Client].
func (c natsClient) Close() error {
	c.conn.Close()
	return nil
}
