package driveclient_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync"
	"testing"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// fake is a drive in a map. Keys that begin with '!' are refused for the reason
// that follows.
type fake struct {
	mu     sync.Mutex
	values map[string][]byte

	damage      bool          // checksums are wrong
	inMessage   int           // larger values must be streamed; 0: none
	streamEnded chan error    // gets how each written stream ended
	streamed    chan struct{} // gets one for each stream that began
}

func newFake() *fake {
	return &fake{values: map[string][]byte{}, streamEnded: make(chan error, 8), streamed: make(chan struct{}, 8)}
}

// refusal returns the error that key asks for.
func refusal(key driveservice.KeyRef) error {
	if reason, ok := bytes.CutPrefix(key.Key, []byte("!")); ok {
		return driveservice.NewError(string(reason), "as asked for")
	}
	return nil
}

func (f *fake) result(key driveservice.KeyRef) driveservice.ReadResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.values[string(key.Key)]
	sum := crc32.ChecksumIEEE(v)
	if f.damage {
		sum++
	}
	return driveservice.ReadResult{Found: ok, Checksum: sum, Value: v}
}

func (f *fake) put(key driveservice.KeyRef, value []byte) driveservice.TailResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[string(key.Key)] = bytes.Clone(value)
	return driveservice.TailResponse{Tail: uint64(len(value))}
}

func (f *fake) read(_ context.Context, r driveservice.KeyRequest) (driveservice.ReadResponse, error) {
	v := f.result(r.Key)
	if f.inMessage > 0 && len(v.Value) > f.inMessage {
		return driveservice.ReadResponse{}, driveservice.NewError(driveservice.ReasonTooLarge, "stream it")
	}
	return driveservice.ReadResponse{Result: v}, refusal(r.Key)
}

func (f *fake) write(_ context.Context, r driveservice.WriteRequest) (driveservice.TailResponse, error) {
	if err := refusal(r.Key); err != nil {
		return driveservice.TailResponse{}, err
	}
	return f.put(r.Key, r.Value), nil
}

// batchRead answers one result too few for the key "short".
func (f *fake) batchRead(_ context.Context, r driveservice.KeysRequest) (driveservice.BatchReadResponse, error) {
	var out driveservice.BatchReadResponse
	for _, k := range r.Keys {
		if string(k.Key) != "short" {
			out.Results = append(out.Results, f.result(k))
		}
	}
	return out, nil
}

// compact never answers before the call is given up.
func (f *fake) compact(ctx context.Context, _ driveservice.CompactRequest) (driveservice.CompactResponse, error) {
	f.streamed <- struct{}{}
	<-ctx.Done()
	return driveservice.CompactResponse{}, ctx.Err()
}

func (f *fake) streamRead(_ context.Context, r driveservice.StreamReadRequest, out *endpoint.Sender[[]byte]) error {
	if err := refusal(r.Key); err != nil {
		return err
	}
	v := f.result(r.Key)
	if !v.Found {
		return driveservice.NewError(driveservice.ReasonNotFound, "not here")
	}
	if _, err := endpoint.NewWriter(out).Write(v.Value); err != nil {
		return err
	}
	if f.damage {
		return driveservice.NewError(driveservice.ReasonCorrupt, "damaged")
	}
	return nil
}

func (f *fake) streamWrite(_ context.Context, r driveservice.KeyRequest, in *endpoint.Receiver[[]byte]) (driveservice.TailResponse, error) {
	f.streamed <- struct{}{}
	value, err := io.ReadAll(endpoint.NewReader(in))
	f.streamEnded <- err
	if err != nil {
		return driveservice.TailResponse{}, err
	}
	return f.put(r.Key, value), nil
}

// streamEntries sends every value as an entry, two to a page, without an end if
// All is set.
func (f *fake) streamEntries(_ context.Context, r driveservice.EntriesRequest, out *endpoint.Sender[driveservice.EntryPage]) (err error) {
	defer func() { f.streamEnded <- err }()
	record := driveservice.EntryRecord{Size: 1, Checksum: crc32.ChecksumIEEE([]byte("x")), Live: true}
	if r.ValueLimit > 0 {
		record.Value = []byte("x")
	}
	if f.damage {
		record.Checksum++
	}
	for pages := 0; r.All || pages < 3; pages++ {
		if err := out.Send(driveservice.EntryPage{Records: []driveservice.EntryRecord{record, record}}); err != nil {
			return err
		}
	}
	return nil
}

// backup sends two parts of the bytes, and the last item or not, as the print of
// Since tells.
func (f *fake) backup(_ context.Context, r driveservice.BackupRequest, out *endpoint.Sender[driveservice.BackupItem]) (err error) {
	defer func() { f.streamEnded <- err }()
	items := []driveservice.BackupItem{
		{Bytes: []byte("some ")},
		{Bytes: []byte("bytes")},
		{Last: true, End: driveservice.Position{Offset: r.Since.Offset + 10, Print: r.BytesPerSecond}},
	}
	switch r.Since.Print {
	case backupWithoutEnd:
		items = items[:2]
	case backupAfterEnd:
		items = append(items, items[0])
	case backupRefused:
		return driveservice.NewError(driveservice.ReasonPositionUnknown, "as asked for")
	case backupCut:
		items = items[:1]
		defer func() { err = driveservice.NewError(driveservice.ReasonCorrupt, "damaged") }()
	case backupEndless:
		for err == nil {
			err = out.Send(items[0])
		}
		return err
	}
	for _, item := range items {
		if err := out.Send(item); err != nil {
			return err
		}
	}
	return nil
}

// What the print of Since asks of the fake's backup.
const (
	backupWithoutEnd = iota + 1
	backupAfterEnd
	backupRefused
	backupCut
	backupEndless
)

// connect returns a client of f and the server's end of their connection.
func (f *fake) connect(t *testing.T) (*driveclient.Client, *rpc.Conn) {
	t.Helper()
	calls := endpoint.New(endpoint.Options{})
	err := errors.Join(
		endpoint.Handle(calls, driveservice.Read, f.read),
		endpoint.Handle(calls, driveservice.Write, f.write),
		endpoint.Handle(calls, driveservice.BatchRead, f.batchRead),
		endpoint.Handle(calls, driveservice.Compact, f.compact),
		endpoint.HandleServerStream(calls, driveservice.StreamRead, f.streamRead),
		endpoint.HandleClientStream(calls, driveservice.StreamWrite, f.streamWrite),
		endpoint.HandleServerStream(calls, driveservice.StreamEntries, f.streamEntries),
		endpoint.HandleServerStream(calls, driveservice.Backup, f.backup),
	)
	if err != nil {
		t.Fatal(err)
	}
	a, b := muxio.Pipe()
	here, err := rpc.NewConn(a, rpc.Config{Role: muxio.Initiator})
	if err != nil {
		t.Fatal(err)
	}
	there, err := rpc.NewConn(b, rpc.Config{Role: muxio.Responder, Handler: calls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = here.Close(muxio.CloseReason{Code: muxio.CloseNormal}) // some tests have closed it
		_ = there.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		here.Wait()
		there.Wait()
	})
	return driveclient.New(here), there
}
