package peers

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// connectStreams is the number of calls that the server takes at a time. With
// more calls than the server takes, net/http opens further connections, or
// with StrictMaxConcurrentRequests may wait for ever (Go 1.26: the calls that
// wait for a stream count as streams).
const connectStreams = 4096

// connectPeer is Connect over HTTP/2 without TLS.
func connectPeer() Peer {
	return Peer{
		Name:     "connect",
		Settings: "Connect protocol over h2c of net/http, no compression, one connection with up to 4,096 streams, else defaults; protobuf BytesValue",
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve:    serveConnect,
		Dial:     dialConnect,
	}
}

func serveConnect(ctx context.Context, s *Service) (string, func(), error) {
	mux := http.NewServeMux()
	mux.Handle(grpcEcho, connect.NewUnaryHandler(grpcEcho,
		func(_ context.Context, in *connect.Request[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.BytesValue], error) {
			return connect.NewResponse(in.Msg), nil
		}))
	mux.Handle(grpcFetch, connect.NewUnaryHandler(grpcFetch,
		func(_ context.Context, in *connect.Request[wrapperspb.Int64Value]) (*connect.Response[wrapperspb.BytesValue], error) {
			b, err := s.fetch(in.Msg.GetValue())
			return connect.NewResponse(wrapperspb.Bytes(b)), err
		}))
	mux.Handle(grpcUpload, connect.NewClientStreamHandler(grpcUpload,
		func(_ context.Context, in *connect.ClientStream[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.Int64Value], error) {
			n := int64(0)
			for in.Receive() {
				n += int64(len(in.Msg().GetValue()))
			}
			return connect.NewResponse(wrapperspb.Int64(n)), in.Err()
		}))
	mux.Handle(grpcDownload, connect.NewServerStreamHandler(grpcDownload,
		func(_ context.Context, in *connect.Request[wrapperspb.Int64Value], out *connect.ServerStream[wrapperspb.BytesValue]) error {
			return s.download(in.Msg.GetValue(), func(chunk []byte) error { return out.Send(wrapperspb.Bytes(chunk)) })
		}))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: connectStreams}}
	server.Protocols.SetUnencryptedHTTP2(true)
	return serveHTTP(ctx, server)
}

type connectClient struct {
	transport *http.Transport
	echo      *connect.Client[wrapperspb.BytesValue, wrapperspb.BytesValue]
	fetch     *connect.Client[wrapperspb.Int64Value, wrapperspb.BytesValue]
	upload    *connect.Client[wrapperspb.BytesValue, wrapperspb.Int64Value]
	download  *connect.Client[wrapperspb.Int64Value, wrapperspb.BytesValue]
}

func dialConnect(ctx context.Context, address string) (Client, error) {
	transport := &http.Transport{
		Protocols: new(http.Protocols),
		HTTP2:     &http.HTTP2Config{StrictMaxConcurrentRequests: true}, // or it opens further connections
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client, base := &http.Client{Transport: transport}, "http://"+address
	plain := connect.WithAcceptCompression("gzip", nil, nil)
	c := &connectClient{
		transport: transport,
		echo:      connect.NewClient[wrapperspb.BytesValue, wrapperspb.BytesValue](client, base+grpcEcho, plain),
		fetch:     connect.NewClient[wrapperspb.Int64Value, wrapperspb.BytesValue](client, base+grpcFetch, plain),
		upload:    connect.NewClient[wrapperspb.BytesValue, wrapperspb.Int64Value](client, base+grpcUpload, plain),
		download:  connect.NewClient[wrapperspb.Int64Value, wrapperspb.BytesValue](client, base+grpcDownload, plain),
	}
	// The first call opens the connection; several first calls would open several.
	_, err := c.Echo(ctx, nil, nil)
	return c, err
}

// Echo implements [Client].
func (c *connectClient) Echo(ctx context.Context, _, request []byte) ([]byte, error) {
	out, err := c.echo.CallUnary(ctx, connect.NewRequest(wrapperspb.Bytes(request)))
	if err != nil {
		return nil, err
	}
	return out.Msg.GetValue(), nil
}

// Fetch implements [Fetcher].
func (c *connectClient) Fetch(ctx context.Context, size int) (int, error) {
	out, err := c.fetch.CallUnary(ctx, connect.NewRequest(wrapperspb.Int64(int64(size))))
	if err != nil {
		return 0, err
	}
	return len(out.Msg.GetValue()), nil
}

// Upload implements [Streamer].
func (c *connectClient) Upload(ctx context.Context, n int64) error {
	stream := c.upload.CallClientStream(ctx)
	err := upload(n, func(chunk []byte) error { return stream.Send(wrapperspb.Bytes(chunk)) })
	if err != nil {
		return err
	}
	got, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return expect(got.Msg.GetValue(), n)
}

// Download implements [Streamer].
func (c *connectClient) Download(ctx context.Context, n int64) error {
	stream, err := c.download.CallServerStream(ctx, connect.NewRequest(wrapperspb.Int64(n)))
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // it was read to its end, or has failed
	got := int64(0)
	for stream.Receive() {
		got += int64(len(stream.Msg().GetValue()))
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return expect(got, n)
}

// Close implements [Client].
func (c *connectClient) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}
