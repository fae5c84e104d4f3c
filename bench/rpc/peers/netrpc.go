package peers

import (
	"context"
	"net"
	"net/rpc"
)

// netRPCPeer is net/rpc of the standard library, with gob.
func netRPCPeer() Peer {
	return Peer{
		Name:     "net/rpc",
		Settings: "standard library, defaults: gob",
		Features: Concurrent | Fetches,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			server := rpc.NewServer()
			if err := server.RegisterName("Bench", &netRPCService{s}); err != nil {
				return "", nil, err
			}
			return serveConns(ctx, func(conn net.Conn) { server.ServeConn(conn) })
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			return netRPCClient{rpc.NewClient(conn)}, nil
		},
	}
}

// netRPCService has the methods that package rpc finds by reflection.
type netRPCService struct{ service *Service }

// Echo answers with the request.
func (s *netRPCService) Echo(in, out *[]byte) error {
	*out = *in
	return nil
}

// Fetch answers with size bytes.
func (s *netRPCService) Fetch(size *int, out *[]byte) (err error) {
	*out, err = s.service.fetch(int64(*size))
	return err
}

type netRPCClient struct{ client *rpc.Client }

// Echo implements [Client].
func (c netRPCClient) Echo(_ context.Context, scratch, request []byte) ([]byte, error) {
	out := scratch[:0] // gob fills a slice that is large enough
	err := c.client.Call("Bench.Echo", &request, &out)
	return out, err
}

// Fetch implements [Fetcher].
func (c netRPCClient) Fetch(_ context.Context, size int) (int, error) {
	var out []byte
	err := c.client.Call("Bench.Fetch", &size, &out)
	return len(out), err
}

// Close implements [Client].
func (c netRPCClient) Close() error { return c.client.Close() }
