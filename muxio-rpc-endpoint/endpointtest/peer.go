package endpointtest

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// The RPC message as it stands on the wire, written down here once more, so
// that the suite does not agree with a mistake of the code under test:
//
//	| type u8 | request u32 | method u64 | m u16 | m bytes of metadata | payload |
const (
	callType     = 0
	responseType = 1
	headerBytes  = 15

	statusOK       = 0
	statusFail     = 1
	statusNoMethod = 3
)

// message returns an RPC message.
func message(typ byte, request uint32, method rpc.MethodID, metadata, payload string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{typ}, request)
	b = binary.LittleEndian.AppendUint64(b, uint64(method))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(metadata)))
	b = append(b, metadata...)
	return append(b, payload...)
}

// call returns the message that calls a unary method.
func call(request uint32, method rpc.MethodID, payload string) []byte {
	return message(callType, request, method, "", payload)
}

// item returns one message of a streaming call: its size plus one, then it.
func item(s string) string {
	return string(binary.AppendUvarint(nil, uint64(len(s))+1)) + s
}

// frame returns one frame.
func frame(stream, seq uint32, kind muxio.Kind, payload []byte) []byte {
	return muxio.Layout13.Append(nil, muxio.Frame{Stream: stream, Seq: seq, Kind: kind, Payload: payload})
}

// whole returns the frames of a stream with the given content.
func whole(stream uint32, content []byte) []byte {
	return append(frame(stream, 0, muxio.Open, content), frame(stream, 1, muxio.End, nil)...)
}

// response is what came back on one stream.
type response struct {
	typ      byte
	request  uint32
	method   rpc.MethodID
	status   int // -1 without metadata
	payload  string
	canceled bool
}

// failure returns the error that the payload stands for, nil for success.
func (r response) failure(t *testing.T) *rpc.Error {
	t.Helper()
	if r.status != statusFail {
		return nil
	}
	e, err := rpc.ParseError([]byte(r.payload))
	if err != nil {
		t.Errorf("response %+v: %v", r, err)
	}
	return e
}

// rawPeer is the calling end of a transport, led frame by frame. It grants
// no credit, so responses must fit into the initial one.
type rawPeer struct {
	t         *testing.T
	transport muxio.Transport
	watchdog  *time.Timer // closes the transport at a hang
	carry     []byte
	streams   map[uint32][]byte
}

func newRawPeer(t *testing.T, serve Serve, server rpc.Config) *rawPeer {
	t.Helper()
	p := &rawPeer{t: t, transport: serve(t, server), streams: make(map[uint32][]byte)}
	p.watchdog = time.AfterFunc(HangGuard, p.close)
	t.Cleanup(func() {
		p.watchdog.Stop()
		p.close()
	})
	p.send(muxio.Layout13.Append(nil, muxio.Frame{Stream: 1<<32 - 1, Kind: muxio.Settings})) // the defaults
	return p
}

func (p *rawPeer) close() { _ = p.transport.Close(muxio.CloseReason{Code: muxio.CloseNormal}) }

// send sends bytes as one message of the transport.
func (p *rawPeer) send(b ...[]byte) {
	p.t.Helper()
	if err := p.transport.WriteMessage(b); err != nil {
		p.t.Fatalf("writing: %v", err)
	}
}

// receive returns the next response that is complete or cancelled.
func (p *rawPeer) receive() response {
	p.t.Helper()
	for {
		for {
			f, rest, ok, err := muxio.Layout13.Parse(p.carry, 1<<20)
			if err != nil {
				p.t.Fatalf("the peer sent a bad frame: %v", err)
			}
			if !ok {
				break
			}
			p.carry = rest
			if r, complete := p.take(f); complete {
				return r
			}
		}
		b, err := p.transport.ReadMessage()
		if err != nil {
			p.t.Fatalf("reading: %v", err)
		}
		p.carry = append(p.carry[:len(p.carry):len(p.carry)], b...)
	}
}

// take adds a frame to its stream; complete is true when that ended it.
func (p *rawPeer) take(f muxio.Frame) (r response, complete bool) {
	p.t.Helper()
	switch f.Kind {
	case muxio.Open, muxio.Data:
		p.streams[f.Stream] = append(p.streams[f.Stream], f.Payload...)
		return r, false
	case muxio.End, muxio.Cancel:
	default:
		return r, false
	}
	b := p.streams[f.Stream]
	delete(p.streams, f.Stream)
	if len(b) < headerBytes || len(b) < headerBytes+int(binary.LittleEndian.Uint16(b[13:])) {
		if f.Kind == muxio.Cancel {
			return r, false // given up before it said anything
		}
		p.t.Fatalf("the peer sent a response of %d bytes", len(b))
	}
	r = response{
		typ: b[0], request: binary.LittleEndian.Uint32(b[1:]), method: rpc.MethodID(binary.LittleEndian.Uint64(b[5:])),
		status: -1, canceled: f.Kind == muxio.Cancel,
	}
	m := int(binary.LittleEndian.Uint16(b[13:]))
	if m > 0 {
		r.status = int(b[headerBytes])
	}
	r.payload = string(b[headerBytes+m:])
	return r, true
}

// wantEcho reports an answering end that no longer answers, or that answers
// something else first. Each stream must be a new one.
func (p *rawPeer) wantEcho(stream uint32) {
	p.t.Helper()
	const request, payload = 0x0e0e0e0e, "still there"
	p.send(whole(stream, call(request, echoMethod.ID(), payload)))
	want := response{typ: responseType, request: request, method: echoMethod.ID(), status: statusOK, payload: payload}
	if got := p.receive(); got != want {
		p.t.Errorf("answer %+v, want %+v", got, want)
	}
}

// wantClosed reports a connection that the answering end keeps open. Responses
// that were under way may still come before its end.
func (p *rawPeer) wantClosed() {
	p.t.Helper()
	for {
		if _, err := p.transport.ReadMessage(); err != nil {
			break
		}
	}
	if !p.watchdog.Stop() {
		p.t.Error("the answering end did not close the connection")
	}
}
