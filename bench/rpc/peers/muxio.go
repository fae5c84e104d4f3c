package peers

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/simd-drive/go/muxio-rpc-caller"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	"github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio-ws-client"
	"github.com/simd-drive/go/muxio-ws-server"
)

// The methods of the service over muxio.
var (
	muxioEcho     = rpc.NewMethod("bench.echo", rpc.Bytes, rpc.Bytes)
	muxioFetch    = rpc.NewMethod("bench.fetch", rpc.Binary[int64](), rpc.Bytes)
	muxioUpload   = rpc.NewClientStream("bench.upload", rpc.Empty, rpc.Bytes, rpc.Binary[int64]())
	muxioDownload = rpc.NewServerStream("bench.download", rpc.Binary[int64](), rpc.Bytes)
)

// muxioPeer is this repository's stack as its users write it. options are
// those of the echo, the only method in which variants of the peer differ.
func muxioPeer(name, settings string, options ...endpoint.HandleOption) Peer {
	return Peer{
		Name:     name,
		Settings: settings,
		Ours:     true,
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveMuxio(ctx, s, options)
		},
		Dial: dialMuxio,
	}
}

func serveMuxio(ctx context.Context, s *Service, options []endpoint.HandleOption) (string, func(), error) {
	calls := endpoint.New(endpoint.Options{})
	err := errors.Join(
		endpoint.Handle(calls, muxioEcho, func(_ context.Context, b []byte) ([]byte, error) { return b, nil }, options...),
		endpoint.Handle(calls, muxioFetch, func(_ context.Context, size int64) ([]byte, error) { return s.fetch(size) }),
		endpoint.HandleClientStream(calls, muxioUpload, receiveMuxio),
		endpoint.HandleServerStream(calls, muxioDownload, func(_ context.Context, n int64, items *endpoint.Sender[[]byte]) error {
			w := endpoint.NewWriter(items)
			return s.download(n, func(chunk []byte) error {
				_, err := w.Write(chunk)
				return err
			})
		}),
	)
	if err != nil {
		return "", nil, err
	}
	server := wsserver.New(wsserver.Options{Handler: calls, MaxConnections: MaxConnections})
	address, stopHTTP, err := serveHTTP(ctx, &http.Server{Handler: server})
	return address, func() {
		_ = server.Close() // nothing is measured any more
		stopHTTP()
	}, err
}

func receiveMuxio(_ context.Context, _ struct{}, items *endpoint.Receiver[[]byte]) (int64, error) {
	return io.Copy(io.Discard, endpoint.NewReader(items))
}

type muxioClient struct{ client *wsclient.Client }

func dialMuxio(ctx context.Context, address string) (Client, error) {
	client, err := wsclient.Dial(ctx, "ws://"+address, wsclient.Options{})
	if err != nil {
		return nil, err
	}
	return muxioClient{client}, nil
}

// Echo implements [Client].
func (c muxioClient) Echo(ctx context.Context, _, request []byte) ([]byte, error) {
	return caller.Call(ctx, c.client.Conn(), muxioEcho, request)
}

// Fetch implements [Fetcher].
func (c muxioClient) Fetch(ctx context.Context, size int) (int, error) {
	b, err := caller.Call(ctx, c.client.Conn(), muxioFetch, int64(size))
	return len(b), err
}

// Upload implements [Streamer].
func (c muxioClient) Upload(ctx context.Context, n int64) error {
	stream, err := caller.OpenClientStream(ctx, c.client.Conn(), muxioUpload, struct{}{})
	if err != nil {
		return err
	}
	w := caller.NewWriter(stream)
	defer func() { _ = w.Close() }() // it does nothing after Finish
	err = upload(n, func(chunk []byte) error {
		_, err := w.Write(chunk)
		return err
	})
	if err != nil {
		return err
	}
	got, err := w.Finish()
	if err != nil {
		return err
	}
	return expect(got, n)
}

// Download implements [Streamer].
func (c muxioClient) Download(ctx context.Context, n int64) error {
	stream, err := caller.OpenServerStream(ctx, c.client.Conn(), muxioDownload, n)
	if err != nil {
		return err
	}
	r := caller.NewReader(stream)
	defer func() { _ = r.Close() }() // it does nothing after the last byte
	got, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	return expect(got, n)
}

// Close implements [Client].
func (c muxioClient) Close() error {
	err := c.client.Close()
	c.client.Conn().Wait()
	return err
}
