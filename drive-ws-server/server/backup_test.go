package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
	"github.com/simd-drive/go/drive-ws-server/server"
)

// snapshot takes a backup.
func snapshot(t *testing.T, c *driveclient.Client, since driveclient.Position) ([]byte, driveclient.Position) {
	t.Helper()
	var got bytes.Buffer
	end, err := c.Snapshot(t.Context(), &got, driveclient.SnapshotOptions{Since: since})
	if err != nil {
		t.Fatal(err)
	}
	return got.Bytes(), end
}

// A full backup and increments, taken through the server, make the drive again.
func TestBackupAndIncrements(t *testing.T) {
	store, c := connect(t)
	var parts []io.Reader
	var end driveclient.Position
	want := map[string]string{}
	for round := range 4 {
		for i := range 50 {
			key, value := strconv.Itoa(round*10+i), strings.Repeat(strconv.Itoa(round), 1+i*1000)
			mustWrite(t, c, key, value)
			want[key] = value
		}
		gone := strconv.Itoa(round)
		must[int64](t)(c.Delete(t.Context(), []byte(gone)))
		delete(want, gone)
		var part []byte
		part, end = snapshot(t, c, end)
		parts = append(parts, bytes.NewReader(part))
		if end.Offset != store.FileSize() {
			t.Errorf("the backup ends at %d of %d bytes", end.Offset, store.FileSize())
		}
		if engine := must[drive.Position](t)(store.Snapshot(t.Context(), io.Discard, drive.SnapshotOptions{})); engine != drive.Position(end) || engine.String() != end.String() {
			t.Errorf("the position is %v, that of the engine %v", end, engine)
		}
	}
	path := filepath.Join(t.TempDir(), "restored.drive")
	if got, err := drive.Restore(t.Context(), path, parts[0], parts[1:]...); err != nil || got != drive.Position(end) {
		t.Fatalf("restored up to %v, %v; want %v", got, err, end)
	}
	restored := reopen(t, path, drive.Options{MustExist: true})
	if restored.Len() != len(want) {
		t.Errorf("%d keys, want %d", restored.Len(), len(want))
	}
	for key, value := range want {
		if got, err := restored.Get([]byte(key)); err != nil || string(got) != value {
			t.Errorf("%s: %d bytes, %v; want %d", key, len(got), err, len(value))
		}
	}
}

func TestBackupOfNothing(t *testing.T) {
	_, c := connect(t)
	if got, end := snapshot(t, c, driveclient.Position{}); len(got) != 0 || !end.IsZero() {
		t.Errorf("%d bytes up to %v", len(got), end)
	}
}

// What a backup cannot follow is refused: another drive, the same one after a
// compaction, a position that no drive has.
func TestBackupSinceAnUnknownPosition(t *testing.T) {
	_, other := connect(t)
	mustWrite(t, other, "k", "another drive")
	_, foreign := snapshot(t, other, driveclient.Position{})
	_, c := connect(t)
	mustWrite(t, c, "k", "old")
	mustWrite(t, c, "k", "new")
	_, end := snapshot(t, c, driveclient.Position{})
	must[driveclient.CompactResult](t)(c.Compact(t.Context(), driveclient.CompactOptions{}))
	for name, since := range map[string]driveclient.Position{
		"another drive":         foreign,
		"before the compaction": end,
		"beyond the end":        {Offset: 1 << 40, Print: 1},
		"negative":              {Offset: -1, Print: 1},
	} {
		_, err := c.Snapshot(t.Context(), io.Discard, driveclient.SnapshotOptions{Since: since})
		if !errors.Is(err, driveclient.ErrPositionUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBackupStopsAtDamage(t *testing.T) {
	store, c := connect(t)
	mustWrite(t, c, "first", strings.Repeat("x", 2<<20))
	mustWrite(t, c, "damaged", strings.Repeat("y", 2<<20))
	damage(t, store, "damaged")
	var got bytes.Buffer
	end, err := c.Snapshot(t.Context(), &got, driveclient.SnapshotOptions{})
	if !errors.Is(err, driveclient.ErrCorrupt) || !end.IsZero() {
		t.Errorf("%d bytes up to %v, %v", got.Len(), end, err)
	}
}

// A backup that is given up ends at the server, and the next one works.
func TestBackupGivenUp(t *testing.T) {
	store, c := connect(t)
	mustWrite(t, c, "k", strings.Repeat("x", 8<<20))
	ctx, cancel := context.WithCancel(t.Context())
	w := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := c.Snapshot(ctx, w, driveclient.SnapshotOptions{BytesPerSecond: 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if got, _ := snapshot(t, c, driveclient.Position{}); int64(len(got)) != store.FileSize() {
		t.Errorf("%d bytes of %d", len(got), store.FileSize())
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A compaction that is paced runs until it is given up; another one is refused
// meanwhile.
func TestSecondCompactionIsRefused(t *testing.T) {
	store := compacting{open(t), make(chan struct{}), make(chan struct{})}
	_, url := serve(t, store, server.Options{})
	c := dial(t, url)
	mustWrite(t, c, "k", "value")
	first := make(chan error, 1)
	go func() { // ends when it is released below; first has room for its result
		_, err := c.Compact(t.Context(), driveclient.CompactOptions{BytesPerSecond: 12345})
		first <- err
	}()
	<-store.entered
	if _, err := c.Compact(t.Context(), driveclient.CompactOptions{}); !errors.Is(err, driveclient.ErrCompacting) {
		t.Errorf("the second one: %v", err)
	}
	close(store.release)
	if err := <-first; err != nil {
		t.Errorf("the first one: %v", err)
	}
	result := must[driveclient.CompactResult](t)(c.Compact(t.Context(), driveclient.CompactOptions{}))
	if result.Saved() != result.BytesBefore-result.BytesAfter {
		t.Errorf("saved %d: %+v", result.Saved(), result)
	}
}

// compacting is a store whose first compaction, recognised by its rate, waits in the
// middle.
type compacting struct {
	*drive.Store
	entered chan struct{}
	release chan struct{}
}

func (s compacting) Compact(ctx context.Context, opts drive.CompactOptions) (drive.CompactResult, error) {
	if opts.BytesPerSecond == 12345 {
		opts.Progress = func(int64, int64) {
			close(s.entered)
			<-s.release
		}
	}
	return s.Store.Compact(ctx, opts)
}
