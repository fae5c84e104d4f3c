package peers

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/hashicorp/yamux"
)

// yamuxHead is the size of what begins a request or an answer: one byte that
// says what is asked for, and how many bytes.
const yamuxHead = 1 + 8

// yamuxPeer opens a stream of yamux for each call.
func yamuxPeer() Peer {
	return Peer{
		Name:     "yamux",
		Settings: "a stream for each call, defaults: windows of 256 KiB, backlog of 256 streams",
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveConns(ctx, func(conn net.Conn) { serveYamux(conn, s) })
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			session, err := yamux.Client(conn, yamuxConfig())
			if err != nil {
				return nil, err
			}
			return yamuxClient{session}, nil
		},
	}
}

func yamuxConfig() *yamux.Config {
	config := yamux.DefaultConfig()
	config.LogOutput = io.Discard // it reports every close
	return config
}

func serveYamux(conn net.Conn, s *Service) {
	session, err := yamux.Server(conn, yamuxConfig())
	if err != nil {
		return // the settings are its own: it cannot be
	}
	defer func() { _ = session.Close() }() // nobody is left to tell
	var running sync.WaitGroup
	defer running.Wait()
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		running.Go(func() { // ends with its call, or with the session
			_ = answerYamux(stream, s) // the client sees what is missing
			_ = stream.Close()         // as above
		})
	}
}

func answerYamux(stream io.ReadWriter, s *Service) error {
	var head [yamuxHead]byte
	if _, err := io.ReadFull(stream, head[:]); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint64(head[1:]))
	switch kind(head[0]) {
	case kindEcho:
		if n < 0 || n > MaxFetchBytes {
			return errTooLarge
		}
		answer := make([]byte, n)
		if _, err := io.ReadFull(stream, answer); err != nil {
			return err
		}
		_, err := stream.Write(answer)
		return err
	case kindFetch:
		answer, err := s.fetch(n)
		if err != nil {
			return err
		}
		_, err = stream.Write(answer)
		return err
	case kindUpload:
		buf := make([]byte, ChunkBytes)
		for left := n; left > 0; {
			got, err := stream.Read(buf[:min(left, ChunkBytes)])
			if err != nil {
				return err
			}
			left -= int64(got)
		}
		_, err := stream.Write(putInt(n))
		return err
	case kindDownload:
		return s.download(n, func(chunk []byte) error {
			_, err := stream.Write(chunk)
			return err
		})
	default:
		return errKind
	}
}

type yamuxClient struct{ session *yamux.Session }

// open begins a call: it sends the head and what follows it in one write.
func (c yamuxClient) open(k kind, n int64, payload []byte) (*yamux.Stream, error) {
	stream, err := c.session.OpenStream()
	if err != nil {
		return nil, err
	}
	request := make([]byte, yamuxHead, yamuxHead+len(payload))
	request[0] = byte(k)
	binary.LittleEndian.PutUint64(request[1:], uint64(n))
	if _, err := stream.Write(append(request, payload...)); err != nil {
		_ = stream.Close() // the write tells why
		return nil, err
	}
	return stream, nil
}

// Echo implements [Client].
func (c yamuxClient) Echo(_ context.Context, scratch, request []byte) ([]byte, error) {
	stream, err := c.open(kindEcho, int64(len(request)), request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	out := grown(scratch, len(request))
	_, err = io.ReadFull(stream, out)
	return out, err
}

// Fetch implements [Fetcher].
func (c yamuxClient) Fetch(_ context.Context, size int) (int, error) {
	stream, err := c.open(kindFetch, int64(size), nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	return io.ReadFull(stream, make([]byte, size))
}

// Upload implements [Streamer].
func (c yamuxClient) Upload(_ context.Context, n int64) error {
	stream, err := c.open(kindUpload, n, nil)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	err = upload(n, func(chunk []byte) error {
		_, err := stream.Write(chunk)
		return err
	})
	if err != nil {
		return err
	}
	var answer [8]byte
	if _, err := io.ReadFull(stream, answer[:]); err != nil {
		return err
	}
	return expect(getInt(answer[:]), n)
}

// Download implements [Streamer].
func (c yamuxClient) Download(_ context.Context, n int64) error {
	stream, err := c.open(kindDownload, n, nil)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // the outcome is known by then
	buf := make([]byte, ChunkBytes)
	for left := n; left > 0; {
		got, err := stream.Read(buf[:min(left, ChunkBytes)])
		if err != nil {
			return err
		}
		left -= int64(got)
	}
	return nil
}

// Close implements [Client].
func (c yamuxClient) Close() error { return c.session.Close() }
