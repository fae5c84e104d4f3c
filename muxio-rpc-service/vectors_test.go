package rpc

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simd-drive/go/muxio"
)

// vectorsFile belongs to the module below, whose WIRE.md describes it.
const vectorsFile = "../muxio/testdata/vectors.json"

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type headerVector struct {
	Name     string
	Bytes    hexBytes
	Type     messageType
	Request  uint32
	Method   string
	MethodID MethodID `json:"method_id,string"`
	Status   *status
	Fields   []struct {
		Tag      uint8
		Timeout  *int64 `json:"timeout_us,string"`
		Key      string
		Value    hexBytes
		Priority *uint8
		Size     *int64 `json:"size,string"`
	}
	Error Code
}

type stepVector struct {
	From, What string
	Bytes      hexBytes
}

type vectors struct {
	Headers []headerVector
	Errors  []struct {
		Name            string
		Bytes           hexBytes
		Code            Code
		Reason, Message string
		Details         []struct {
			Type  string
			Value hexBytes
		}
		Refused bool
	}
	Messages []struct {
		Name           string
		Bytes, Payload hexBytes
		Closing        bool
	}
	Conversations []struct {
		Name  string
		Steps []stepVector
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("SKIPPED: THE MODULE STANDS ALONE, WITHOUT THE VECTORS OF ITS REPOSITORY")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectorsOfHeaders(t *testing.T) {
	for _, v := range readVectors(t).Headers {
		if id := MethodIDOf(v.Method); id != v.MethodID {
			t.Errorf("%s: %s has the id %#x", v.Name, v.Method, id)
		}
		h, rest, ok := parseHeader(v.Bytes)
		if !ok || len(rest) > 0 || h.typ != v.Type || h.request != v.Request || h.method != v.MethodID {
			t.Errorf("%s: parsed as %+v", v.Name, h)
		}
		want := fields{}
		known := true
		for _, f := range v.Fields {
			switch {
			case f.Timeout != nil:
				want.timeout = time.Duration(*f.Timeout) * time.Microsecond
			case f.Priority != nil:
				want.priority = []muxio.Priority{muxio.Low, muxio.Normal, muxio.High}[*f.Priority]
			case f.Size != nil:
				want.size = *f.Size
			case f.Tag == tagMetadata:
				want.metadata.Add(f.Key, f.Value)
			default:
				known = false
			}
		}
		var got fields
		var err error
		if v.Status == nil {
			got, err = parseFields(h.metadata)
		} else {
			var s status
			if s, got, err = responseStatus(h); s != *v.Status {
				t.Errorf("%s: status %d", v.Name, s)
			}
		}
		if v.Error != 0 {
			if !errors.Is(err, v.Error) {
				t.Errorf("%s: %v, want code %v", v.Name, err, v.Error)
			}
			continue
		}
		if err != nil || !got.equal(want) {
			t.Errorf("%s: fields are %+v, %v", v.Name, got, err)
		}
		if known && !bytes.Equal(appendVector(v, want), v.Bytes) {
			t.Errorf("%s: appended as %x", v.Name, appendVector(v, want))
		}
	}
}

func (f fields) equal(g fields) bool {
	if f.timeout != g.timeout || f.size != g.size || f.priority != g.priority || f.metadata.Len() != g.metadata.Len() {
		return false
	}
	for i, p := range f.metadata.pairs {
		if q := g.metadata.pairs[i]; p.key != q.key || !bytes.Equal(p.value, q.value) {
			return false
		}
	}
	return true
}

// appendVector encodes what the vector means.
func appendVector(v headerVector, f fields) []byte {
	if v.Status == nil {
		return appendCallHeader(nil, v.Request, v.MethodID, f)
	}
	return appendResponseHeader(nil, header{request: v.Request, method: v.MethodID}, *v.Status, f)
}

func TestVectorsOfErrors(t *testing.T) {
	for _, v := range readVectors(t).Errors {
		if v.Refused {
			if _, err := ParseError(v.Bytes); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", v.Name, err)
			}
			continue
		}
		want := &Error{Code: v.Code, Reason: v.Reason, Message: v.Message}
		for _, d := range v.Details {
			want.Details = append(want.Details, Detail{Type: d.Type, Value: d.Value})
		}
		if got := AppendError(nil, want); !bytes.Equal(got, v.Bytes) {
			t.Errorf("%s: appended as %x, want %x", v.Name, got, v.Bytes)
		}
		got, err := ParseError(v.Bytes)
		if err != nil || !bytes.Equal(AppendError(nil, got), v.Bytes) || got.Code != v.Code || got.Reason != v.Reason || got.Message != v.Message {
			t.Errorf("%s: parsed as %+v, %v", v.Name, got, err)
		}
	}
}

func TestVectorsOfMessages(t *testing.T) {
	for _, v := range readVectors(t).Messages {
		var in inbox
		in.init(DefaultMaxMessageBytes)
		in.push(v.Bytes)
		in.end()
		got, closing, err := in.next()
		if err != nil || closing != v.Closing || !bytes.Equal(got, v.Payload) {
			t.Errorf("%s: %x, closing %v, %v", v.Name, got, closing, err)
		}
	}
}

// vectorHandler answers the calls of the conversations.
func vectorHandler() routes {
	return routes{
		MethodIDOf("example.echo"): {Name: "example.echo", Unary: func(_ context.Context, request, _ []byte) (Message, error) {
			if string(request) == "fail" {
				return Message{}, &Error{Code: NotFound, Reason: "thing.missing", Message: "no thing by the name é"}
			}
			return Message{Bytes: request}, nil
		}},
		MethodIDOf("example.count"): {Name: "example.count", Stream: func(_ context.Context, _ []byte, call ServerCall) error {
			for n := 1; ; n++ {
				if _, err := call.Receive(); err != nil {
					return endOf(err)
				}
				if err := call.Send(Message{Bytes: strconv.AppendInt(nil, int64(n), 10)}); err != nil {
					return err
				}
			}
		}},
	}
}

// vectorPeer plays one end of a conversation against a connection and compares what
// the connection says with the other end.
type vectorPeer struct {
	t         *testing.T
	transport muxio.Transport
	got       chan []byte
}

func newVectorPeer(t *testing.T, transport muxio.Transport) *vectorPeer {
	t.Helper()
	p := &vectorPeer{t: t, transport: transport, got: make(chan []byte, 100)}
	go func() { // ends with the transport
		for {
			b, err := transport.ReadMessage()
			if err != nil {
				return
			}
			p.got <- bytes.Clone(b)
		}
	}()
	return p
}

// wantSaid compares what the connection has said since the last step, when it says
// no more.
func (p *vectorPeer) wantSaid(step stepVector) {
	p.t.Helper()
	synctest.Wait()
	var got []byte
	for len(p.got) > 0 {
		got = append(got, <-p.got...)
	}
	if !bytes.Equal(got, step.Bytes) {
		p.t.Errorf("%s (%s): said %x, want %x", step.From, step.What, got, step.Bytes)
	}
}

// start passes the settings of both ends, which differ from those of the vectors.
func (p *vectorPeer) start(theirs stepVector) {
	p.t.Helper()
	synctest.Wait()
	<-p.got
	p.say(theirs)
}

func (p *vectorPeer) say(step stepVector) {
	p.t.Helper()
	if err := p.transport.WriteMessage([][]byte{step.Bytes}); err != nil {
		p.t.Fatal(err)
	}
}

func TestVectorsOfConversationsAreAnswered(t *testing.T) {
	for _, v := range readVectors(t).Conversations {
		if v.Steps[len(v.Steps)-1].From == "initiator" {
			continue // no call
		}
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := muxio.Pipe()
				s, err := NewConn(b, Config{Role: muxio.Responder, Handler: vectorHandler()})
				if err != nil {
					t.Fatal(err)
				}
				p := newVectorPeer(t, a)
				p.start(v.Steps[0])
				for _, step := range v.Steps[2:] {
					if step.From == "initiator" {
						p.say(step)
					} else {
						p.wantSaid(step)
					}
				}
				_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
				s.Wait()
			})
		})
	}
}

func TestVectorsOfConversationsAreCalled(t *testing.T) {
	call := func(c *Conn, ctx context.Context, id MethodID, request string) {
		_, _ = c.Invoke(ctx, id, Message{Bytes: []byte(request)}) // the bytes are compared
	}
	callers := map[string]func(t *testing.T, c *Conn, next func()){
		"unary call of example.echo": func(t *testing.T, c *Conn, next func()) {
			go call(c, t.Context(), MethodIDOf("example.echo"), "hello")
			next()
		},
		"unary call that fails": func(t *testing.T, c *Conn, next func()) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			go call(c, ctx, MethodIDOf("example.echo"), "fail")
			next()
		},
		"unary call of a method that is not answered": func(t *testing.T, c *Conn, next func()) {
			go call(c, t.Context(), 1, "")
			next()
		},
		"streaming call of example.count, both ends send items": func(t *testing.T, c *Conn, next func()) {
			stream := openCount(t, c)
			next()
			if err := errors.Join(stream.Send(Message{Bytes: []byte("bb")}), stream.CloseSend()); err != nil {
				t.Error(err)
			}
			next()
			for _, want := range []string{"1", "2"} {
				if got, err := stream.Receive(); err != nil || string(got) != want {
					t.Errorf("received %q, %v", got, err)
				}
			}
			if _, err := stream.Receive(); endOf(err) != nil {
				t.Error(err)
			}
		},
		"streaming call that the caller gives up": func(t *testing.T, c *Conn, next func()) {
			stream := openCount(t, c)
			next()
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
			next()
		},
	}
	for _, v := range readVectors(t).Conversations {
		run, ok := callers[v.Name]
		if !ok {
			continue
		}
		delete(callers, v.Name)
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := muxio.Pipe()
				c, err := NewConn(a, Config{Role: muxio.Initiator})
				if err != nil {
					t.Fatal(err)
				}
				p := newVectorPeer(t, b)
				p.start(v.Steps[1])
				steps := v.Steps[2:]
				run(t, c, func() {
					for len(steps) > 0 && steps[0].From == "initiator" {
						p.wantSaid(steps[0])
						steps = steps[1:]
					}
					for len(steps) > 0 && steps[0].From == "responder" {
						p.say(steps[0])
						steps = steps[1:]
					}
				})
				if len(steps) > 0 {
					t.Errorf("%d steps are left", len(steps))
				}
				synctest.Wait()
				_ = c.Close(muxio.CloseReason{Code: muxio.CloseNormal})
				c.Wait()
			})
		})
	}
	for name := range callers {
		t.Errorf("there is no conversation %q", name)
	}
}

func openCount(t *testing.T, c *Conn) ClientCall {
	t.Helper()
	stream, err := c.OpenCall(t.Context(), MethodIDOf("example.count"), Message{Bytes: []byte("go")})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(Message{Bytes: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	return stream
}

// endOf returns nil for the end of a stream.
func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
