package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Errors of registration.
var (
	// ErrNoHandler reports the registration of a nil function.
	ErrNoHandler = errors.New("endpoint: no handler function")
	// ErrNoMethod reports the registration of a method without a name, such as
	// the zero value.
	ErrNoMethod = errors.New("endpoint: method without a name")
)

// ConflictError reports that a method cannot be registered because its id is
// taken: by a method of the same name, or, which is as good as impossible, by
// one whose name has the same hash.
type ConflictError struct {
	// ID is the id that both methods have.
	ID rpc.MethodID
	// Name is the method that was refused.
	Name string
	// Registered is the method that is registered under ID.
	Registered string
}

// Error tells which method stands in the way.
func (e *ConflictError) Error() string {
	if e.Name == e.Registered {
		return fmt.Sprintf("endpoint: method %q is registered already", e.Name)
	}
	return fmt.Sprintf("endpoint: methods %q and %q share the id %#x", e.Name, e.Registered, uint64(e.ID))
}

// Options sets up an [Endpoint]. The zero value is ready to use.
type Options struct {
	// Logger receives the panics of handlers, each once with its stack; nil is
	// silent.
	Logger *slog.Logger
	// Middleware runs around every call, the first one outermost. Nil entries
	// are left out.
	Middleware []Middleware
}

// Endpoint is a registry of handlers. It implements [rpc.Handler] and may serve
// many connections at a time.
//
// All of it is safe for concurrent use; a method may be registered while calls
// are served and is found from the next call on. A registration lasts as long
// as the endpoint.
type Endpoint struct {
	logger     *slog.Logger
	middleware []Middleware

	mu sync.Mutex // held by register
	// routes is replaced as a whole by register, so that Route, which runs in
	// the read loop of every connection, takes no lock.
	routes atomic.Pointer[map[rpc.MethodID]rpc.Route]
}

// New returns an endpoint without methods.
func New(opts Options) *Endpoint {
	e := &Endpoint{logger: opts.Logger}
	if e.logger == nil {
		e.logger = slog.New(slog.DiscardHandler)
	}
	for _, m := range opts.Middleware {
		if m != nil {
			e.middleware = append(e.middleware, m)
		}
	}
	e.routes.Store(&map[rpc.MethodID]rpc.Route{})
	return e
}

// Route implements [rpc.Handler].
func (e *Endpoint) Route(id rpc.MethodID) (rpc.Route, bool) {
	r, ok := (*e.routes.Load())[id]
	return r, ok
}

// Methods returns the names of the registered methods in alphabetical order.
func (e *Endpoint) Methods() []string {
	routes := *e.routes.Load()
	names := make([]string, 0, len(routes))
	for _, r := range routes {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// Peer returns the connection on which the call of ctx came in, so that a
// handler can call its caller back. It reports false for a context that does
// not descend from a handler's.
func Peer(ctx context.Context) (rpc.Invoker, bool) { return rpc.PeerFrom(ctx) }

// register adds a route under id.
func (e *Endpoint) register(id rpc.MethodID, r rpc.Route) error {
	if r.Name == "" {
		return ErrNoMethod
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	old := *e.routes.Load()
	if taken, ok := old[id]; ok {
		return &ConflictError{ID: id, Name: r.Name, Registered: taken.Name}
	}
	next := maps.Clone(old)
	next[id] = r
	e.routes.Store(&next)
	return nil
}
