package server

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/sync/semaphore"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

// Server serves one store. It is an [http.Handler] that answers on [Path] and
// with status 404 elsewhere. Its methods are safe for concurrent use.
type Server struct {
	ws  *wsserver.Server
	mux *http.ServeMux
}

// New returns a server for store, which must stay open until Shutdown has
// returned. It fails for limits that cannot work.
func New(store *drive.Store, opts Options) (*Server, error) { return newServer(store, opts) }

// newServer is New for any store.
func newServer(store store, opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	svc := &service{
		store: store, log: opts.Logger, maxMessageBytes: opts.MaxMessageBytes, maxOriginalBytes: opts.MaxOriginalBytes,
		pending: semaphore.NewWeighted(int64(opts.MaxPendingBytes)), pendingWait: opts.PendingWait,
		quickWrites: opts.QuickWrites,
	}
	calls := endpoint.New(endpoint.Options{Logger: opts.Logger})
	if err := errors.Join(svc.register(calls), svc.registerOriginal(calls)); err != nil {
		return nil, err
	}
	var originals *rpc.Config
	if !opts.NativeOnly {
		originals = &rpc.Config{
			MaxCalls: opts.MaxCalls, MaxMessageBytes: opts.MaxOriginalBytes,
			MaxBufferedBytes: max(rpc.DefaultMaxBufferedBytes, opts.MaxOriginalBytes),
		}
	}
	s := &Server{
		ws: wsserver.New(wsserver.Options{
			Handler:        calls,
			CheckOrigin:    opts.CheckOrigin,
			MaxConnections: opts.MaxConnections,
			Conn:           rpc.Config{MaxCalls: opts.MaxCalls, MaxMessageBytes: opts.MaxMessageBytes},
			Originals:      originals,
			Logger:         opts.Logger,
		}),
		mux: http.NewServeMux(),
	}
	s.mux.Handle(Path, s.ws)
	s.mux.HandleFunc("/", notHere)
	return s, nil
}

func notHere(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "nothing is served here; the drive is at "+Path, http.StatusNotFound)
}

// ServeHTTP implements [http.Handler]. For a connection it returns when that
// has ended.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Connections returns the number of connections that are open.
func (s *Server) Connections() int { return s.ws.Connections() }

// Shutdown refuses new connections and calls, answers the calls in flight and
// closes the connections. Without an error no handler runs any more, so the
// store can be closed. When ctx ends first it cuts the rest off and returns
// ctx's error; handlers may then still run for a moment.
func (s *Server) Shutdown(ctx context.Context) error { return s.ws.Shutdown(ctx) }

// Close cuts all connections and calls off without waiting for handlers.
func (s *Server) Close() error { return s.ws.Close() }
