package endpointtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var handlerChecks = []check{
	{"AllKinds", checkAllKinds},
	{"RequestStaysValid", checkRequestStaysValid},
	{"EarlyResponse", checkEarlyResponse},
	{"PeerIsReachable", checkPeer},
	{"ContextEndsWithTheCall", checkContextEnds},
	{"RegistrationWhileServing", checkRegistrationWhileServing},
	{"Reader", checkReader},
	{"ReaderOfACancelledCall", checkReaderOfCancelledCall},
	{"Writer", checkWriter},
}

// joinItems receives all items and joins them behind the request.
func joinItems(_ context.Context, req word, items *endpoint.Receiver[word]) (word, error) {
	words := []string{string(req)}
	for item, err := range items.All() {
		if err != nil {
			return nil, err
		}
		words = append(words, string(item))
	}
	return word(strings.Join(words, " ")), nil
}

// sendWords sends each word of the request as an item.
func sendWords(_ context.Context, req word, items *endpoint.Sender[word]) error {
	for w := range strings.FieldsSeq(string(req)) {
		if err := items.Send(word(w)); err != nil {
			return err
		}
	}
	return nil
}

// repeat sends each item back behind the request.
func repeat(_ context.Context, req word, in *endpoint.Receiver[word], out *endpoint.Sender[word]) error {
	for item, err := range in.All() {
		if err != nil {
			return err
		}
		if err := out.Send(slices.Concat(req, word(" "), item)); err != nil {
			return err
		}
	}
	return nil
}

// handleAll registers a method of each kind.
func handleAll(t *testing.T, ep *endpoint.Endpoint) {
	t.Helper()
	handleEcho(t, ep)
	must(t,
		endpoint.HandleClientStream(ep, uploadMethod, joinItems),
		endpoint.HandleServerStream(ep, downloadMethod, sendWords),
		endpoint.HandleBothWays(ep, chatMethod, repeat))
}

func checkAllKinds(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleAll(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	if got, err := invoke(t, c, echoMethod.ID(), "hello"); err != nil || got != "hello" {
		t.Errorf("unary: %q, %v", got, err)
	}
	for _, tc := range []struct {
		id      rpc.MethodID
		request string
		items   []string
		want    []string
	}{
		{uploadMethod.ID(), "a", nil, []string{"a"}},
		{uploadMethod.ID(), "a", []string{"b", "", "c"}, []string{"a b  c"}},
		{downloadMethod.ID(), "", nil, nil},
		{downloadMethod.ID(), "a b c", nil, []string{"a", "b", "c"}},
		{chatMethod.ID(), "x", nil, nil},
		{chatMethod.ID(), "x", []string{"a", "b"}, []string{"x a", "x b"}},
	} {
		got, err := converse(t, c, tc.id, tc.request, tc.items...)
		if !errors.Is(err, io.EOF) || !slices.Equal(got, tc.want) {
			t.Errorf("request %q, items %q: answers %q, want %q; end %v", tc.request, tc.items, got, tc.want, err)
		}
	}
}

// checkRequestStaysValid sends items that overwrite any memory which the
// connection reuses, and wants the request, which aliases what it was parsed
// from, to be as it was.
func checkRequestStaysValid(t *testing.T, connect Connect) {
	request := strings.Repeat("r", 5000)
	intact := func(req word) error {
		if string(req) != request {
			return rpc.Errorf(rpc.DataLoss, "the request changed")
		}
		return nil
	}
	ep := endpoint.New(endpoint.Options{})
	must(t,
		endpoint.HandleClientStream(ep, uploadMethod, func(ctx context.Context, req word, items *endpoint.Receiver[word]) (word, error) {
			_, err := joinItems(ctx, nil, items)
			return req, errors.Join(err, intact(req))
		}),
		endpoint.HandleBothWays(ep, chatMethod, func(ctx context.Context, req word, in *endpoint.Receiver[word], out *endpoint.Sender[word]) error {
			return errors.Join(repeat(ctx, nil, in, out), intact(req))
		}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	var items []string
	for range 50 {
		items = append(items, strings.Repeat("i", 5000))
	}
	for _, id := range []rpc.MethodID{uploadMethod.ID(), chatMethod.ID()} {
		if _, err := converse(t, c, id, request, items...); !errors.Is(err, io.EOF) {
			t.Errorf("call ended with %v", err)
		}
	}
}

func checkEarlyResponse(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	must(t, endpoint.HandleClientStream(ep, uploadMethod, func(context.Context, word, *endpoint.Receiver[word]) (word, error) {
		return word("enough"), nil
	}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	items := slices.Repeat([]string{strings.Repeat("i", 50_000)}, 100)
	got, err := converse(t, c, uploadMethod.ID(), "", items...)
	if !errors.Is(err, io.EOF) || !slices.Equal(got, []string{"enough"}) {
		t.Errorf("answers %q, end %v", got, err)
	}
	wantEcho(t, c)
}

func checkPeer(t *testing.T, connect Connect) {
	client, server := endpoint.New(endpoint.Options{}), endpoint.New(endpoint.Options{})
	must(t,
		endpoint.Handle(client, echoMethod, func(_ context.Context, req word) (word, error) {
			return append(word("client says "), req...), nil
		}),
		endpoint.Handle(server, echoMethod, func(ctx context.Context, req word) (word, error) {
			peer, ok := endpoint.Peer(ctx)
			if !ok {
				return nil, rpc.Errorf(rpc.Internal, "no peer")
			}
			return peer.Invoke(ctx, echoMethod.ID(), rpc.Message{Bytes: req})
		}))
	c, _, _ := connect(t, rpc.Config{Handler: client}, rpc.Config{Handler: server})
	if got, err := invoke(t, c, echoMethod.ID(), "hi"); err != nil || got != "client says hi" {
		t.Errorf("answer %q, error %v", got, err)
	}
}

func checkContextEnds(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	wait := func(ctx context.Context) error {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	must(t,
		endpoint.Handle(ep, blockMethod, func(ctx context.Context, _ word) (word, error) { return nil, wait(ctx) }),
		endpoint.HandleServerStream(ep, downloadMethod, func(ctx context.Context, _ word, _ *endpoint.Sender[word]) error {
			return wait(ctx)
		}))
	c, _, kill := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for _, id := range []rpc.MethodID{blockMethod.ID(), downloadMethod.ID()} {
		ctx, cancel := context.WithCancel(guard(t))
		call, err := c.OpenCall(ctx, id, rpc.Message{})
		if err != nil {
			t.Fatal(err)
		}
		must(t, call.CloseSend())
		await(t, started, "start of the handler")
		cancel()
		_ = await(t, ended, "end of the handler's context")
		_, err = call.Receive()
		wantCode(t, "cancelled call", err, rpc.Canceled)
	}
	wantEcho(t, c)
	call, err := c.OpenCall(guard(t), downloadMethod.ID(), rpc.Message{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, started, "start of the handler")
	kill()
	_ = await(t, ended, "end of the handler's context")
	_, err = call.Receive()
	wantCode(t, "call on a killed connection", err, rpc.Unavailable)
}

func checkRegistrationWhileServing(t *testing.T, connect Connect) {
	const methods = 100
	ep := endpoint.New(endpoint.Options{})
	handleEcho(t, ep)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	var all sync.WaitGroup
	for i := range methods {
		m := rpc.NewMethod[word, word]("endpointtest.added."+strings.Repeat("x", i), wordCodec{}, wordCodec{})
		all.Go(func() {
			err := endpoint.Handle(ep, m, func(context.Context, word) (word, error) { return word(m.Name()), nil })
			if err != nil {
				t.Error(err)
			}
			if got, err := invoke(t, c, m.ID(), ""); err != nil || got != m.Name() {
				t.Errorf("answer %q, error %v", got, err)
			}
		})
	}
	all.Wait()
	if n := len(ep.Methods()); n != methods+1 {
		t.Errorf("%d methods are registered, want %d", n, methods+1)
	}
}

// someBytes returns n bytes with a period that is no power of two.
func someBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// manyBytes is more than may be under way on a stream.
const manyBytes = 4 << 20

func checkReader(t *testing.T, connect Connect) {
	ep := endpoint.New(endpoint.Options{})
	must(t, endpoint.HandleClientStream(ep, bytesUpMethod, func(_ context.Context, how []byte, items *endpoint.Receiver[[]byte]) ([]byte, error) {
		r := endpoint.NewReader(items)
		if string(how) == "read" {
			return io.ReadAll(struct{ io.Reader }{r})
		}
		var b bytes.Buffer
		_, err := r.WriteTo(&b)
		return b.Bytes(), err
	}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	want := someBytes(manyBytes)
	var items []string
	for at, n := 0, 0; at < len(want); at += n {
		n = min(len(items)*997, len(want)-at) // the first item is empty
		items = append(items, string(want[at:at+n]))
	}
	for _, how := range []string{"read", "write"} {
		got, err := converse(t, c, bytesUpMethod.ID(), how, items...)
		if !errors.Is(err, io.EOF) || len(got) != 1 || got[0] != string(want) {
			t.Errorf("%s: %d answers, end %v", how, len(got), err)
		}
		got, err = converse(t, c, bytesUpMethod.ID(), how)
		if !errors.Is(err, io.EOF) || !slices.Equal(got, []string{""}) {
			t.Errorf("%s: answers %q to no bytes, end %v", how, got, err)
		}
	}
}

// checkReaderOfCancelledCall wants a reader never to take a part for the whole.
func checkReaderOfCancelledCall(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	ep := endpoint.New(endpoint.Options{})
	must(t, endpoint.HandleClientStream(ep, bytesUpMethod, func(_ context.Context, _ []byte, items *endpoint.Receiver[[]byte]) ([]byte, error) {
		started <- struct{}{}
		_, err := io.Copy(io.Discard, endpoint.NewReader(items))
		ended <- err
		return nil, err
	}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	call, err := c.OpenCall(guard(t), bytesUpMethod.ID(), rpc.Message{})
	if err != nil {
		t.Fatal(err)
	}
	must(t, call.Send(rpc.Message{Bytes: someBytes(100)}))
	await(t, started, "start of the handler")
	must(t, call.Close())
	wantCode(t, "the handler's reader", await(t, ended, "end of the handler"), rpc.Canceled)
}

func checkWriter(t *testing.T, connect Connect) {
	want := someBytes(manyBytes)
	ep := endpoint.New(endpoint.Options{})
	must(t, endpoint.HandleServerStream(ep, bytesDnMethod, func(_ context.Context, how []byte, items *endpoint.Sender[[]byte]) error {
		w := endpoint.NewWriter(items)
		if string(how) == "write" {
			n, err := w.Write(want)
			if n != len(want) {
				return rpc.Errorf(rpc.DataLoss, "%d bytes written", n)
			}
			return err
		}
		n, err := w.ReadFrom(bytes.NewReader(want))
		if n != int64(len(want)) {
			return rpc.Errorf(rpc.DataLoss, "%d bytes written", n)
		}
		return err
	}))
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: ep})
	for _, how := range []string{"read", "write"} {
		got, err := converse(t, c, bytesDnMethod.ID(), how)
		if !errors.Is(err, io.EOF) || strings.Join(got, "") != string(want) {
			t.Errorf("%s: %d items came, end %v", how, len(got), err)
		}
		for _, item := range got {
			if len(item) > rpc.StreamChunkBytes {
				t.Errorf("%s: item of %d bytes, want at most StreamChunkBytes", how, len(item))
			}
		}
	}
}
