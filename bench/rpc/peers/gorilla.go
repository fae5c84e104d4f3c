package peers

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// gorillaSettings are those in which the two peers over gorilla differ.
type gorillaSettings struct {
	text        string
	bufferBytes int  // of both buffers; 0 leaves them to the library
	reuse       bool // payloads are read where they are wanted, not into a new slice
}

var (
	gorillaDefaults = gorillaSettings{text: "13-byte frames, one message each, answered by the reader; defaults: buffers of 4 KiB, ReadMessage"}
	gorillaTuned    = gorillaSettings{text: "as gorilla, with buffers of 64 KiB and a reused read buffer", bufferBytes: bufferBytes, reuse: true}
)

// gorillaPeer sends each frame as one WebSocket message, and answers in the
// goroutine that reads.
func gorillaPeer(name string, settings gorillaSettings) Peer {
	return Peer{
		Name:     name,
		Settings: settings.text,
		Features: Concurrent | Fetches | Streams | Mixed,
		Serve: func(ctx context.Context, s *Service) (string, func(), error) {
			return serveGorilla(ctx, settings, s)
		},
		Dial: func(ctx context.Context, address string) (Client, error) {
			l, err := dialGorilla(ctx, address, settings)
			if err != nil {
				return nil, err
			}
			return newMuxClient(l).start(), nil
		},
	}
}

func serveGorilla(ctx context.Context, settings gorillaSettings, s *Service) (string, func(), error) {
	upgrader := websocket.Upgrader{ReadBufferSize: settings.bufferBytes, WriteBufferSize: settings.bufferBytes}
	var (
		running sync.WaitGroup // the upgraded connections, which net/http forgets
		links   sync.Map       // of *gorillaLink, to be closed
	)
	address, stop, err := serveHTTP(ctx, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered
		}
		l := &gorillaLink{conn: conn, settings: settings}
		links.Store(l, nil)
		defer links.Delete(l)
		newMuxServer(l, s).serve()
	})})
	return address, func() {
		stop()
		links.Range(func(l, _ any) bool {
			_ = l.(*gorillaLink).Close() // nothing is measured any more
			return true
		})
		running.Wait()
	}, err
}

func dialGorilla(ctx context.Context, address string, settings gorillaSettings) (*gorillaLink, error) {
	dialer := websocket.Dialer{ReadBufferSize: settings.bufferBytes, WriteBufferSize: settings.bufferBytes}
	conn, resp, err := dialer.DialContext(ctx, "ws://"+address, nil)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // empty after an upgrade
	return &gorillaLink{conn: conn, settings: settings}, nil
}

// gorillaLink sends a frame as one message.
type gorillaLink struct {
	conn     *websocket.Conn
	settings gorillaSettings
	head     [headerBytes]byte // of the frame that is read
	rest     bytes.Reader      // its payload, unless buffers are reused

	mu  sync.Mutex // held while a message is written
	out []byte
}

func (l *gorillaLink) write(h header, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(h.appendTo(l.out[:0]), payload...)
	return l.conn.WriteMessage(websocket.BinaryMessage, l.out)
}

func (l *gorillaLink) next() (header, io.Reader, error) {
	if !l.settings.reuse {
		_, message, err := l.conn.ReadMessage()
		if err != nil {
			return header{}, nil, err
		}
		if len(message) < headerBytes {
			return header{}, nil, errKind
		}
		h, err := parseHeader(message)
		l.rest.Reset(message[headerBytes:])
		return h, &l.rest, err
	}
	_, r, err := l.conn.NextReader() // it skips what is left of the message before
	if err != nil {
		return header{}, nil, err
	}
	if _, err := io.ReadFull(r, l.head[:]); err != nil {
		return header{}, nil, err
	}
	h, err := parseHeader(l.head[:])
	return h, r, err
}

// Close implements [link].
func (l *gorillaLink) Close() error { return l.conn.Close() }
