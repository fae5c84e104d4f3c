package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// broken is a store whose writes fail with an error.
type broken struct {
	*drive.Store
	err error
}

func (s broken) WriteHash(uint64, []byte) (int64, error)          { return 0, s.err }
func (s broken) WriteFromHash(uint64, io.Reader) (int64, error)   { return 0, s.err }
func (s broken) WriteBatchHash([]drive.HashedItem) (int64, error) { return 0, s.err }
func (s broken) DeleteHash(uint64) (int64, error)                 { return 0, s.err }
func (s broken) DeleteBatchHash([]uint64) (int64, error)          { return 0, s.err }
func (s broken) RenameHash(uint64, uint64) (int64, error)         { return 0, s.err }
func (s broken) Sync() error                                      { return s.err }
func (s broken) Compact(context.Context, drive.CompactOptions) (drive.CompactResult, error) {
	return drive.CompactResult{}, s.err
}

// logText is a log that may be read while it is written.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// connectBroken serves a store with the key "k" whose writes fail, and returns what
// the server logs.
func connectBroken(t *testing.T, err func(path string) error) (*driveclient.Client, string, *logText) {
	t.Helper()
	store := open(t)
	must[int64](t)(store.Write([]byte("k"), []byte("value")))
	log := new(logText)
	opts := server.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}
	_, url := serve(t, broken{store, err(store.Path())}, opts)
	return dial(t, url), store.Path(), log
}

// A store that has failed refuses every write with the reason and the cause, which
// its own log names once; reads go on.
func TestFailedStore(t *testing.T) {
	c, path, log := connectBroken(t, func(path string) error {
		return errors.Join(&drive.FailedError{Op: "write", Err: &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}})
	})
	ctx, k, l := t.Context(), []byte("k"), []byte("l")
	for name, err := range map[string]error{
		"Write":       only(c.Write(ctx, k, []byte("x")))(),
		"WriteFrom":   only(c.WriteFrom(ctx, k, strings.NewReader("x")))(),
		"WriteBatch":  only(c.WriteBatch(ctx, []driveclient.Item{{Key: k, Value: []byte("x")}}))(),
		"Delete":      only(c.Delete(ctx, k))(),
		"DeleteBatch": only(c.DeleteBatch(ctx, [][]byte{k}))(),
		"Rename":      only(c.Rename(ctx, k, l))(),
		"Copy":        only(c.Copy(ctx, k, l))(),
		"Compact":     only(c.Compact(ctx, driveclient.CompactOptions{}))(),
		"Sync":        c.Sync(ctx),
	} {
		if !errors.Is(err, driveclient.ErrFailed) || !errors.Is(err, rpc.FailedPrecondition) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), filepath.Dir(path)) || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
			t.Errorf("%s tells the path, or not the cause: %v", name, err)
		}
	}
	wantValue(t, c, "k", "value")
	if log.String() != "" {
		t.Errorf("the server logged what the store logs:\n%s", log)
	}
}

// No error tells a client where the file is.
func TestErrorsHideThePath(t *testing.T) {
	for name, test := range map[string]struct {
		err  func(path string) error
		text string
	}{
		"failed, of a failed roll back": {func(path string) error {
			return &drive.FailedError{Op: "roll back", Err: &drive.CorruptError{Path: path, Offset: 7, Reason: "cut"}}
		}, "roll back failed: store: corrupt at offset 7: cut"},
		"path":    {func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission} }, "open: permission denied"},
		"link":    {func(path string) error { return &os.LinkError{Op: "rename", Old: path, New: path, Err: syscall.EXDEV} }, "rename: "},
		"corrupt": {func(path string) error { return &drive.CorruptError{Path: path, Offset: 7, Reason: "cut"} }, "store: corrupt at offset 7"},
		"other":   {func(path string) error { return fmt.Errorf("drive: compact: %s names another file by now", path) }, "log of the server"},
		"plain":   {func(string) error { return errors.New("drive: something else") }, "drive: something else"},
	} {
		c, path, log := connectBroken(t, test.err)
		_, err := c.Write(t.Context(), []byte("k"), []byte("x"))
		if err == nil || strings.Contains(err.Error(), filepath.Dir(path)) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %q", name, err, test.text)
		}
		if name == "other" && !strings.Contains(log.String(), path) {
			t.Errorf("%s: the log says only %q", name, log)
		}
	}
}

// Every error of the engine has its reason, and every reason an error.
func TestReasonsOfErrors(t *testing.T) {
	want := map[string]error{
		driveservice.ReasonNotFound:        drive.ErrNotFound,
		driveservice.ReasonEmptyValue:      drive.ErrEmptyValue,
		driveservice.ReasonNullValue:       drive.ErrNullValue,
		driveservice.ReasonSameKey:         drive.ErrSameKey,
		driveservice.ReasonSameStore:       drive.ErrSameStore,
		driveservice.ReasonTooLarge:        drive.ErrTooLarge,
		driveservice.ReasonReadOnly:        drive.ErrReadOnly,
		driveservice.ReasonLocked:          drive.ErrLocked,
		driveservice.ReasonNotDrive:        drive.ErrNotDrive,
		driveservice.ReasonNotRegular:      drive.ErrNotRegular,
		driveservice.ReasonClosed:          drive.ErrClosed,
		driveservice.ReasonFailed:          drive.ErrFailed,
		driveservice.ReasonCorrupt:         drive.ErrCorrupt,
		driveservice.ReasonCompacting:      drive.ErrCompacting,
		driveservice.ReasonPositionUnknown: drive.ErrPositionUnknown,
		driveservice.ReasonOutOfRange:      nil, // the service's own
	}
	for _, reason := range driveservice.Reasons() {
		cause, known := want[reason]
		if !known {
			t.Errorf("%s is not tested", reason)
		}
		if cause == nil {
			continue
		}
		c, _, _ := connectBroken(t, func(string) error { return fmt.Errorf("wrapped: %w", cause) })
		err := c.Sync(t.Context())
		var remote *rpc.Error
		if !errors.As(err, &remote) || remote.Reason != reason {
			t.Errorf("%v travels as %#v, want %s", cause, remote, reason)
		}
	}
}

// A store that is closed under the server says so; its keys are not missing.
func TestClosedStore(t *testing.T) {
	store, c := connect(t)
	mustWrite(t, c, "k", "value")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, k := t.Context(), []byte("k")
	for name, err := range map[string]error{
		"Get":      only(c.Get(ctx, k))(),
		"GetBatch": only(c.GetBatch(ctx, [][]byte{k, k}))(),
		"Exists":   only(c.Exists(ctx, k))(),
		"Metadata": only(c.Metadata(ctx, k))(),
		"ReadTo":   only(c.ReadTo(ctx, k, io.Discard))(),
		"Copy":     only(c.Copy(ctx, k, []byte("l")))(),
		"Stats":    only(c.Stats(ctx))(),
		"Snapshot": only(c.Snapshot(ctx, io.Discard, driveclient.SnapshotOptions{}))(),
	} {
		if !errors.Is(err, driveclient.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
