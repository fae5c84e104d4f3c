package muxiotest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/muxiotest"
)

func TestMain(m *testing.M) {
	muxiotest.RelayIfChild()
	goleak.VerifyTestMain(m)
}

const connection = 1<<32 - 1

var settings = muxio.Frame{Stream: connection, Kind: muxio.Settings}

func credit(stream uint32, n int) muxio.Frame {
	return muxio.Frame{Stream: stream, Kind: muxio.Credit, Payload: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

func data(stream, seq uint32, n int) muxio.Frame {
	kind := muxio.Data
	if seq == 0 {
		kind = muxio.Open
	}
	return muxio.Frame{Stream: stream, Seq: seq, Kind: kind, Payload: make([]byte, n)}
}

func TestMonitorSeesBreaches(t *testing.T) {
	end := muxio.Frame{Stream: 1, Seq: 1, Kind: muxio.End}
	cancel := muxio.Frame{Stream: 1, Kind: muxio.Cancel}
	window := []muxio.Frame{settings}
	for i := range uint32(muxio.InitialCredit / muxio.ChunkBytes) {
		window = append(window, data(1, i, muxio.ChunkBytes))
	}
	full := []muxio.Frame{settings}
	for i := range uint32(muxio.MinStreams) {
		full = append(full, data(10+i, 0, 1))
	}
	full = append(full, data(1, 0, 1), end) // ends at once
	for _, tt := range []struct {
		name   string
		good   []muxio.Frame // of the initiator
		theirs []muxio.Frame // of the responder, after them
		bad    muxio.Frame   // of the initiator, at last
	}{
		{"no settings", nil, nil, data(1, 0, 1)},
		{"settings twice", []muxio.Frame{settings}, nil, settings},
		{"id of the other half", []muxio.Frame{settings}, nil, data(1<<31, 0, 1)},
		{"no stream", []muxio.Frame{settings}, nil, data(1<<31-1, 0, 1)},
		{"gap", []muxio.Frame{settings, data(1, 0, 1)}, nil, data(1, 2, 1)},
		{"repeated", []muxio.Frame{settings, data(1, 0, 1), data(1, 1, 1)}, nil, data(1, 1, 1)},
		{"end with bytes", []muxio.Frame{settings, data(1, 0, 1)}, nil, muxio.Frame{Stream: 1, Seq: 1, Kind: muxio.End, Payload: []byte("x")}},
		{"after the end", []muxio.Frame{settings, data(1, 0, 1), end}, nil, data(1, 2, 1)},
		{"after cancel", []muxio.Frame{settings, data(1, 0, 1), cancel}, nil, data(1, 1, 1)},
		{"cancelled twice", []muxio.Frame{settings, data(1, 0, 1), cancel}, nil, cancel},
		{"cancel of nothing", []muxio.Frame{settings}, nil, cancel},
		{"beyond the credit", window, nil, data(1, 4, 1)},
		{"beyond a grant", window, []muxio.Frame{settings, credit(1, 10)}, data(1, 4, 11)},
		{"credit of nothing", []muxio.Frame{settings}, []muxio.Frame{settings}, credit(1<<31, 1)},
		{"credit for the own stream", []muxio.Frame{settings, data(1, 0, 1)}, nil, credit(1, 1)},
		{"connection gets more than it gave", []muxio.Frame{settings}, []muxio.Frame{settings}, credit(connection, 1)},
		{"more streams than may be", append(full, data(2, 0, 1)), nil, data(10, 1, 1)},
		{"large frame", []muxio.Frame{settings}, nil, data(1, 0, muxio.ChunkBytes+1)},
		{"pong that nobody asked for", []muxio.Frame{settings}, nil, muxio.Frame{Stream: connection, Kind: muxio.Pong, Payload: make([]byte, 8)}},
		{"short ping", []muxio.Frame{settings}, nil, muxio.Frame{Stream: connection, Kind: muxio.Ping, Payload: make([]byte, 7)}},
	} {
		a, b := muxio.Pipe()
		a, b, m := muxiotest.Watch(a, b)
		go drain(a) // ends with the pipe
		go drain(b)
		write(t, a, tt.good...)
		write(t, b, tt.theirs...)
		if err := m.Err(); err != nil {
			t.Errorf("%s: complained too early: %v", tt.name, err)
		}
		write(t, a, tt.bad)
		if err := m.Err(); err == nil {
			t.Errorf("%s: not seen", tt.name)
		}
		_ = a.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	}
}

func write(t *testing.T, transport muxio.Transport, frames ...muxio.Frame) {
	t.Helper()
	for _, f := range frames {
		if err := transport.WriteMessage([][]byte{muxio.Layout13.Append(nil, f)}); err != nil {
			t.Error(err)
		}
	}
}

func drain(transport muxio.Transport) {
	for {
		if _, err := transport.ReadMessage(); err != nil {
			return
		}
	}
}

func TestMonitorSeesPartsOfFrames(t *testing.T) {
	a, b := muxio.Pipe()
	a, _, m := muxiotest.Watch(a, b)
	if err := a.WriteMessage([][]byte{muxio.Layout13.Append(nil, settings), {1, 2, 3}}); err != nil || m.Err() == nil {
		t.Errorf("%v, %v", err, m.Err())
	}
}

// holder keeps what it gets.
type holder struct{ done chan<- struct{} }

func (h holder) Data([]byte)  {}
func (h holder) End()         { h.done <- struct{}{} }
func (h holder) Cancel(error) {}

// What the monitor says of the ends of a link is what they did.
func TestMonitorCounts(t *testing.T) {
	a, b := muxio.Pipe()
	a, b, m := muxiotest.Watch(a, b)
	done := make(chan struct{}, 1)
	accept := func(*muxio.RecvStream) muxio.Receiver { return holder{done} }
	from, err := muxio.NewSession(a, muxio.Config{Role: muxio.Initiator, Accept: accept})
	if err != nil {
		t.Fatal(err)
	}
	to, err := muxio.NewSession(b, muxio.Config{Role: muxio.Responder, Accept: accept})
	if err != nil {
		t.Fatal(err)
	}
	whole, begun := from.OpenStream(muxio.Normal), from.OpenStream(muxio.Normal)
	for _, w := range []*muxio.SendStream{begun, whole} { // in this order, so that both have arrived when one has ended
		if err := w.Send(context.Background(), muxio.Body{Bytes: bytes.Repeat([]byte("x"), 1000), End: w == whole}); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if ids := m.Unfinished(muxio.Initiator); len(ids) != 1 || ids[0] != begun.ID() {
		t.Errorf("unfinished: %v", ids)
	}
	if n := m.Outstanding(muxio.Initiator); n != 2000 {
		t.Errorf("outstanding: %d bytes", n)
	}
	_ = from.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	_ = to.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	if err := m.Err(); err != nil {
		t.Error(err)
	}
}
