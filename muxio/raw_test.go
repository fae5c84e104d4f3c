package muxio

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
)

// dialRaw is newRawPeer without the settings.
func dialRaw(t *testing.T, limits Limits) *rawPeer {
	t.Helper()
	ta, tb := Pipe()
	t.Cleanup(func() { _ = ta.Close(CloseReason{Code: CloseNormal}) })
	return &rawPeer{t: t, transport: ta, end: newEnd(t, tb, Responder, limits, true)}
}

// wantClosed reads until the other end closes, and checks the code.
func wantClosed(t *testing.T, peer Transport, code CloseCode) {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		for {
			if _, err := peer.ReadMessage(); err != nil {
				result <- err
				return
			}
		}
	}()
	var closed *CloseError
	if err := await(t, result); !errors.As(err, &closed) || closed.Code != code || closed.Text == "" {
		t.Errorf("closed with %v, want code %d and a reason", err, code)
	}
}

// writeFrames writes frames as one message.
func writeFrames(t *testing.T, transport Transport, frames ...Frame) {
	t.Helper()
	var message []byte
	for _, f := range frames {
		message = Layout13.Append(message, f)
	}
	if err := transport.WriteMessage([][]byte{message}); err != nil {
		t.Error(err)
	}
}

// piece returns the frame with number seq of a stream.
func piece(stream, seq uint32, payload []byte) Frame {
	kind := Data
	if seq == 0 {
		kind = Open
	}
	return Frame{Stream: stream, Seq: seq, Kind: kind, Payload: payload}
}

// sendInBackground starts a Send that may never end by itself. It is for a bubble
// of synctest; the end of the session ends it.
func sendInBackground(t *testing.T, w *SendStream, body []byte) {
	t.Helper()
	go func() { _ = w.Send(t.Context(), Body{Bytes: body, End: true}) }()
}

// readFrames calls fn for each frame that arrives, until the transport ends. It is
// for frames that are whole in their message.
func readFrames(transport Transport, fn func(Frame)) error {
	for {
		message, err := transport.ReadMessage()
		if err != nil {
			return err
		}
		for len(message) > 0 {
			f, rest, ok, err := Layout13.Parse(message, DefaultMaxFrameBytes)
			if err != nil {
				return err
			}
			if !ok {
				return errors.New("a frame that is not whole")
			}
			fn(f)
			message = rest
		}
	}
}

// byteCounts counts the payload bytes of streams.
type byteCounts struct {
	mu sync.Mutex
	n  map[uint32]int
}

// countBytes counts what arrives at transport. It is for a bubble of synctest.
func countBytes(t *testing.T, transport Transport) *byteCounts {
	t.Helper()
	t.Helper()
	c := &byteCounts{n: make(map[uint32]int)}
	go func() { // ends with the transport
		_ = readFrames(transport, func(f Frame) {
			if f.Kind == Open || f.Kind == Data {
				c.mu.Lock()
				c.n[f.Stream] += len(f.Payload)
				c.mu.Unlock()
			}
		})
	}()
	return c
}

// of returns the bytes of one stream when nothing moves any more.
func (c *byteCounts) of(stream uint32) int { return c.all()[stream] }

// all returns the bytes of all streams when nothing moves any more.
func (c *byteCounts) all() map[uint32]int {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
