package peers

import (
	"context"
	"net"
)

// tcpPingPongPeer has one call at a time on a TCP connection and nothing
// else: the goroutine that asks also reads. Its streams are bare bytes. It is
// the limit for one call in flight and for streams.
func tcpPingPongPeer() Peer {
	return Peer{
		Name:     "tcp-pp",
		Settings: "one call at a time, read by the goroutine that asks; streams are bare bytes in writes of 64 KiB",
		Features: Fetches | Streams,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveConns(ctx, func(conn net.Conn) {
				p := tcpPingPong{pingPong{newTCPLink(conn)}}
				_ = p.serve(s) // the client has closed, or sees that this end has
			})
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			conn, err := dialTCP(ctx, address)
			if err != nil {
				return nil, err
			}
			return tcpPingPong{pingPong{newTCPLink(conn)}}, nil
		},
	}
}

// gorillaPingPongPeer has one call at a time on a WebSocket connection.
func gorillaPingPongPeer() Peer {
	return Peer{
		Name:     "gorilla-pp",
		Settings: "as gorilla-64k, one call at a time, read by the goroutine that asks",
		Features: Fetches,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveGorilla(ctx, gorillaTuned, s)
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			l, err := dialGorilla(ctx, address, gorillaTuned)
			if err != nil {
				return nil, err
			}
			return pingPong{l}, nil
		},
	}
}

// pingPong has one call at a time on a link.
type pingPong struct{ link link }

func (p pingPong) call(k kind, scratch, request []byte) ([]byte, error) {
	if err := p.link.write(header{kind: k, length: len(request)}, request); err != nil {
		return nil, err
	}
	h, r, err := p.link.next()
	if err != nil {
		return nil, err
	}
	return appendFrom(scratch[:0], r, h.length)
}

// Echo implements [Client].
func (p pingPong) Echo(_ context.Context, scratch, request []byte) ([]byte, error) {
	return p.call(kindEcho, scratch, request)
}

// Fetch implements [Fetcher].
func (p pingPong) Fetch(_ context.Context, size int) (int, error) {
	answer, err := p.call(kindFetch, nil, putInt(int64(size)))
	return len(answer), err
}

// Close implements [Client].
func (p pingPong) Close() error { return p.link.Close() }

// tcpPingPong adds streams of bare bytes.
type tcpPingPong struct{ pingPong }

// serve answers until the connection ends.
func (p tcpPingPong) serve(s *Service) error {
	l := p.link.(*tcpLink)
	var request []byte
	sink := make([]byte, ChunkBytes)
	for {
		h, r, err := l.next()
		if err != nil {
			return err
		}
		if request, err = appendFrom(request[:0], r, h.length); err != nil {
			return err
		}
		switch h.kind {
		case kindEcho:
			err = l.write(h, request)
		case kindFetch:
			var answer []byte
			if answer, err = s.fetch(getInt(request)); err == nil {
				err = l.write(header{h.id, h.kind, len(answer)}, answer)
			}
		case kindUpload:
			if err = readBare(l, sink, getInt(request)); err == nil {
				err = l.write(h, request)
			}
		case kindDownload:
			err = s.download(getInt(request), func(chunk []byte) error {
				_, err := l.conn.Write(chunk)
				return err
			})
		default:
			err = errKind
		}
		if err != nil {
			return err
		}
	}
}

// readBare reads n bytes as they come.
func readBare(l *tcpLink, buf []byte, n int64) error {
	for n > 0 {
		got, err := l.r.Read(buf[:min(n, int64(len(buf)))])
		n -= int64(got)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// Upload implements [Streamer].
func (p tcpPingPong) Upload(_ context.Context, n int64) error {
	l := p.link.(*tcpLink)
	if err := l.write(header{kind: kindUpload, length: 8}, putInt(n)); err != nil {
		return err
	}
	err := upload(n, func(chunk []byte) error {
		_, err := l.conn.Write(chunk)
		return err
	})
	if err != nil {
		return err
	}
	h, r, err := l.next()
	if err != nil {
		return err
	}
	answer, err := appendFrom(nil, r, h.length)
	if err != nil {
		return err
	}
	return expect(getInt(answer), n)
}

// Download implements [Streamer].
func (p tcpPingPong) Download(_ context.Context, n int64) error {
	l := p.link.(*tcpLink)
	if err := l.write(header{kind: kindDownload, length: 8}, putInt(n)); err != nil {
		return err
	}
	return readBare(l, make([]byte, ChunkBytes), n)
}
