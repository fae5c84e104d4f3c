package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-server/server"
	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// capturedMessage is one WebSocket message of a conversation between programs of the
// original, as a proxy saw it.
type capturedMessage struct {
	Name      string `json:"name"`
	Layout    int    `json:"layout"`
	Direction string `json:"direction"`
	Opcode    int    `json:"ws_opcode"`
	Hex       string `json:"bytes_hex"`
}

func (m capturedMessage) bytes(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(m.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// capturedConversations returns the conversations of a file, each with its messages.
func capturedConversations(t *testing.T, path string) (all [][]capturedMessage) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m capturedMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if n := len(all); n == 0 || all[n-1][0].Name != m.Name {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], m)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCapturedConversations says what clients of the original have said to servers of the
// original, byte for byte, and wants the responses that they got.
func TestCapturedConversations(t *testing.T) {
	for _, tt := range []struct {
		file   string
		layout muxio.Layout
		// sizes tells that the server of the capture lays its file out as we do, so
		// that the sizes in responses are ours.
		sizes bool
		most  int // conversations at least
	}{
		{"rust", muxio.LayoutOriginal13, true, 15},
		{"python", muxio.LayoutOriginal21, false, 8},
		{"raw21", muxio.LayoutOriginal21, false, 1},
	} {
		t.Run(tt.file, func(t *testing.T) {
			conversations := capturedConversations(t, "testdata/conversations-"+tt.file+".jsonl.gz")
			if len(conversations) < tt.most {
				t.Fatalf("%d conversations, want at least %d", len(conversations), tt.most)
			}
			_, url := serve(t, open(t), server.Options{}) // for all of them, as it was
			for _, c := range conversations {
				t.Run(c[0].Name, func(t *testing.T) { replay(t, url, tt.layout, tt.sizes, c) })
			}
		})
	}
}

func replay(t *testing.T, url string, layout muxio.Layout, sizes bool, messages []capturedMessage) {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), url+server.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // empty
	defer ws.Close()
	got, want := newResponses(layout), newResponses(layout)
	for _, m := range messages {
		b := m.bytes(t)
		switch {
		case m.Direction == "s2c" && m.Opcode == websocket.BinaryMessage:
			if err := want.add(b); err != nil {
				t.Fatalf("the capture: %v", err)
			}
		case m.Direction == "c2s":
			got.await(t, ws, want.ended)
			if err := ws.WriteMessage(m.Opcode, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	got.await(t, ws, want.ended)
	if len(want.whole) == 0 && len(want.bodies) > 0 {
		t.Fatal("the capture has no whole response")
	}
	var free []rpc.MethodID // responses to these need only be numbers
	if !sizes {
		free = tellSizes
	}
	if messages[0].Name == "concurrent-16" { // writes and counts at a time: we are free in their order
		free = append(slices.Clone(free), driveservice.OriginalLen.ID())
	}
	for request, body := range want.whole {
		mine := got.whole[request]
		bothNumbers := isNumber(mine, free) && isNumber(body, free)
		if !bytes.Equal(mine, body) && !bothNumbers {
			t.Errorf("request %d: answered %.80x, want %.80x", request, mine, body)
		}
	}
	if len(got.whole) != len(want.whole) {
		t.Errorf("%d responses, want %d", len(got.whole), len(want.whole))
	}
	if got.largest > muxio.ChunkBytes || got.ends != got.ended {
		t.Errorf("the largest frame has %d bytes; %d of %d ends are empty", got.largest, got.ends, got.ended)
	}
}

// tellSizes are the methods that are answered with the size of the file.
var tellSizes = []rpc.MethodID{
	driveservice.OriginalWrite.ID(), driveservice.OriginalBatchWrite.ID(), driveservice.OriginalDelete.ID(), driveservice.OriginalFileSize.ID(),
}

// isNumber tells whether a response is that of one of the methods, successful, and a number.
func isNumber(body []byte, methods []rpc.MethodID) bool {
	const method, header = 5, 15
	if len(body) < header+1 || body[header] != 0 {
		return false
	}
	_, err := driveservice.OriginalFileSize.Response().Parse(body[header+1:])
	return err == nil && slices.Contains(methods, rpc.MethodID(binary.LittleEndian.Uint64(body[method:])))
}

// responses puts responses together from what a server sends.
type responses struct {
	layout  muxio.Layout
	carry   []byte
	bodies  map[uint32][]byte // by stream
	whole   map[uint32][]byte // by request
	ended   int
	ends    int // without bytes
	largest int // frame
}

func newResponses(layout muxio.Layout) *responses {
	return &responses{layout: layout, bodies: map[uint32][]byte{}, whole: map[uint32][]byte{}}
}

// add takes the next bytes.
func (r *responses) add(b []byte) error {
	r.carry = append(r.carry, b...)
	for {
		f, rest, ok, err := r.layout.Parse(r.carry, 1<<20)
		if err != nil || !ok {
			return err
		}
		r.carry = rest
		r.largest = max(r.largest, len(f.Payload))
		if f.Kind != muxio.End {
			r.bodies[f.Stream] = append(r.bodies[f.Stream], f.Payload...)
			continue
		}
		r.ended++
		if len(f.Payload) == 0 {
			r.ends++
		}
		body := r.bodies[f.Stream]
		delete(r.bodies, f.Stream)
		if len(body) < 15 || body[0] != 1 {
			return fmt.Errorf("no response: %x", body)
		}
		request := binary.LittleEndian.Uint32(body[1:])
		if _, twice := r.whole[request]; twice {
			return fmt.Errorf("request %d was answered twice", request)
		}
		r.whole[request] = body
	}
}

// await reads until n responses are complete.
func (r *responses) await(t *testing.T, ws *websocket.Conn, n int) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(30 * time.Second))
	for r.ended < n {
		_, b, err := ws.ReadMessage()
		if err == nil {
			err = r.add(b)
		}
		if err != nil {
			t.Fatalf("after %d of %d responses: %v", r.ended, n, err)
		}
	}
}
