package driveclient_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/simd-drive/go/drive-ws-client"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func since(offset int64, what uint64) driveclient.SnapshotOptions {
	return driveclient.SnapshotOptions{Since: driveclient.Position{Offset: offset, Print: what}, BytesPerSecond: 77}
}

func TestSnapshot(t *testing.T) {
	f := newFake()
	c, _ := f.connect(t)
	var got bytes.Buffer
	end, err := c.Snapshot(t.Context(), &got, since(5, 0))
	if want := (driveclient.Position{Offset: 15, Print: 77}); err != nil || end != want || got.String() != "some bytes" {
		t.Errorf("%q up to %v, %v; want %v", got.String(), end, err, want)
	}
	for what, want := range map[uint64]error{
		backupWithoutEnd: rpc.Internal,
		backupAfterEnd:   rpc.Internal,
		backupRefused:    driveclient.ErrPositionUnknown,
		backupCut:        driveclient.ErrCorrupt,
	} {
		end, err := c.Snapshot(t.Context(), new(bytes.Buffer), since(5, what))
		if !errors.Is(err, want) || !end.IsZero() {
			t.Errorf("backup %d: %v, %v; want %v", what, end, err, want)
		}
	}
}

// A backup that cannot be written, or whose context ends, is given up at the server
// too.
func TestSnapshotGivenUp(t *testing.T) {
	f := newFake()
	c, _ := f.connect(t)
	broken := writerFunc(func([]byte) (int, error) { return 0, errBroken })
	if _, err := c.Snapshot(t.Context(), broken, since(0, backupEndless)); !errors.Is(err, errBroken) {
		t.Errorf("a writer that fails: %v", err)
	}
	if err := <-f.streamEnded; !errors.Is(err, rpc.Canceled) {
		t.Errorf("the server saw %v, want a cancelled call", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := c.Snapshot(ctx, w, since(0, backupEndless)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends: %v", err)
	}
	if err := <-f.streamEnded; !errors.Is(err, rpc.Canceled) {
		t.Errorf("the server saw %v, want a cancelled call", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestPositionText(t *testing.T) {
	for _, want := range []driveclient.Position{{}, {Offset: 1 << 47, Print: 1 << 63}, {Offset: 300, Print: 7}} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got driveclient.Position
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s came back as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "-1", "1-", "1-7", "x-0000000000000007", "-1-0000000000000007", "1-000000000000000g", "1-00000000000000007"} {
		p := driveclient.Position{Offset: 3}
		if err := p.UnmarshalText([]byte(text)); err == nil || p.Offset != 3 {
			t.Errorf("%q is %v, %v", text, p, err)
		}
	}
}
