package endpointtest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/simd-drive/go/muxio"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// rawCheck is one property of an answering end that only frames of a peer's
// own making show.
type rawCheck struct {
	name string
	run  func(t *testing.T, serve Serve)
}

var rawChecks = []rawCheck{
	{"WellFormed", checkRawCalls},
	{"CutAnywhere", checkCutAnywhere},
	{"ManyInOneMessage", checkManyInOneMessage},
	{"UnknownMethods", checkRawUnknown},
	{"MalformedRequests", checkRawMalformed},
	{"IgnoredMessages", checkIgnored},
	{"RequestIDTwice", checkRequestIDTwice},
	{"CancelledBeforeItsEnd", checkCancelBeforeEnd},
	{"CancelRacesTheReply", checkCancelRacesReply},
	{"CancelAfterTheReply", checkCancelAfterReply},
	{"CancelSilencesTheReply", checkCancelSilences},
	{"Violations", checkViolations},
}

// rawEndpoint answers the methods of the suite.
func rawEndpoint(t *testing.T) *endpoint.Endpoint {
	t.Helper()
	ep := endpoint.New(endpoint.Options{})
	handleAll(t, ep)
	return ep
}

// closing is what ends the response of a streaming call that succeeded.
const closing = "\x00\x00"

func checkRawCalls(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	p.wantEcho(0)
	for i, tc := range []struct {
		method        rpc.MethodID
		payload, want string
	}{
		{echoMethod.ID(), "", ""},
		{uploadMethod.ID(), item("a") + item("b") + item(""), item("a b ") + closing},
		{downloadMethod.ID(), item("a b"), item("a") + item("b") + closing},
		{chatMethod.ID(), item("x") + item("a"), item("x a") + closing},
	} {
		id := uint32(100 + i)
		p.send(whole(id, call(id+1000, tc.method, tc.payload)))
		want := response{typ: responseType, request: id + 1000, method: tc.method, status: statusOK, payload: tc.want}
		if got := p.receive(); got != want {
			t.Errorf("answer %+v, want %+v", got, want)
		}
	}
}

// checkCutAnywhere sends the same bytes in two messages, cut at each place, and
// once byte by byte.
func checkCutAnywhere(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	want := response{typ: responseType, request: 7, method: uploadMethod.ID(), status: statusOK, payload: item("one two") + closing}
	stream := uint32(0)
	bytesOf := func() []byte {
		stream++
		content := call(7, uploadMethod.ID(), item("one")+item("two"))
		// The second cut lies in the RPC header, whatever the frames do.
		b := frame(stream, 0, muxio.Open, content[:5])
		b = append(b, frame(stream, 1, muxio.Data, content[5:])...)
		return append(b, frame(stream, 2, muxio.End, nil)...)
	}
	for at := range bytesOf() {
		b := bytesOf()
		p.send(b[:at])
		p.send(b[at:])
		if got := p.receive(); got != want {
			t.Fatalf("cut at %d: answer %+v, want %+v", at, got, want)
		}
	}
	for _, single := range bytesOf() {
		p.send([]byte{single})
	}
	if got := p.receive(); got != want {
		t.Errorf("byte by byte: answer %+v, want %+v", got, want)
	}
}

func checkManyInOneMessage(t *testing.T, serve Serve) {
	const calls = 500
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	var b []byte
	for i := range uint32(calls) {
		b = append(b, whole(i, call(i, echoMethod.ID(), "hello"))...)
	}
	p.send(b)
	seen := make(map[uint32]bool)
	for range calls {
		r := p.receive()
		if r.status != statusOK || r.payload != "hello" || seen[r.request] {
			t.Fatalf("answer %+v, seen before: %t", r, seen[r.request])
		}
		seen[r.request] = true
	}
}

func checkRawUnknown(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	p.send(whole(1, call(1, 0xdead, "")))
	if r := p.receive(); r.status != statusNoMethod || r.request != 1 || r.method != 0xdead {
		t.Errorf("answer %+v, want status %d", r, statusNoMethod)
	}
	// The refusal comes before the request is whole; the rest is dropped.
	p.send(frame(2, 0, muxio.Open, call(2, 0xdead, strings.Repeat("x", 1000))))
	if r := p.receive(); r.status != statusNoMethod || r.request != 2 {
		t.Errorf("answer %+v, want status %d", r, statusNoMethod)
	}
	p.send(frame(2, 1, muxio.Data, []byte("more")), frame(2, 2, muxio.End, nil))
	p.wantEcho(3)
	p.wantEcho(2) // the id is free again
}

func checkRawMalformed(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t), MaxMessageBytes: 1000})
	for i, tc := range []struct {
		name    string
		method  rpc.MethodID
		payload string
		want    rpc.Code
	}{
		{"unary request", echoMethod.ID(), unparsable, rpc.InvalidArgument},
		{"unary request over the limit", echoMethod.ID(), strings.Repeat("x", 1001), rpc.ResourceExhausted},
		{"stream without a request", uploadMethod.ID(), "", rpc.InvalidArgument},
		{"stream request", uploadMethod.ID(), item(unparsable), rpc.InvalidArgument},
		{"stream item", uploadMethod.ID(), item("a") + item(unparsable), rpc.InvalidArgument},
		{"stream request over the limit", uploadMethod.ID(), item(strings.Repeat("x", 1001)), rpc.ResourceExhausted},
		{"stream item over the limit", uploadMethod.ID(), item("a") + item(strings.Repeat("x", 1001)), rpc.ResourceExhausted},
		{"item of 2^63 bytes", uploadMethod.ID(), item("a") + "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", rpc.ResourceExhausted},
		{"closing mark in a request", uploadMethod.ID(), item("a") + closing, rpc.InvalidArgument},
	} {
		id := uint32(i)
		p.send(whole(id, call(id, tc.method, tc.payload)))
		r := p.receive()
		if e := r.failure(t); e == nil || e.Code != tc.want || r.request != id || e.Message == "" {
			t.Errorf("%s: answer %+v, error %v, want code %q", tc.name, r, e, tc.want)
		}
		p.wantEcho(id + 100)
	}
	// These must fail too, with whatever code fits.
	for i, payload := range []string{
		item("a") + "\x05b", // item cut short
		item("a") + "\x80",  // size cut short
		item("a") + strings.Repeat("\xff", 10) + "\x7f", // size of more than 64 bits
	} {
		id := uint32(i + 50)
		p.send(whole(id, call(id, uploadMethod.ID(), payload)))
		r := p.receive()
		if e := r.failure(t); e == nil || r.request != id {
			t.Errorf("payload %q: answer %+v, want a failure", payload, r)
		}
		p.wantEcho(id + 100)
	}
}

// checkIgnored sends what nobody asked for. Answering any of it would let two
// peers answer each other for ever.
func checkIgnored(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	for i, content := range [][]byte{
		message(responseType, 1, echoMethod.ID(), "\x00", "nobody asked"),
		message(responseType, 2, 0xdead, "\x03", ""),
		message(2, 3, echoMethod.ID(), "", "an event"),
		message(255, 4, echoMethod.ID(), "", ""),
		call(5, echoMethod.ID(), "")[:headerBytes-1], // ends within its header
		{},
	} {
		p.send(whole(uint32(i), content))
		p.wantEcho(uint32(i + 100))
	}
	p.send(message(callType, 9, echoMethod.ID(), "", "")[:0], frame(50, 0, muxio.Cancel, nil))
	// Fields that are not known are skipped, unless they must be understood.
	p.send(whole(51, message(callType, 6, echoMethod.ID(), "\x60\x05later", "hello")))
	if r := p.receive(); r.status != statusOK || r.payload != "hello" {
		t.Errorf("call with an unknown field: answer %+v", r)
	}
	for i, field := range []string{"\xe0\x05later", "later", "\x01\x00", "\x02\x03\x02Ab", "\x03\x01\x03"} {
		p.send(whole(uint32(60+i), message(callType, 7, echoMethod.ID(), field, "hello")))
		if r := p.receive(); r.status != statusFail || r.request != 7 {
			t.Errorf("call with the field %q: answer %+v", field, r)
		}
	}
}

// checkRequestIDTwice has two calls with one request id under way: each is
// answered once with its own content.
func checkRequestIDTwice(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	first, second := call(1, echoMethod.ID(), "first"), call(1, echoMethod.ID(), "second")
	p.send(frame(1, 0, muxio.Open, first[:18]), frame(2, 0, muxio.Open, second[:18]))
	p.send(frame(1, 1, muxio.Data, first[18:]), frame(2, 1, muxio.Data, second[18:]))
	p.send(frame(2, 2, muxio.End, nil), frame(1, 2, muxio.End, nil))
	got := map[string]bool{}
	for range 2 {
		r := p.receive()
		if r.request != 1 || r.status != statusOK {
			t.Errorf("answer %+v", r)
		}
		got[r.payload] = true
	}
	if !got["first"] || !got["second"] {
		t.Errorf("answers %v", got)
	}
	p.wantEcho(3)
}

func checkCancelBeforeEnd(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	p.send(frame(1, 0, muxio.Open, call(1, echoMethod.ID(), "half")), frame(1, 0, muxio.Cancel, nil))
	p.wantEcho(2) // and nothing before
	p.wantEcho(1) // the id is free again
}

// checkCancelRacesReply cancels calls in the message that makes them. Whether
// the reply comes or not, it is whole, and the connection goes on.
func checkCancelRacesReply(t *testing.T, serve Serve) {
	const rounds = 300
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	for i := range uint32(rounds) {
		method, payload := echoMethod.ID(), "hello"
		if i%2 == 1 {
			method, payload = downloadMethod.ID(), item("a b c")
		}
		p.send(whole(i, call(i, method, payload)), frame(i, 0, muxio.Cancel, nil))
	}
	const last = rounds + 1
	p.send(whole(last, call(last, echoMethod.ID(), "last")))
	seen := make(map[uint32]bool)
	for {
		r := p.receive()
		if seen[r.request] {
			t.Fatalf("call %d was answered twice", r.request)
		}
		seen[r.request] = true
		if r.request == last {
			break
		}
		if want := []string{"hello", item("a") + item("b") + item("c") + closing}[r.request%2]; !r.canceled && (r.status != statusOK || r.payload != want) {
			t.Fatalf("answer %+v, want a whole one or none", r)
		}
	}
}

func checkCancelAfterReply(t *testing.T, serve Serve) {
	p := newRawPeer(t, serve, rpc.Config{Handler: rawEndpoint(t)})
	for i := range uint32(50) {
		p.wantEcho(i)
		p.send(frame(i, 0, muxio.Cancel, nil))
	}
	p.wantEcho(1000)
}

// checkCancelSilences cancels a call whose handler answers all the same.
func checkCancelSilences(t *testing.T, serve Serve) {
	ep := rawEndpoint(t)
	started, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	must(t, endpoint.Handle(ep, blockMethod, func(ctx context.Context, _ word) (word, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return word("too late"), nil
	}))
	p := newRawPeer(t, serve, rpc.Config{Handler: ep})
	p.send(whole(1, call(1, blockMethod.ID(), "")))
	await(t, started, "start of the handler")
	p.send(frame(1, 0, muxio.Cancel, nil))
	_ = await(t, ended, "end of the handler's context")
	for i := range uint32(50) {
		p.wantEcho(i + 2) // and no answer to the cancelled call among them
	}
}

// checkViolations sends what no correct peer sends. The connection ends and no
// handler sees any of it as a request.
func checkViolations(t *testing.T, serve Serve) {
	var calls atomic.Int32
	good := call(1, blockMethod.ID(), "")
	for name, b := range map[string][]byte{
		"unknown kind":             frame(1, 0, 9, good),
		"reserved kind":            frame(1, 0, 5, good),
		"id of the other end":      whole(1|1<<31, good),
		"sequence number repeated": append(frame(1, 0, muxio.Open, good), frame(1, 0, muxio.Data, nil)...),
		"bytes in an end frame":    append(frame(1, 0, muxio.Open, good), frame(1, 1, muxio.End, []byte("x"))...),
		"frame of 4 GiB":           {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0},
		"grant of three bytes":     frame(1, 0, muxio.Credit, []byte{1, 2, 3}),
	} {
		t.Run(name, func(t *testing.T) {
			ep := rawEndpoint(t)
			must(t, endpoint.Handle(ep, blockMethod, func(context.Context, word) (word, error) {
				calls.Add(1)
				return nil, nil
			}))
			p := newRawPeer(t, serve, rpc.Config{Handler: ep})
			p.wantEcho(100)
			p.send(b)
			p.wantClosed()
		})
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls reached the handler", n)
	}
}
