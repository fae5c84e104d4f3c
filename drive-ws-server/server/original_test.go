package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// originalLayouts are those in which clients of the original protocol speak.
var originalLayouts = map[driveclient.Protocol]muxio.Layout{
	driveclient.Original13: muxio.LayoutOriginal13, driveclient.Original21: muxio.LayoutOriginal21,
}

func dialOriginal(t *testing.T, url string, p driveclient.Protocol) *driveclient.Client {
	t.Helper()
	c, err := driveclient.Dial(t.Context(), url, driveclient.Options{Protocol: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server may have closed it
	return c
}

// TestOriginalDialect tries every method of the dialect, and what a client makes of them.
func TestOriginalDialect(t *testing.T) {
	for p := range originalLayouts {
		t.Run(p.String(), func(t *testing.T) {
			store := open(t)
			_, url := serve(t, store, server.Options{})
			c, ctx := dialOriginal(t, url, p), t.Context()
			must := func(what string, tail int64, err error) {
				t.Helper()
				if err != nil || tail != store.FileSize() {
					t.Errorf("%s: tail %d of %d, %v", what, tail, store.FileSize(), err)
				}
			}
			if empty, err := c.IsEmpty(ctx); !empty || err != nil {
				t.Errorf("a new store is empty: %t, %v", empty, err)
			}
			tail, err := c.WriteBatch(ctx, nil)
			must("an empty batch", tail, err)
			values := map[string][]byte{"": []byte("of the empty key"), "zeros": make([]byte, 100_000)}
			for _, n := range []int{1, 254, 255, 65_500, 65_536, 1 << 20, 9 << 20} {
				values[fmt.Sprintf("\xff\x00%d", n)] = bytes.Repeat([]byte("value~\xf0"), n/7+1)[:n]
			}
			for key, value := range values {
				tail, err := c.Write(ctx, []byte(key), value)
				must("write", tail, err)
			}
			tail, err = c.WriteBatch(ctx, []driveclient.Item{{Key: []byte("twice"), Value: []byte("1")}, {Key: []byte("twice"), Value: []byte("2")}})
			must("a batch", tail, err)
			values["twice"] = []byte("2")
			tail, err = c.WriteFrom(ctx, []byte("stream"), bytes.NewReader(values["zeros"]))
			must("a stream", tail, err)
			values["stream"] = values["zeros"]
			tail, err = c.Delete(ctx, []byte("never there"))
			must("delete nothing", tail, err)
			if n, err := c.Len(ctx); n != len(values) || err != nil {
				t.Errorf("%d keys, %v; want %d", n, err, len(values))
			}
			if n, err := c.FileSize(ctx); n != store.FileSize() || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			keys := [][]byte{[]byte("never there")}
			for key, value := range values {
				keys = append(keys, []byte(key))
				got, err := c.Get(ctx, []byte(key))
				if err != nil || !bytes.Equal(got, value) {
					t.Errorf("%q has %d bytes, %v; want %d", key, len(got), err, len(value))
				}
				if there, err := c.Exists(ctx, []byte(key)); !there || err != nil {
					t.Errorf("%q is there: %t, %v", key, there, err)
				}
			}
			batch, err := c.GetBatch(ctx, keys)
			if err != nil || len(batch) != len(keys) || batch[0] != nil {
				t.Fatalf("a batch of %d: %d, %v", len(keys), len(batch), err)
			}
			for i, key := range keys[1:] {
				if !bytes.Equal(batch[i+1], values[string(key)]) {
					t.Errorf("%q in a batch has %d bytes, want %d", key, len(batch[i+1]), len(values[string(key)]))
				}
			}
			var whole bytes.Buffer
			if n, err := c.ReadTo(ctx, []byte("zeros"), &whole); n != 100_000 || err != nil || !bytes.Equal(whole.Bytes(), values["zeros"]) {
				t.Errorf("read to a writer: %d, %v", n, err)
			}
			r, err := c.RangeReader(ctx, []byte("twice"), 0, 1)
			if err != nil || r.Close() != nil {
				t.Error(err)
			}
			if _, err := c.RangeReader(ctx, []byte("twice"), 2, 0); !errors.Is(err, driveclient.ErrOutOfRange) {
				t.Errorf("a range beyond the end: %v", err)
			}
			tail, err = c.Delete(ctx, []byte("twice"))
			must("delete", tail, err)
			if there, err := c.Exists(ctx, []byte("twice")); there || err != nil {
				t.Errorf("deleted, there: %t, %v", there, err)
			}
		})
	}
}

// rawOriginal is a client that says what it likes.
type rawOriginal struct {
	t      *testing.T
	ws     *websocket.Conn
	layout muxio.Layout
	got    *responses
}

func dialRaw(t *testing.T, url string, layout muxio.Layout) rawOriginal {
	t.Helper()
	ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), url+server.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // empty
	t.Cleanup(func() { _ = ws.Close() })
	return rawOriginal{t, ws, layout, newResponses(layout)}
}

// frames returns those of a call, with its parameters in the payload.
func (c rawOriginal) frames(id uint32, method rpc.MethodID, params []byte) (b []byte) {
	body := binary.LittleEndian.AppendUint32([]byte{0}, id)
	body = binary.LittleEndian.AppendUint64(body, uint64(method))
	body = append(append(body, 0, 0), params...)
	seq := uint32(0)
	for piece := range slices.Chunk(body, muxio.ChunkBytes) {
		b = c.layout.Append(b, muxio.Frame{Stream: id, Seq: seq, Kind: min(muxio.Kind(seq), muxio.Data), Payload: piece})
		seq++
	}
	return c.layout.Append(b, muxio.Frame{Stream: id, Seq: seq, Kind: muxio.End})
}

func (c rawOriginal) send(b []byte) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		c.t.Fatal(err)
	}
}

// answer sends a call and returns status and payload of its response.
func (c rawOriginal) answer(id uint32, method rpc.MethodID, params []byte) (status byte, payload string) {
	c.t.Helper()
	c.send(c.frames(id, method, params))
	c.got.await(c.t, c.ws, c.got.ended+1)
	body := c.got.whole[id]
	return body[15], string(body[16:])
}

// TestWritesOfOneConnectionAreInOrder holds that writes which a client sends without
// waiting for their responses are carried out in the order in which they come in, as by
// the original server: the last one of a key wins.
func TestWritesOfOneConnectionAreInOrder(t *testing.T) {
	const writes = 2000
	store := open(t)
	_, url := serve(t, store, server.Options{})
	c := dialRaw(t, url, muxio.LayoutOriginal13)
	for i := range uint32(writes) {
		method, key := driveservice.OriginalWrite, []byte{byte(i % 3)}
		params, err := method.Request().Append(nil, driveservice.OriginalWriteRequest{Key: key, Value: fmt.Append(nil, i)})
		if i%10 == 9 {
			params, err = driveservice.OriginalDelete.Request().Append(nil, driveservice.OriginalKeyRequest{Key: key})
			c.send(c.frames(i, driveservice.OriginalDelete.ID(), params))
		} else {
			c.send(c.frames(i, method.ID(), params))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.got.await(t, c.ws, writes)
	var history []string
	for e, err := range store.History(drive.FileOrder) {
		if err != nil {
			t.Fatal(err)
		}
		value, err := e.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.IsTombstone() {
			value = nil
		}
		history = append(history, string(value))
	}
	if len(history) != writes {
		t.Fatalf("%d entries, want %d", len(history), writes)
	}
	for i, got := range history {
		want := strconv.Itoa(i)
		if i%10 == 9 {
			want = ""
		}
		if got != want {
			t.Fatalf("entry %d is %q, want %q", i, got, want)
		}
	}
}

// TestHostileOriginals sends what is no request. Each is answered, and the connection goes
// on.
func TestHostileOriginals(t *testing.T) {
	const manyKeys = 3_200_000
	keys := binary.LittleEndian.AppendUint32([]byte{255, 2}, manyKeys) // a count, and lengths of 0, eight to a byte
	keys = append(append(keys, 10), make([]byte, manyKeys/8)...)
	for p, layout := range originalLayouts {
		t.Run(p.String(), func(t *testing.T) {
			_, url := serve(t, open(t), server.Options{})
			c := dialRaw(t, url, layout)
			for i, tt := range []struct {
				method rpc.MethodID
				params string
				status byte
				text   string // that the payload begins with
			}{
				{12345, "", 3, ""},
				{driveservice.OriginalRead.ID(), "", 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalRead.ID(), "\x05abc", 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalRead.ID(), "\x01kk", 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalRead.ID(), strings.Repeat("\xff", 100), 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalWrite.ID(), "\x01k", 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalWrite.ID(), "\x01k\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff", 2, driveservice.OriginalTextMalformed},
				{driveservice.OriginalBatchRead.ID(), string(keys), 2, driveservice.ErrBatchTooLarge.Error()},
				{driveservice.OriginalWrite.ID(), "\x01k\x00", 2, driveservice.OriginalTextEmptyValue},
				{driveservice.OriginalWrite.ID(), "\x01k\x01\x00", 2, driveservice.OriginalTextNullValue},
				{driveservice.OriginalLen.ID(), "ignored", 0, "\x06\x00"},
				{driveservice.StreamRead.ID(), "\x01k", 2, ""},
				{driveservice.OriginalRead.ID(), "\x01k", 0, "\x00"},
			} {
				status, payload := c.answer(uint32(i), tt.method, []byte(tt.params))
				if status != tt.status || !strings.Contains(payload, tt.text) {
					t.Errorf("method %#x with %.20q: status %d, %q; want %d, %q", uint64(tt.method), tt.params, status, payload, tt.status, tt.text)
				}
			}
		})
	}
}

// TestOriginalLimit holds what a client of the original protocol can read and write at a
// time, and that others go on with their own limit.
func TestOriginalLimit(t *testing.T) {
	store := open(t)
	_, url := serve(t, store, server.Options{MaxMessageBytes: 1 << 20, MaxOriginalBytes: 4 << 20})
	c := dialOriginal(t, url, driveclient.Original13)
	if _, err := c.Write(t.Context(), []byte("k"), bytes.Repeat([]byte("v\xf0"), 1<<20)); err != nil {
		t.Error(err)
	}
	if value, err := c.Get(t.Context(), []byte("k")); len(value) != 2<<20 || err != nil {
		t.Errorf("%d bytes, %v", len(value), err)
	}
	if _, err := c.Write(t.Context(), []byte("k"), bytes.Repeat([]byte("v\xf0"), 2<<20)); err == nil || !strings.Contains(err.Error(), "MaxMessageBytes") {
		t.Errorf("a value over the limit: %v", err)
	}
	if _, err := store.Write([]byte("large"), bytes.Repeat([]byte("v\xf0"), 2<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), []byte("large")); err == nil {
		t.Error("a value over the limit was read")
	}
	if value, err := dial(t, url).Get(t.Context(), []byte("large")); len(value) != 4<<20 || err != nil { // streamed
		t.Errorf("%d bytes, %v", len(value), err)
	}
}

// TestNativeOnly holds that clients of the original protocol can be refused.
func TestNativeOnly(t *testing.T) {
	_, url := serve(t, open(t), server.Options{NativeOnly: true})
	var refused *wsclient.HandshakeError
	if _, err := driveclient.Dial(t.Context(), url, driveclient.Options{Protocol: driveclient.Original13}); !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest {
		t.Errorf("Dial: %v", err)
	}
	dial(t, url)
}

// TestAllProtocolsAtOnce has clients of every kind on one store.
func TestAllProtocolsAtOnce(t *testing.T) {
	store := open(t)
	_, url := serve(t, store, server.Options{})
	var clients sync.WaitGroup
	for _, p := range []driveclient.Protocol{driveclient.Native, driveclient.Original13, driveclient.Original21} {
		c := dialOriginal(t, url, p)
		for g := range 8 {
			clients.Go(func() {
				for i := range 50 {
					key := fmt.Appendf(nil, "%v-%d-%d", p, g, i)
					if _, err := c.Write(t.Context(), key, bytes.Repeat(key, 200)); err != nil {
						t.Errorf("write: %v", err)
						return
					}
					if got, err := c.Get(t.Context(), key); err != nil || !bytes.Equal(got, bytes.Repeat(key, 200)) {
						t.Errorf("its own write: %d bytes, %v", len(got), err)
						return
					}
				}
			})
		}
	}
	clients.Wait()
	if n := store.Len(); n != 3*8*50 {
		t.Errorf("%d keys", n)
	}
}
