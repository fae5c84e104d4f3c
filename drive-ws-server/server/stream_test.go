package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
	"github.com/simd-drive/go/muxio-rpc-caller"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

// A value of streamBytes passes in both directions while the heap, of both ends
// together, stays below streamHeapBytes.
const (
	streamBytes     = 64 << 20
	streamHeapBytes = 32 << 20
)

// heapWatch remembers the largest heap that it saw. It looks at it once a MiB.
type heapWatch struct {
	n, peak uint64
	sum     uint32
}

func (h *heapWatch) Write(p []byte) (int, error) {
	h.sum = crc32.Update(h.sum, crc32.IEEETable, p)
	before := h.n >> 20
	if h.n += uint64(len(p)); h.n>>20 > before {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.peak = max(h.peak, m.HeapAlloc)
	}
	return len(p), nil
}

func TestStreamsTakeConstantMemory(t *testing.T) {
	store, c := connect(t)
	runtime.GC()
	var base runtime.MemStats
	runtime.ReadMemStats(&base)

	var up heapWatch
	source := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), streamBytes), &up)
	if _, err := c.WriteFrom(t.Context(), []byte("k"), source); err != nil {
		t.Fatal(err)
	}
	if e, ok := store.Read([]byte("k")); !ok || e.Size() != streamBytes || e.Checksum() != up.sum || e.Verify() != nil {
		t.Fatal("the stored value is another one")
	}
	var down heapWatch
	if n, err := c.ReadTo(t.Context(), []byte("k"), &down); err != nil || n != streamBytes || down.sum != up.sum {
		t.Fatalf("ReadTo: %d bytes, %v, checksums %#x and %#x", n, err, down.sum, up.sum)
	}
	for name, peak := range map[string]uint64{"up": up.peak, "down": down.peak} {
		if peak > base.HeapAlloc+streamHeapBytes {
			t.Errorf("%s: the heap grew from %d to %d bytes", name, base.HeapAlloc, peak)
		}
	}
}

func TestRanges(t *testing.T) {
	_, c := connect(t)
	value := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(value)
	mustWrite(t, c, "k", string(value))
	for _, r := range [][2]int64{
		{0, 0},
		{0, 1},
		{1, 0},
		{1, 1},
		{3<<20 - 1, 0},
		{3<<20 - 1, 5},
		{3 << 20, 0},
		{3 << 20, 7},
		{1<<20 - 1, 2},
		{256<<10 - 1, 1<<20 + 3},
		{100, 1 << 40},
		{0, 3 << 20},
		{0, 3<<20 - 1},
	} {
		want := value[r[0]:]
		if r[1] > 0 {
			want = want[:min(r[1], int64(len(want)))]
		}
		body, err := c.RangeReader(t.Context(), []byte("k"), r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("from %d, %d bytes: got %d, %v; want %d", r[0], r[1], len(got), err, len(want))
		}
	}
}

// A value that the client is reading stays whole when its key is overwritten,
// and a reader that stops reading holds up nobody.
func TestSlowReader(t *testing.T) {
	_, c := connect(t)
	value := strings.Repeat("0123456789abcdef", 1<<19)
	mustWrite(t, c, "k", value)
	r, err := c.Reader(t.Context(), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 100 {
		mustWrite(t, c, "k", strconv.Itoa(i))
		wantValue(t, c, "k", strconv.Itoa(i))
	}
	if _, err := c.Compact(t.Context(), driveclient.CompactOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != value {
		t.Errorf("the slow reader got %d bytes, %v", len(got), err)
	}
}

// What ends a written stream before its end leaves nothing behind. The handler
// has begun to read when the stream ends; it has ended when Shutdown returns.
func TestStreamsThatDoNotEndStoreNothing(t *testing.T) {
	for name, size := range map[string]int{"in memory": 1 << 20, "in a temporary file": 6 << 20} {
		for how, end := range map[string]func(cancel context.CancelFunc, s *caller.ClientStream[[]byte, driveservice.TailResponse], ws *wsclient.Client){
			"context": func(cancel context.CancelFunc, _ *caller.ClientStream[[]byte, driveservice.TailResponse], _ *wsclient.Client) {
				cancel()
			},
			"close": func(_ context.CancelFunc, s *caller.ClientStream[[]byte, driveservice.TailResponse], _ *wsclient.Client) {
				_ = s.Close()
			},
			"connection": func(_ context.CancelFunc, _ *caller.ClientStream[[]byte, driveservice.TailResponse], ws *wsclient.Client) {
				_ = ws.Close()
			},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				store := open(t)
				s, url := serve(t, store, server.Options{})
				ws, err := wsclient.Dial(t.Context(), url+server.Path, wsclient.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer ws.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := caller.OpenClientStream(ctx, ws.Conn(), driveservice.StreamWrite, driveservice.KeyRequest{Key: driveservice.Key([]byte("k"))})
				if err != nil {
					t.Fatal(err)
				}
				// The credit of a stream is less than this: the handler reads.
				if _, err := caller.NewWriter(stream).Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				end(cancel, stream, ws)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !store.IsEmpty() || store.FileSize() != 0 {
					t.Errorf("%d entries, %d bytes", store.Len(), store.FileSize())
				}
			})
		}
	}
}

// Many goroutines over one connection, each with keys of its own, and a second
// connection that sees each write once it is acknowledged.
func TestManyGoroutines(t *testing.T) {
	const workers, rounds = 32, 40
	store := open(t)
	_, url := serve(t, store, server.Options{})
	writer, reader := dial(t, url), dial(t, url)
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range rounds {
				key := fmt.Sprintf("%d/%d", w, i%5)
				value := strings.Repeat(fmt.Sprintf("%s=%d;", key, i), 1+rng.IntN(2000))
				var err error
				if i%3 == 0 {
					_, err = writer.WriteFrom(t.Context(), []byte(key), strings.NewReader(value))
				} else {
					_, err = writer.Write(t.Context(), []byte(key), []byte(value))
				}
				if err != nil {
					t.Error(err)
					return
				}
				wantValue(t, reader, key, value)
				if i%7 == 6 {
					if _, err := writer.Delete(t.Context(), []byte(key)); err != nil {
						t.Error(err)
					}
					if _, err := reader.Get(t.Context(), []byte(key)); !errors.Is(err, driveclient.ErrNotFound) {
						t.Errorf("deleted %s: %v", key, err)
					}
				}
			}
		})
	}
	done.Wait()
}
