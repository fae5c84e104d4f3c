//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

const (
	upkeepKeys = 16
	// upkeepValue is the size of their values.
	upkeepValue = 32 << 10
	// compactions is how many a server shall have done by itself.
	compactions = 3
)

// A server compacts its file by itself, again and again, while clients write and
// read: no call fails, every read returns the last write, and the file stays small.
func TestServerCompactsByItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	p := start(t, path, "--compact-at", "0.5", "--compact-min", "1m")
	var enough atomic.Bool
	var done sync.WaitGroup
	for i := range 2 {
		writer, reader := p.dial(t), p.dial(t)
		done.Go(func() { // until there were enough compactions
			for step := 0; !enough.Load(); step++ {
				key := fmt.Append(nil, i, step%upkeepKeys)
				value := bytes.Repeat(fmt.Append(nil, step, ";"), upkeepValue/8)
				if _, err := writer.Write(t.Context(), key, value); err != nil {
					t.Error(err)
					return
				}
				if got, err := reader.Get(t.Context(), key); err != nil || !bytes.Equal(got, value) {
					t.Errorf("step %d: read %d bytes, %v", step, len(got), err)
					return
				}
			}
		})
	}
	p.log.waitForTimes(t, "drive: compacted", compactions)
	enough.Store(true)
	done.Wait()
	c := p.dial(t)
	if n, err := c.Len(t.Context()); err != nil || n != 2*upkeepKeys {
		t.Errorf("%d keys, %v", n, err)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
	if report, err := drive.Check(t.Context(), path, drive.CheckOptions{}); err != nil || !report.Healthy() {
		t.Errorf("the file afterwards: %+v, %v", report, err)
	}
}

// With a ratio of 0 it never does.
func TestCompactionCanBeTurnedOff(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "test.drive"), "--compact-at", "0", "--compact-min", "1")
	c := p.dial(t)
	value := bytes.Repeat([]byte("v"), upkeepValue)
	for range 100 {
		if _, err := c.Write(t.Context(), []byte("k"), value); err != nil {
			t.Fatal(err)
		}
	}
	if size, err := c.FileSize(t.Context()); err != nil || size < 100*upkeepValue {
		t.Errorf("the file has %d bytes, %v", size, err)
	}
	p.signal(t, syscall.SIGTERM)
	if p.wait(t); strings.Contains(p.log.String(), "compacted") {
		t.Errorf("a compaction:\n%s", p.log)
	}
}

// A read-only server shows what another server writes to the file, also after that
// one has compacted it.
func TestReadOnlyServerFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	writer := start(t, path, "--compact-at", "0").dial(t)
	if _, err := writer.Write(t.Context(), []byte("k"), []byte("before")); err != nil {
		t.Fatal(err)
	}
	reader := start(t, path, "--read-only", "--follow", "5ms").dial(t)
	still := start(t, path, "--read-only", "--follow", "0").dial(t)
	wantSoon(t, reader, "k", "before")
	for round := range 3 {
		value := fmt.Sprint("round ", round)
		if _, err := writer.Write(t.Context(), []byte("k"), []byte(value)); err != nil {
			t.Fatal(err)
		}
		wantSoon(t, reader, "k", value)
		if _, err := writer.Compact(t.Context(), driveclient.CompactOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := writer.Delete(t.Context(), []byte("k")); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := reader.Get(t.Context(), []byte("k"))
		if errors.Is(err, driveclient.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := still.Get(t.Context(), []byte("k")); err != nil || string(got) != "before" {
		t.Errorf("a server that does not follow: %q, %v", got, err)
	}
}

// wantSoon asks until key has a value.
func wantSoon(t *testing.T, c *driveclient.Client, key, want string) {
	t.Helper()
	for {
		got, err := c.Get(t.Context(), []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) == want {
			return
		}
	}
}

// The scrub that a flag asks for finds damage, which goes to the log, and the server
// goes on.
func TestServerScrubs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	p := start(t, path, "--scrub-every", "10ms", "--scrub-rate", "0")
	c := p.dial(t)
	for _, key := range []string{"sound", "damaged", "last"} {
		if _, err := c.Write(t.Context(), []byte(key), []byte("the value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := c.Metadata(t.Context(), []byte("damaged"))
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, path, []byte("X"), m.Offset)
	p.log.waitFor(t, "drive: damage found")
	if _, err := c.Get(t.Context(), []byte("damaged")); !errors.Is(err, driveclient.ErrCorrupt) {
		t.Errorf("the damaged value: %v", err)
	}
	if v, err := c.Get(t.Context(), []byte("sound")); err != nil || string(v) != "the value of sound" {
		t.Errorf("another value: %q, %v", v, err)
	}
}

// A server whose file cannot grow any more refuses every write with the cause, says
// so once in its log, and answers reads.
func TestStoreThatHasFailed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	// The limit is less than a MiB, in whatever unit the shell counts.
	script := `trap '' XFSZ; ulimit -f 200; exec "$0" "$1" --port 0`
	p := startCommand(t, exec.Command("sh", "-c", script, binary, path))
	c := p.dial(t)
	ctx, k := t.Context(), []byte("k")
	if _, err := c.Write(ctx, k, []byte("value")); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		size := 100
		if i == 0 {
			size = 1 << 20
		}
		_, err := c.Write(ctx, []byte("other"), make([]byte, size))
		if !errors.Is(err, driveclient.ErrFailed) || !strings.Contains(err.Error(), syscall.EFBIG.Error()) || strings.Contains(err.Error(), path) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if _, err := c.Delete(ctx, k); !errors.Is(err, driveclient.ErrFailed) {
		t.Errorf("Delete: %v", err)
	}
	if v, err := c.Get(ctx, k); err != nil || string(v) != "value" {
		t.Errorf("Get: %q, %v", v, err)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitOK || strings.Count(p.log.String(), "level=ERROR") != 1 {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
}
