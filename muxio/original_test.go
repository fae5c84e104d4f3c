package muxio

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// timed returns frames as an original peer of the older releases writes them: with a time.
func timed(frames []byte, l Layout, random *rand.Rand) []byte {
	if l != LayoutOriginal21 {
		return frames
	}
	for at := 0; at < len(frames); {
		n := int(binary.LittleEndian.Uint32(frames[at:]))
		binary.LittleEndian.PutUint64(frames[at+commonHeaderBytes:], 1_790_000_000_000_000+random.Uint64N(1e15))
		at += LayoutOriginal21.headerBytes + n
	}
	return frames
}

// request returns the frames of a call with so many bytes of metadata and payload.
func request(l Layout, id uint32, metadata, payload int, random *rand.Rand) (frames [][]byte) {
	body := make([]byte, callHeaderBytes+metadata+payload)
	binary.LittleEndian.PutUint32(body[1:], id)
	binary.LittleEndian.PutUint64(body[5:], random.Uint64())
	binary.LittleEndian.PutUint16(body[13:], uint16(metadata))
	for i := range body[callHeaderBytes:] {
		body[callHeaderBytes+i] = byte(random.Uint32())
	}
	seq := uint32(0)
	for p := range slices.Chunk(body, ChunkBytes) {
		frames = append(frames, timed(l.Append(nil, piece(id, seq, p)), l, random))
		seq++
	}
	return append(frames, timed(l.Append(nil, Frame{Stream: id, Seq: seq, Kind: End}), l, random))
}

// TestRecogniseLayout tries what original peers send first, and what others may.
func TestRecogniseLayout(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, l := range []Layout{LayoutOriginal13, LayoutOriginal21} {
		for i := range 2000 {
			metadata, payload := random.IntN(40), 0
			if i%50 == 0 {
				metadata, payload = 0, random.IntN(3*ChunkBytes)
			}
			frames := request(l, random.Uint32N(1<<31), metadata, payload, random)
			// A frame in a message, as they do; all of them in one; the beginning
			// of the first, as a transport may pass it on.
			for name, first := range map[string][]byte{
				"frame": frames[0], "message": bytes.Join(frames, nil), "part": frames[0][:min(len(frames[0]), ChunkBytes)],
			} {
				got, ok, err := recogniseLayout(first, DefaultMaxFrameBytes)
				if !ok && err == nil { // the part did not tell: more comes
					got, ok, err = recogniseLayout(bytes.Join(frames, nil), DefaultMaxFrameBytes)
				}
				if got != l || !ok || err != nil {
					t.Fatalf("%s of %d and %d bytes in %d: %v, %t, %v", name, metadata, payload, l.headerBytes, got, ok, err)
				}
			}
		}
	}
}

func TestNoLayout(t *testing.T) {
	for name, b := range map[string][]byte{
		"text":       []byte("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\r\n"),
		"zeros":      make([]byte, 64),
		"no call":    LayoutOriginal13.Append(nil, Frame{Kind: Data, Seq: 9, Payload: make([]byte, 40)})[:50],
		"high kinds": append(LayoutOriginal13.AppendHeader(nil, 0, 0, 9, 40), make([]byte, 40)...),
	} {
		if got, ok, err := recogniseLayout(b, DefaultMaxFrameBytes); err == nil {
			t.Errorf("%s: %v, %t", name, got, ok)
		}
	}
	for n := range commonHeaderBytes {
		if _, ok, err := recogniseLayout(make([]byte, n), DefaultMaxFrameBytes); ok || err != nil {
			t.Errorf("%d bytes: %t, %v", n, ok, err)
		}
	}
}

// originalEnd starts a session with a peer of the original protocol.
func originalEnd(t *testing.T, limits Limits) (*end, Transport) {
	t.Helper()
	ta, tb := Pipe()
	t.Cleanup(func() { _ = ta.Close(CloseReason{Code: CloseNormal}) })
	return newEndWith(t, tb, Config{Role: Responder, Layout: LayoutOriginal, Limits: limits}, false), ta
}

// TestOriginalStreamsInParts holds that streams arrive as they were sent, wherever their
// bytes are cut after the first frame.
func TestOriginalStreamsInParts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, l := range []Layout{LayoutOriginal13, LayoutOriginal21} {
		for step := 1; step < 200; step += 9 {
			e, peer := originalEnd(t, Limits{})
			first := request(l, 7, 10, 0, random)
			second := request(l, 8, 0, 300, random)
			if err := peer.WriteMessage([][]byte{first[0]}); err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(append(first[1], bytes.Join(second, nil)...), step) {
				if err := peer.WriteMessage([][]byte{part}); err != nil {
					t.Fatal(err)
				}
			}
			for _, frames := range [][][]byte{first, second} {
				c := e.next(t)
				if err := await(t, c.ended); err != nil || !bytes.Equal(c.bytes(), frames[0][l.headerBytes:]) {
					t.Fatalf("in parts of %d: %x, %v", step, c.bytes(), err)
				}
			}
		}
	}
}

// TestOriginalFrames tries frames that muxio.v1 does not allow.
func TestOriginalFrames(t *testing.T) {
	call := append([]byte{0, 7, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}, "body"...)
	whole := []Frame{{Stream: 7, Kind: Open, Payload: call}, {Stream: 7, Seq: 1, Kind: End}}
	for _, tt := range []struct {
		name   string
		frames []Frame
		want   []string // bodies of the streams
		close  CloseCode
	}{
		{"ids of either half", []Frame{
			whole[0], whole[1],
			{Stream: 1 << 31, Payload: call},
			{Stream: 1 << 31, Seq: 1, Kind: End},
			{Stream: connectionID, Payload: call},
			{Stream: connectionID, Seq: 1, Kind: End},
		}, []string{string(call), string(call), string(call)}, 0},
		{"all kinds carry bytes", []Frame{
			whole[0],
			{Stream: 7, Seq: 1, Kind: 4, Payload: []byte("a")},
			{Stream: 7, Seq: 2, Kind: 5, Payload: []byte("b")},
			{Stream: 7, Seq: 3, Kind: Open, Payload: []byte("c")},
			{Stream: 7, Seq: 4, Kind: End},
		}, []string{string(call) + "abc"}, 0},
		{"bytes in an End", []Frame{whole[0], {Stream: 7, Seq: 1, Kind: End, Payload: []byte("lost")}}, []string{string(call)}, 0},
		{"an id again", []Frame{whole[0], whole[1], whole[0], whole[1]}, []string{string(call), string(call)}, 0},
		{"a Cancel with a number", []Frame{whole[0], {Stream: 7, Seq: 1, Kind: Cancel}, whole[0], whole[1]}, []string{"cancelled", string(call)}, 0},
		{"a Cancel of nothing", []Frame{whole[0], whole[1], {Stream: 7, Seq: 2, Kind: Cancel}, whole[0], whole[1]}, []string{string(call), string(call)}, 0},
		{"End alone", []Frame{whole[0], whole[1], {Stream: 9, Kind: End}}, []string{string(call)}, CloseProtocolError},
		{"a number twice", []Frame{whole[0], {Stream: 7, Seq: 1, Kind: Data}, {Stream: 7, Seq: 1, Kind: Data}}, nil, CloseProtocolError},
		{"a kind that is none", []Frame{whole[0], whole[1], {Stream: 8, Kind: Credit, Payload: []byte{1, 0, 0, 0}}}, []string{string(call)}, CloseProtocolError},
		{"too large a frame", []Frame{whole[0], whole[1], {Stream: 8, Payload: make([]byte, DefaultMaxFrameBytes+1)}}, []string{string(call)}, CloseTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, peer := originalEnd(t, Limits{})
			for _, f := range tt.frames {
				if err := peer.WriteMessage([][]byte{LayoutOriginal13.Append(nil, f)}); err != nil {
					break // it is closed: told below
				}
			}
			for _, want := range tt.want {
				c := e.next(t)
				got := "cancelled"
				if err := await(t, c.ended); err == nil {
					got = string(c.bytes())
				}
				if got != want {
					t.Errorf("a stream with %q, want %q", got, want)
				}
			}
			if tt.close == 0 {
				if err := e.Err(); err != nil {
					t.Errorf("the session has ended: %v", err)
				}
				return
			}
			wantClosed(t, peer, tt.close)
		})
	}
}

// TestOriginalLimits holds that what an original peer begins and does not end is bounded.
func TestOriginalLimits(t *testing.T) {
	t.Run("streams", func(t *testing.T) {
		_, peer := originalEnd(t, Limits{MaxStreams: 200})
		for id := range uint32(300) {
			if peer.WriteMessage([][]byte{LayoutOriginal13.Append(nil, piece(id, 0, make([]byte, callHeaderBytes)))}) != nil {
				break
			}
		}
		wantClosed(t, peer, ClosePolicy)
	})
	t.Run("frames ahead", func(t *testing.T) {
		_, peer := originalEnd(t, Limits{})
		first := piece(1, 0, make([]byte, callHeaderBytes))
		for seq := range uint32(DefaultMaxAheadFrames + 3) {
			f := piece(1, seq+1, []byte("ahead"))
			if seq == 0 {
				f = first
			}
			if peer.WriteMessage([][]byte{LayoutOriginal13.Append(nil, f)}) != nil {
				break
			}
		}
		wantClosed(t, peer, ClosePolicy)
	})
	t.Run("stray bytes", func(t *testing.T) {
		_, peer := originalEnd(t, Limits{})
		for _, b := range [][]byte{{1, 2, 3}, LayoutOriginal13.Append(nil, piece(1, 0, make([]byte, 40)))} {
			if err := peer.WriteMessage([][]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		wantClosed(t, peer, CloseTooBig)
	})
	t.Run("garbage", func(t *testing.T) {
		_, peer := originalEnd(t, Limits{})
		if err := peer.WriteMessage([][]byte{[]byte("this is no frame of any layout, and long enough to tell")}); err != nil {
			t.Fatal(err)
		}
		wantClosed(t, peer, CloseProtocolError)
	})
}

// TestOriginalSaysNothingElse holds that a session of the original protocol sends no frame
// that its peer does not know, whatever its streams go through.
func TestOriginalSaysNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, peer := originalEnd(t, Limits{})
		var kinds [256]atomic.Int64
		go func() { // ends with the transport
			for {
				b, err := peer.ReadMessage()
				if err != nil {
					return
				}
				for len(b) > 0 {
					f, rest, ok, err := LayoutOriginal21.Parse(b, ChunkBytes)
					if err != nil || !ok {
						t.Errorf("%x: %t, %v", b, ok, err)
						return
					}
					kinds[f.Kind].Add(1)
					b = rest
				}
			}
		}()
		random := rand.New(rand.NewPCG(5, 6))
		for id := range uint32(20) { // more bytes than a connection has credit for in muxio.v1
			for _, frame := range request(LayoutOriginal21, id, 0, 1<<20, random) {
				if err := peer.WriteMessage([][]byte{frame}); err != nil {
					t.Fatal(err)
				}
			}
			c := e.next(t)
			if err := await(t, c.ended); err != nil {
				t.Fatal(err)
			}
			w := e.OpenStream(Normal)
			if err := w.Send(t.Context(), Body{Bytes: make([]byte, 1<<20), End: true}); err != nil {
				t.Fatal(err)
			}
			w.Cancel(5)
		}
		unended := e.OpenStream(Normal)
		if err := unended.Send(t.Context(), Body{Bytes: []byte("begun")}); err != nil {
			t.Fatal(err)
		}
		unended.Cancel(5)
		if err := e.GoAway(CloseReason{Code: CloseGoingAway}); err != nil {
			t.Error(err)
		}
		if _, err := e.Ping(t.Context()); err != ErrOriginal { //nolint:errorlint // it is promised as it is
			t.Error(err)
		}
		synctest.Wait()
		for kind := range kinds {
			want := map[Kind]int64{Open: 21, Data: 20 * 15, End: 20, Cancel: 1}[Kind(kind)]
			if n := kinds[kind].Load(); n != want {
				t.Errorf("%d frames of kind %d were sent, want %d", n, kind, want)
			}
		}
	})
}

// hurried counts how often it is asked to acknowledge.
type hurried struct {
	Transport
	asked atomic.Int64
}

func (h *hurried) Acknowledge() { h.asked.Add(1) }

// TestAcknowledgedWhileUnfinished holds that what an original peer sends is acknowledged
// at once as long as more of a message is to come, and only then.
func TestAcknowledgedWhileUnfinished(t *testing.T) {
	for name, want := range map[string]int64{"original": 2, "v1": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ta, tb := Pipe()
				defer func() { _ = ta.Close(CloseReason{Code: CloseNormal}) }()
				h := &hurried{Transport: tb}
				l := Layout13
				if name == "original" {
					l = LayoutOriginal13
				}
				newEndWith(t, h, Config{Role: Responder, Layout: l}, false)
				frames := []Frame{piece(1, 0, make([]byte, 100)), piece(1, 1, []byte("x")), {Stream: 1, Seq: 2, Kind: End}}
				if name != "original" {
					frames = slices.Insert(frames, 0, settingsFrame())
				}
				for _, f := range frames {
					writeFrames(t, ta, f)
				}
				synctest.Wait()
				if n := h.asked.Load(); n != want {
					t.Errorf("asked %d times, want %d", n, want)
				}
			})
		})
	}
}
