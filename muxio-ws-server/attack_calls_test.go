package wsserver_test

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	"github.com/simd-drive/go/muxio/wsconn"
)

// callAttacks keep to the protocol of frames and break that of calls, or its limits.
var callAttacks = []attack{
	{"two streams with one request id", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		first, second := callMessage(9, victimEcho.ID(), nil, []byte("first")), callMessage(9, victimEcho.ID(), nil, []byte("second"))
		p.send(frame(1, 0, muxio.Open, first), frame(3, 0, muxio.Open, second), frame(1, 1, muxio.End, nil), frame(3, 1, muxio.End, nil))
		p.next = 100
		return p.wantEcho()
	}, "goes on", 16},
	{"message of an unknown type, then a good call", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		bad := callMessage(1, victimEcho.ID(), nil, nil)
		bad[0] = 7
		p.send(frame(1, 0, muxio.Open, bad), frame(1, 1, muxio.End, nil))
		p.next = 100
		return p.wantEcho()
	}, "goes on", 16},
	{"10,000 responses that nobody asked for", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for i := range uint32(10_000) {
			stray := callMessage(i, victimEcho.ID(), []byte{0}, []byte("hello"))
			stray[0] = 1
			p.send(frame(i, 0, muxio.Open, stray), frame(i, 1, muxio.End, nil))
		}
		p.next = 1 << 20
		return p.wantEcho()
	}, "goes on", 16},
	{"10,000 calls of unknown methods", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 100 {
			p.send(several(100, func(int) []byte { return p.call(12345, []byte("hello")) }))
		}
		return p.wantEcho()
	}, "goes on", 16},
	{"1,000 headers of 64 KiB of metadata", 0, func(t *testing.T, v *victim) string {
		value := make([]byte, 65_000)
		fields := binary.AppendUvarint([]byte{2}, uint64(len(value)+2))
		fields = append(append(fields, 1, 'k'), value...)
		return headers(t, v, fields)
	}, "goes on", 64},
	{"1,000 headers of 32,000 fields", 0, func(t *testing.T, v *victim) string {
		return headers(t, v, several(32_000, func(int) []byte { return []byte{0x7f, 0} }))
	}, "goes on", 32},
	{"items of 2^60 bytes announced", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 1000 {
			p.send(p.call(victimUpload.ID(), append([]byte{1}, binary.AppendUvarint(nil, 1<<60)...)))
		}
		return p.wantEcho()
	}, "goes on", 32},
	{"20,000 calls cancelled at once", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for i := range uint32(20_000) {
			p.send(frame(i, 0, muxio.Open, callMessage(i, victimBlock.ID(), nil, nil)), frame(i, 1, muxio.End, nil), frame(i, 0, muxio.Cancel, nil))
		}
		p.next = 1 << 20
		return p.wantEcho()
	}, "goes on", 32},
	{"10,000 calls whose deadline is past", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		fields := []byte{1, 1, 1} // a microsecond
		for i := range uint32(10_000) {
			p.send(frame(i, 0, muxio.Open, callMessage(i, victimBlock.ID(), fields, nil)), frame(i, 1, muxio.End, nil))
		}
		p.next = 1 << 20
		return p.wantEcho()
	}, "goes on", 32},
	{"10,000 handlers that panic", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 100 {
			p.send(several(100, func(int) []byte { return p.call(victimPanic.ID(), nil) }))
		}
		return p.wantEcho()
	}, "goes on", 32},
	{"5,000 handlers that block for ever", 0, func(t *testing.T, v *victim) string {
		p := intrude(t, v.url)
		for range 50 {
			p.send(several(100, func(int) []byte { return p.call(victimBlock.ID(), nil) }))
		}
		return refusals(p, 5000-rpc.DefaultMaxCalls)
	}, "3976 refused", 32},
	{"unary requests of 400 MiB that never end", 0, func(t *testing.T, v *victim) string {
		s := session(t, v.url)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var sends sync.WaitGroup
		for range 10 {
			sends.Go(func() {
				w := s.OpenStream(muxio.Normal)
				_ = w.Send(ctx, muxio.Body{Prefix: callMessage(w.ID(), victimEcho.ID(), nil, nil), Bytes: make([]byte, 40<<20)})
			})
		}
		sends.Wait() // those that are refused get no credit any more, until the time is up
		if s.Err() != nil {
			return "closed"
		}
		return "held to MaxBufferedBytes"
	}, "held to MaxBufferedBytes", 3 * rpc.DefaultMaxBufferedBytes >> 20},
}

// headers sends calls with the given fields.
func headers(t *testing.T, v *victim, fields []byte) string {
	t.Helper()
	p := intrude(t, v.url)
	for i := range uint32(1000) {
		call := callMessage(i, victimEcho.ID(), fields, nil)
		if len(call) > muxio.ChunkBytes {
			t.Fatal("the header does not fit a frame")
		}
		p.send(frame(i, 0, muxio.Open, call), frame(i, 1, muxio.End, nil))
	}
	p.next = 1 << 20
	return p.wantEcho()
}

// refusals reads until n calls have been refused.
func refusals(p *intruder, n int) string {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(30 * time.Second))
	refused := 0
	for refused < n {
		_, b, err := p.ws.ReadMessage()
		if err != nil {
			p.t.Error(err)
			break
		}
		p.carry = append(p.carry, b...)
		for {
			f, rest, ok, err := muxio.Layout13.Parse(p.carry, 1<<20)
			if err != nil || !ok {
				break
			}
			if p.carry = rest; f.Kind == muxio.End {
				refused++
			}
		}
	}
	return strconv.Itoa(refused) + " refused"
}

// session starts a session of muxio that keeps to the rules of frames.
func session(t *testing.T, url string) *muxio.Session {
	t.Helper()
	s, err := muxio.NewSession(wsconn.New(rawConn(t, url), wsconn.Config{Masks: true}), muxio.Config{
		Role: muxio.Initiator, Accept: func(*muxio.RecvStream) muxio.Receiver { return sinkhole{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal}) })
	return s
}

// sinkhole takes bytes and grants nothing.
type sinkhole struct{}

func (sinkhole) Data([]byte)  {}
func (sinkhole) End()         {}
func (sinkhole) Cancel(error) {}
