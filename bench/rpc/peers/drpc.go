package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"storj.io/drpc"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcserver"
)

// drpcPeer is drpc with plain bytes as messages. It runs one call at a time
// on a connection, so further calls wait, and none runs beside a stream.
func drpcPeer() Peer {
	return Peer{
		Name:     "drpc",
		Settings: "defaults: one call at a time on a connection, the others wait; plain bytes",
		Features: Concurrent | Fetches | Streams,
		Serve:    serveDRPC,
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			return drpcClient{drpcconn.New(conn)}, nil
		},
	}
}

func serveDRPC(ctx context.Context, s *Service) (string, func(), error) {
	l, err := listen(ctx)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = drpcserver.New(drpcHandler{s}).Serve(ctx, l) }) // ends with cancel, and stop waits
	return l.Addr().String(), func() {
		cancel()
		running.Wait()
	}, nil
}

// plain is the encoding of *[]byte as itself.
type plain struct{}

// Marshal implements [drpc.Encoding].
func (plain) Marshal(msg drpc.Message) ([]byte, error) { return *msg.(*[]byte), nil }

// Unmarshal implements [drpc.Encoding].
func (plain) Unmarshal(buf []byte, msg drpc.Message) error {
	out := msg.(*[]byte)
	*out = append((*out)[:0], buf...)
	return nil
}

type drpcHandler struct{ service *Service }

// HandleRPC implements [drpc.Handler].
func (h drpcHandler) HandleRPC(stream drpc.Stream, method string) error {
	var in []byte
	if method == grpcUpload {
		n := int64(0)
		for {
			err := stream.MsgRecv(&in, plain{})
			if errors.Is(err, io.EOF) {
				answer := putInt(n)
				return stream.MsgSend(&answer, plain{})
			}
			if err != nil {
				return err
			}
			n += int64(len(in))
		}
	}
	if err := stream.MsgRecv(&in, plain{}); err != nil {
		return err
	}
	switch method {
	case grpcEcho:
		return stream.MsgSend(&in, plain{})
	case grpcFetch:
		b, err := h.service.fetch(getInt(in))
		if err != nil {
			return err
		}
		return stream.MsgSend(&b, plain{})
	case grpcDownload:
		return h.service.download(getInt(in), func(chunk []byte) error { return stream.MsgSend(&chunk, plain{}) })
	}
	return fmt.Errorf("peers: drpc method %q is unknown", method)
}

type drpcClient struct{ conn *drpcconn.Conn }

// Echo implements [Client].
func (c drpcClient) Echo(ctx context.Context, scratch, request []byte) ([]byte, error) {
	out := scratch[:0]
	err := c.conn.Invoke(ctx, grpcEcho, plain{}, &request, &out)
	return out, err
}

// Fetch implements [Fetcher].
func (c drpcClient) Fetch(ctx context.Context, size int) (int, error) {
	var out []byte
	in := putInt(int64(size))
	err := c.conn.Invoke(ctx, grpcFetch, plain{}, &in, &out)
	return len(out), err
}

// Upload implements [Streamer].
func (c drpcClient) Upload(ctx context.Context, n int64) error {
	stream, err := c.conn.NewStream(ctx, grpcUpload, plain{})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	if err := upload(n, func(chunk []byte) error { return stream.MsgSend(&chunk, plain{}) }); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var out []byte
	if err := stream.MsgRecv(&out, plain{}); err != nil {
		return err
	}
	return expect(getInt(out), n)
}

// Download implements [Streamer].
func (c drpcClient) Download(ctx context.Context, n int64) error {
	stream, err := c.conn.NewStream(ctx, grpcDownload, plain{})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	in := putInt(n)
	if err := errors.Join(stream.MsgSend(&in, plain{}), stream.CloseSend()); err != nil {
		return err
	}
	var chunk []byte
	got := int64(0)
	for {
		err := stream.MsgRecv(&chunk, plain{})
		if errors.Is(err, io.EOF) {
			return expect(got, n)
		}
		if err != nil {
			return err
		}
		got += int64(len(chunk))
	}
}

// Close implements [Client].
func (c drpcClient) Close() error { return c.conn.Close() }

// putInt is the encoding of a number where a peer has none of its own.
func putInt(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }

// getInt reads what putInt made, and -1 from anything else.
func getInt(b []byte) int64 {
	if len(b) != 8 {
		return -1
	}
	return int64(binary.LittleEndian.Uint64(b))
}
