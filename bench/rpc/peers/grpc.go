package peers

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	grpcEcho     = "/bench.Bench/Echo"
	grpcFetch    = "/bench.Bench/Fetch"
	grpcUpload   = "/bench.Bench/Upload"
	grpcDownload = "/bench.Bench/Download"
)

// grpcService describes the service as generated code does.
var grpcService = grpc.ServiceDesc{
	ServiceName: "bench.Bench",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Echo", Handler: grpcUnary(func(_ *Service, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
			return in, nil
		})},
		{MethodName: "Fetch", Handler: grpcUnary(func(s *Service, in *wrapperspb.Int64Value) (*wrapperspb.BytesValue, error) {
			b, err := s.fetch(in.GetValue())
			return wrapperspb.Bytes(b), err
		})},
	},
	Streams: []grpc.StreamDesc{
		{StreamName: "Upload", Handler: grpcReceive, ClientStreams: true},
		{StreamName: "Download", Handler: grpcSend, ServerStreams: true},
	},
}

// grpcPeer is gRPC with protobuf messages.
func grpcPeer() Peer {
	return Peer{
		Name:     "grpc",
		Settings: "grpc-go, defaults: windows of 64 KiB grown by the library's estimate; protobuf BytesValue",
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve:    serveGRPC,
		Dial:     dialGRPC,
	}
}

func serveGRPC(ctx context.Context, s *Service) (string, func(), error) {
	l, err := listen(ctx)
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer()
	server.RegisterService(&grpcService, s)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // ends with Stop below, which waits
	return l.Addr().String(), func() {
		server.Stop()
		running.Wait()
	}, nil
}

// grpcUnary makes the handler of a unary method.
func grpcUnary[Req, Resp any](fn func(*Service, *Req) (*Resp, error)) grpc.MethodHandler {
	return func(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(Req)
		if err := decode(in); err != nil {
			return nil, err
		}
		return fn(srv.(*Service), in)
	}
}

func grpcReceive(_ any, stream grpc.ServerStream) error {
	n := int64(0)
	for {
		var chunk wrapperspb.BytesValue
		err := stream.RecvMsg(&chunk)
		if errors.Is(err, io.EOF) {
			return stream.SendMsg(wrapperspb.Int64(n))
		}
		if err != nil {
			return err
		}
		n += int64(len(chunk.GetValue()))
	}
}

func grpcSend(srv any, stream grpc.ServerStream) error {
	var n wrapperspb.Int64Value
	if err := stream.RecvMsg(&n); err != nil {
		return err
	}
	return srv.(*Service).download(n.GetValue(), func(chunk []byte) error {
		return stream.SendMsg(wrapperspb.Bytes(chunk))
	})
}

type grpcClient struct{ conn *grpc.ClientConn }

func dialGRPC(_ context.Context, address string) (Client, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	conn.Connect()
	return grpcClient{conn}, nil
}

// Echo implements [Client].
func (c grpcClient) Echo(ctx context.Context, _, request []byte) ([]byte, error) {
	var out wrapperspb.BytesValue
	err := c.conn.Invoke(ctx, grpcEcho, wrapperspb.Bytes(request), &out)
	return out.GetValue(), err
}

// Fetch implements [Fetcher].
func (c grpcClient) Fetch(ctx context.Context, size int) (int, error) {
	var out wrapperspb.BytesValue
	err := c.conn.Invoke(ctx, grpcFetch, wrapperspb.Int64(int64(size)), &out)
	return len(out.GetValue()), err
}

// Upload implements [Streamer].
func (c grpcClient) Upload(ctx context.Context, n int64) error {
	stream, err := c.conn.NewStream(ctx, &grpcService.Streams[0], grpcUpload)
	if err != nil {
		return err
	}
	err = upload(n, func(chunk []byte) error { return stream.SendMsg(wrapperspb.Bytes(chunk)) })
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var got wrapperspb.Int64Value
	if err := stream.RecvMsg(&got); err != nil {
		return err
	}
	return expect(got.GetValue(), n)
}

// Download implements [Streamer].
func (c grpcClient) Download(ctx context.Context, n int64) error {
	stream, err := c.conn.NewStream(ctx, &grpcService.Streams[1], grpcDownload)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(wrapperspb.Int64(n)); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	got := int64(0)
	for {
		var chunk wrapperspb.BytesValue
		err := stream.RecvMsg(&chunk)
		if errors.Is(err, io.EOF) {
			return expect(got, n)
		}
		if err != nil {
			return err
		}
		got += int64(len(chunk.GetValue()))
	}
}

// Close implements [Client].
func (c grpcClient) Close() error { return c.conn.Close() }
