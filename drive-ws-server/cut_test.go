//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

const (
	// cutRounds is how often the file is cut and mended.
	cutRounds = 60
	// cutListed is how many further values lie behind the cut, for listings.
	cutListed = 32
	// cutPatience is how long a call may take.
	cutPatience = 20 * time.Second
	// cutReads is how many answers each reader gets between two of these.
	cutReads = 3
)

// cutSizes are the sizes of the values behind the cut: within the first buffer of
// a response, within one frame, of several frames, of many.
var cutSizes = []int{100, 8 << 10, 100 << 10, 2 << 20}

// cutValue is the value of a key that tells its size.
func cutValue(size int) []byte {
	value := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size >> 8), 9}).Read(value)
	return value
}

func cutKey(size int) []byte { return fmt.Append(nil, "size-", size) }

// cutReaders are the ways to read. Each returns an error that is the server's, or
// errWrongBytes.
func cutReaders() map[string]func(ctx context.Context, c *driveclient.Client) error {
	readers := map[string]func(ctx context.Context, c *driveclient.Client) error{}
	var keys, values [][]byte
	for _, size := range cutSizes {
		key, value := cutKey(size), cutValue(size)
		keys, values = append(keys, key), append(values, value)
		readers[fmt.Sprint("get ", size)] = func(ctx context.Context, c *driveclient.Client) error {
			got, err := c.Get(ctx, key)
			return sameOr(err, got, value)
		}
		readers[fmt.Sprint("stream ", size)] = func(ctx context.Context, c *driveclient.Client) error {
			var got bytes.Buffer
			_, err := c.ReadTo(ctx, key, &got)
			return sameOr(err, got.Bytes(), value)
		}
	}
	readers["batch"] = func(ctx context.Context, c *driveclient.Client) error {
		got, err := c.GetBatch(ctx, keys)
		for i := range got {
			if err := sameOr(err, got[i], values[i]); err != nil {
				return err
			}
		}
		return err
	}
	readers["backup"] = func(ctx context.Context, c *driveclient.Client) error {
		_, err := c.Snapshot(ctx, io.Discard, driveclient.SnapshotOptions{})
		return err
	}
	entries := func(ctx context.Context, c *driveclient.Client) error {
		for e, err := range c.Entries(ctx, driveclient.EntriesOptions{ValueLimit: driveclient.MaxEntryValue}) {
			if err != nil {
				return err
			}
			if e.Value != nil && crc32.ChecksumIEEE(e.Value) != e.Checksum {
				return errWrongBytes
			}
		}
		return nil
	}
	for i := range 4 { // a moment between copying and sending is rare
		readers[fmt.Sprint("entries ", i)] = entries
	}
	return readers
}

var errWrongBytes = errors.New("wrong bytes")

func sameOr(err error, got, want []byte) error {
	if err == nil && !bytes.Equal(got, want) {
		return errWrongBytes
	}
	return err
}

// Somebody cuts the file of a running server, again and again, while clients read
// what is behind the cut in every way: they get the value or ErrCorrupt, on
// connections that stay up, what lies before the cut is answered all the while, and
// the server lives.
func TestFileCutUnderReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.drive")
	keep, whole := cutFile(t, path)
	p := start(t, path)
	readers := cutReaders()
	readers["before the cut"] = func(ctx context.Context, c *driveclient.Client) error {
		if got, err := c.Get(ctx, []byte("before")); err != nil || string(got) != "the cut" {
			return fmt.Errorf("%w: %q, %w", errWrongBytes, got, err)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done sync.WaitGroup
	var intact, corrupt atomic.Int64
	ticks := make([]chan struct{}, 0, len(readers))
	for name, read := range readers {
		c := p.dial(t)
		tick := make(chan struct{})
		ticks = append(ticks, tick)
		done.Go(func() { // until the rounds are over
			defer close(tick)
			for {
				patient, stop := context.WithTimeout(ctx, cutPatience)
				err := read(patient, c)
				stop()
				switch {
				case ctx.Err() != nil:
					return
				case err == nil:
					intact.Add(1)
				case errors.Is(err, driveclient.ErrCorrupt):
					corrupt.Add(1)
				default:
					t.Errorf("%s: %v", name, err)
					return
				}
				select {
				case tick <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	allRead := func() (ok bool) {
		for range cutReads {
			for _, tick := range ticks {
				if _, ok := <-tick; !ok {
					return false
				}
			}
		}
		return true
	}
	for range cutRounds {
		if !allRead() {
			break
		}
		if err := os.Truncate(path, keep); err != nil {
			t.Fatal(err)
		}
		if !allRead() {
			break
		}
		writeAt(t, path, whole[keep:], keep)
	}
	cancel()
	done.Wait()
	t.Logf("%d answers were whole, %d ErrCorrupt", intact.Load(), corrupt.Load())
	if intact.Load() == 0 || corrupt.Load() == 0 {
		t.Error("one of the outcomes was never seen")
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitOK || strings.Contains(p.log.String(), "panic") {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
}

// cutFile writes a drive and returns where to cut it, and its bytes.
func cutFile(t *testing.T, path string) (keep int64, whole []byte) {
	t.Helper()
	store, err := drive.Open(path, drive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write([]byte("before"), []byte("the cut")); err != nil {
		t.Fatal(err)
	}
	// What is cut shall be whole pages: within one the bytes would read as zeros.
	keep, err = store.Write([]byte("filler"), make([]byte, os.Getpagesize()))
	for i := range cutListed {
		if err == nil {
			_, err = store.Write(fmt.Append(nil, "listed-", i), cutValue(cutSizes[1]))
		}
	}
	for _, size := range cutSizes {
		if err == nil {
			_, err = store.Write(cutKey(size), cutValue(size))
		}
	}
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if whole, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return keep, whole
}
