package endpoint

import (
	"context"
	"errors"
	"slices"
	"testing"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func answer(context.Context, []byte) ([]byte, error) { return nil, nil }

func TestRegisteringTwiceFails(t *testing.T) {
	e := New(Options{})
	unary := rpc.NewMethod("test.a", rpc.Bytes, rpc.Bytes)
	if err := Handle(e, unary, answer); err != nil {
		t.Fatal(err)
	}
	up := rpc.NewClientStream("test.a", rpc.Bytes, rpc.Bytes, rpc.Bytes)
	for name, err := range map[string]error{
		"same kind": Handle(e, unary, answer),
		"other kind": HandleClientStream(e, up, func(context.Context, []byte, *Receiver[[]byte]) ([]byte, error) {
			return nil, nil
		}),
	} {
		var conflict *ConflictError
		want := ConflictError{ID: unary.ID(), Name: "test.a", Registered: "test.a"}
		if !errors.As(err, &conflict) || *conflict != want {
			t.Errorf("%s: %v, want a ConflictError", name, err)
		}
	}
	if r, ok := e.Route(unary.ID()); !ok || r.Unary == nil || r.Stream != nil {
		t.Errorf("the first registration did not stay: %+v, %t", r, ok)
	}
	if got := e.Methods(); !slices.Equal(got, []string{"test.a"}) {
		t.Errorf("methods %q", got)
	}
}

// Two names with one hash cannot be found, so the collision is made by hand.
func TestIDCollisionFails(t *testing.T) {
	e := New(Options{})
	if err := e.register(7, rpc.Route{Name: "test.a"}); err != nil {
		t.Fatal(err)
	}
	err := e.register(7, rpc.Route{Name: "test.b"})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || *conflict != (ConflictError{ID: 7, Name: "test.b", Registered: "test.a"}) {
		t.Fatalf("%v, want a ConflictError", err)
	}
	if got, want := err.Error(), `endpoint: methods "test.b" and "test.a" share the id 0x7`; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestRegisteringNothingFails(t *testing.T) {
	e := New(Options{})
	for name, tc := range map[string]struct{ got, want error }{
		"unary, no method":           {Handle(e, rpc.Method[[]byte, []byte]{}, answer), ErrNoMethod},
		"unary, no function":         {Handle(e, rpc.NewMethod("a", rpc.Bytes, rpc.Bytes), nil), ErrNoHandler},
		"client stream, no function": {HandleClientStream(e, rpc.NewClientStream("b", rpc.Bytes, rpc.Bytes, rpc.Bytes), nil), ErrNoHandler},
		"server stream, no function": {HandleServerStream(e, rpc.NewServerStream("c", rpc.Bytes, rpc.Bytes), nil), ErrNoHandler},
		"both ways, no function":     {HandleBothWays(e, rpc.NewBothWays("d", rpc.Bytes, rpc.Bytes, rpc.Bytes), nil), ErrNoHandler},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
	if got := e.Methods(); len(got) != 0 {
		t.Errorf("methods %q", got)
	}
}

func TestPeerOutsideOfACall(t *testing.T) {
	if p, ok := Peer(t.Context()); ok {
		t.Errorf("found peer %v", p)
	}
}

func TestAnsweringAllocatesNothing(t *testing.T) {
	e := New(Options{})
	m := rpc.NewMethod("test.echo", rpc.Bytes, rpc.Bytes)
	if err := Handle(e, m, func(_ context.Context, req []byte) ([]byte, error) { return req, nil }); err != nil {
		t.Fatal(err)
	}
	ctx, request, dst := t.Context(), []byte("request"), make([]byte, 0, 100)
	allocs := testing.AllocsPerRun(100, func() {
		r, _ := e.Route(m.ID())
		if msg, err := r.Unary(ctx, request, dst); err != nil || string(msg.Bytes) != "request" {
			t.Errorf("%q, %v", msg.Bytes, err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkAnswer(b *testing.B) {
	pass := func(ctx context.Context, _ Info, next func(context.Context) error) error { return next(ctx) }
	for name, opts := range map[string]Options{"plain": {}, "middleware": {Middleware: []Middleware{pass, pass}}} {
		b.Run(name, func(b *testing.B) {
			e := New(opts)
			m := rpc.NewMethod("test.echo", rpc.Bytes, rpc.Bytes)
			if err := Handle(e, m, func(_ context.Context, req []byte) ([]byte, error) { return req, nil }); err != nil {
				b.Fatal(err)
			}
			ctx, request, dst := b.Context(), []byte("request"), make([]byte, 0, 100)
			b.ReportAllocs()
			for b.Loop() {
				r, _ := e.Route(m.ID())
				if _, err := r.Unary(ctx, request, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
