package driveclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/muxio"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken reader")

// brokenReader yields some bytes, waits until the server handles the call, and
// fails.
type brokenReader struct {
	left    int
	handled <-chan struct{}
}

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		<-r.handled
		return 0, errBroken
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}

// Every reason of the service is one error of this package, on unary calls and
// on streams, and the error below stays within reach.
func TestReasonsAreErrors(t *testing.T) {
	want := map[string]error{
		driveservice.ReasonNotFound:   driveclient.ErrNotFound,
		driveservice.ReasonEmptyValue: driveclient.ErrEmptyValue,
		driveservice.ReasonNullValue:  driveclient.ErrNullValue,
		driveservice.ReasonSameKey:    driveclient.ErrSameKey,
		driveservice.ReasonTooLarge:   driveclient.ErrTooLarge,
		driveservice.ReasonOutOfRange: driveclient.ErrOutOfRange,
		driveservice.ReasonReadOnly:   driveclient.ErrReadOnly,
		driveservice.ReasonCorrupt:    driveclient.ErrCorrupt,
		driveservice.ReasonFailed:     driveclient.ErrFailed,
		driveservice.ReasonClosed:     driveclient.ErrClosed,
		driveservice.ReasonCompacting: driveclient.ErrCompacting,
		driveservice.ReasonSameStore:  driveclient.ErrRefused,
		driveservice.ReasonLocked:     driveclient.ErrRefused,
		driveservice.ReasonNotDrive:   driveclient.ErrRefused,
		driveservice.ReasonNotRegular: driveclient.ErrRefused,

		driveservice.ReasonPositionUnknown: driveclient.ErrPositionUnknown,
	}
	c, _ := newFake().connect(t)
	for _, reason := range driveservice.Reasons() {
		_, unary := c.Write(t.Context(), []byte("!"+reason), []byte("x"))
		_, stream := c.ReadTo(t.Context(), []byte("!"+reason), io.Discard)
		for kind, err := range map[string]error{"unary": unary, "stream": stream} {
			var remote *rpc.Error
			if !errors.Is(err, want[reason]) || want[reason] == nil {
				t.Errorf("%s, %s: got %v, want %v", reason, kind, err, want[reason])
			}
			if !errors.As(err, &remote) || remote.Reason != reason || remote.Code != driveservice.NewError(reason, "").Code {
				t.Errorf("%s, %s: the error below is %#v", reason, kind, remote)
			}
		}
	}
}

func TestMissingKeyIsNotFound(t *testing.T) {
	c, _ := newFake().connect(t)
	_, err := c.Get(t.Context(), []byte("missing"))
	if !errors.Is(err, driveclient.ErrNotFound) || !errors.Is(err, rpc.NotFound) {
		t.Errorf("Get: %v", err)
	}
	if r, err := c.Reader(t.Context(), []byte("missing")); !errors.Is(err, driveclient.ErrNotFound) || r != nil {
		t.Errorf("Reader: %v, %v", r, err)
	}
}

func TestDamageOnTheWay(t *testing.T) {
	f := newFake()
	f.damage = true
	c, _ := f.connect(t)
	if _, err := c.Write(t.Context(), []byte("k"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	_, got := c.Get(t.Context(), []byte("k"))
	_, batch := c.GetBatch(t.Context(), [][]byte{[]byte("k")})
	n, stream := c.ReadTo(t.Context(), []byte("k"), io.Discard)
	if n != 5 {
		t.Errorf("ReadTo passed on %d bytes before the damage showed, want 5", n)
	}
	var listing error
	for _, err := range c.Entries(t.Context(), driveclient.EntriesOptions{ValueLimit: 1}) {
		listing = err
	}
	for name, err := range map[string]error{"Get": got, "GetBatch": batch, "ReadTo": stream, "Entries": listing} {
		if !errors.Is(err, driveclient.ErrCorrupt) || !errors.Is(err, rpc.DataLoss) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerThatAnswersTooFewValues(t *testing.T) {
	c, _ := newFake().connect(t)
	values, err := c.GetBatch(t.Context(), [][]byte{[]byte("a"), []byte("short")})
	if values != nil || !errors.Is(err, rpc.Internal) {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestLargeValuesAreStreamed(t *testing.T) {
	f := newFake()
	f.inMessage = 1000
	c, _ := f.connect(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), driveclient.StreamFromBytes/16)
	if _, err := c.Write(t.Context(), []byte("k"), large); err != nil {
		t.Fatal(err)
	}
	if len(f.streamed) != 1 {
		t.Errorf("%d streams for a value of StreamFromBytes, want 1", len(f.streamed))
	}
	if _, err := c.Write(t.Context(), []byte("k2"), large[1:]); err != nil {
		t.Fatal(err)
	}
	if len(f.streamed) != 1 {
		t.Error("a value below StreamFromBytes was streamed")
	}
	got, err := c.Get(t.Context(), []byte("k"))
	if err != nil || !bytes.Equal(got, large) {
		t.Errorf("Get: %d bytes, %v", len(got), err)
	}
}

func TestReaderErrorCancelsTheWrite(t *testing.T) {
	f := newFake()
	c, _ := f.connect(t)
	_, err := c.WriteFrom(t.Context(), []byte("k"), &brokenReader{left: 100_000, handled: f.streamed})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if err := <-f.streamEnded; !errors.Is(err, rpc.Canceled) {
		t.Errorf("the server saw %v, want a cancelled call", err)
	}
	if r := f.result(driveservice.Key([]byte("k"))); r.Found {
		t.Error("a part of the value was stored")
	}
}

func TestContextEndsAnyCall(t *testing.T) {
	f := newFake()
	c, _ := f.connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	unary, stream := make(chan error), make(chan error)
	r, w := io.Pipe()
	go func() { _, err := c.Compact(ctx, driveclient.CompactOptions{}); unary <- err }()
	go func() { _, err := c.WriteFrom(ctx, []byte("k"), r); stream <- err }()
	<-f.streamed
	<-f.streamed
	cancel()
	if err := <-unary; !errors.Is(err, context.Canceled) {
		t.Errorf("unary: %v", err)
	}
	if err := <-f.streamEnded; !errors.Is(err, rpc.Canceled) {
		t.Errorf("server's end of the stream: %v", err)
	}
	if err := w.Close(); err != nil { // the reader of a stream is not interrupted
		t.Fatal(err)
	}
	if err := <-stream; !errors.Is(err, context.Canceled) {
		t.Errorf("stream: %v", err)
	}
	if _, err := c.Get(ctx, []byte("k")); !errors.Is(err, context.Canceled) {
		t.Errorf("later call: %v", err)
	}
	if _, err := c.Write(t.Context(), []byte("k"), []byte("v")); err != nil {
		t.Errorf("the connection did not survive: %v", err)
	}
}

func TestReaderInPieces(t *testing.T) {
	c, _ := newFake().connect(t)
	value := strings.Repeat("0123456789", 50_000)
	if _, err := c.Write(t.Context(), []byte("k"), []byte(value)); err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(t.Context(), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 7)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || string(head)+string(rest) != value {
		t.Errorf("read %d bytes, %v", len(rest), err)
	}
	if n, err := r.Read(head); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
	r, err = c.Reader(t.Context(), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, rpc.Canceled) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestListing(t *testing.T) {
	f := newFake()
	c, _ := f.connect(t)
	n := 0
	for e, err := range c.Entries(t.Context(), driveclient.EntriesOptions{ValueLimit: 1}) {
		if n++; err != nil || !e.Live || e.Size != 1 || string(e.Value) != "x" {
			t.Fatalf("entry %d: %+v, %v", n, e, err)
		}
	}
	if err := <-f.streamEnded; n != 6 || err != nil {
		t.Errorf("%d entries, want 6; the server's end: %v", n, err)
	}
	for e := range c.Entries(t.Context(), driveclient.EntriesOptions{All: true}) { // without an end
		if e.Value != nil {
			t.Error("a value that was not asked for")
		}
		break
	}
	if err := <-f.streamEnded; !errors.Is(err, rpc.Canceled) {
		t.Errorf("leaving the loop: the server's end is %v", err)
	}
}

func TestBatchLimit(t *testing.T) {
	c, _ := newFake().connect(t)
	hashes := make([]uint64, driveclient.MaxBatch+1)
	if _, err := c.GetBatchHash(t.Context(), hashes); !errors.Is(err, driveclient.ErrLimit) {
		t.Errorf("MaxBatch+1 keys: %v", err)
	}
	if values, err := c.GetBatchHash(t.Context(), hashes[1:]); err != nil || len(values) != driveclient.MaxBatch {
		t.Errorf("MaxBatch keys: %d values, %v", len(values), err)
	}
}

func TestServerGone(t *testing.T) {
	c, server := newFake().connect(t)
	if err := server.Close(muxio.CloseReason{Code: muxio.CloseGoingAway}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), []byte("k"))
	if !errors.Is(err, driveclient.ErrUnavailable) || !errors.Is(err, rpc.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestBadAddress(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:1", "http://127.0.0.1:1", "ws://", "ws://u:p@h"} {
		if c, err := driveclient.Dial(t.Context(), address, driveclient.Options{}); !errors.Is(err, wsclient.ErrBadURL) || c != nil {
			t.Errorf("%q: %v, %v", address, c, err)
		}
	}
}
