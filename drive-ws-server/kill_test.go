//go:build unix

package main

import (
	"bytes"
	"context"
	enc "encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/simd-drive/go/drive-ws-client"
)

const (
	killRounds  = 5
	killWriters = 6
	// killAfter is how many acknowledged writes a server lives to see.
	killAfter = 300
)

// killValue is the value that a writer gives a key at a step; its length and
// bytes follow from both, so that a reader can tell a whole one.
func killValue(key string, step int) []byte {
	rng := rand.NewChaCha8([32]byte{byte(len(key)), byte(step), byte(step >> 8)})
	size := 8 + int(rng.Uint64()%2000)
	if step%16 == 0 {
		size += 300 << 10
	}
	value := make([]byte, size)
	enc.LittleEndian.PutUint64(value, uint64(step))
	_, _ = rng.Read(value[8:])
	return value
}

// killWriter writes keys of its own, and remembers the last step of each that
// was acknowledged and the last one that was tried.
type killWriter struct {
	name         string
	rng          *rand.Rand
	step         int
	acknowledged map[string]int
	tried        map[string]int
}

// run writes until the server is gone.
func (w *killWriter) run(ctx context.Context, c *driveclient.Client, count *atomic.Int64, enough chan<- struct{}) error {
	for {
		w.step++
		keys := []string{fmt.Sprintf("%s-%d", w.name, w.rng.IntN(20))}
		if w.step%5 == 0 {
			keys = append(keys, w.name+"-batch-a", w.name+"-batch-b")
		}
		items := make([]driveclient.Item, len(keys))
		for i, k := range keys {
			w.tried[k] = w.step
			items[i] = driveclient.Item{Key: []byte(k), Value: killValue(k, w.step)}
		}
		var err error
		switch {
		case len(items) > 1:
			_, err = c.WriteBatch(ctx, items)
		case w.step%3 == 0:
			_, err = c.WriteFrom(ctx, items[0].Key, bytes.NewReader(items[0].Value))
		default:
			_, err = c.Write(ctx, items[0].Key, items[0].Value)
		}
		if errors.Is(err, driveclient.ErrUnavailable) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, k := range keys {
			w.acknowledged[k] = w.step
		}
		if count.Add(1) == killAfter {
			close(enough)
		}
	}
}

// check reads everything back that was acknowledged: each key has the value of
// its last acknowledged write, or of the one that was under way at the kill.
func (w *killWriter) check(t *testing.T, c *driveclient.Client) {
	t.Helper()
	for k, tried := range w.tried {
		got, err := c.Get(t.Context(), []byte(k))
		last, acknowledged := w.acknowledged[k]
		switch {
		case errors.Is(err, driveclient.ErrNotFound) && !acknowledged:
			continue
		case err != nil:
			t.Errorf("%s, acknowledged at step %d: %v", k, last, err)
			continue
		}
		step := int(enc.LittleEndian.Uint64(got))
		if (step != last && step != tried) || !bytes.Equal(got, killValue(k, step)) {
			t.Errorf("%s is of step %d, %d bytes; acknowledged %d, tried %d", k, step, len(got), last, tried)
		}
		w.acknowledged[k] = step
	}
	// A batch is there whole or not at all.
	if a, b := w.acknowledged[w.name+"-batch-a"], w.acknowledged[w.name+"-batch-b"]; a != b {
		t.Errorf("%s: the two keys of one batch are of steps %d and %d", w.name, a, b)
	}
}

// A server that is killed in the middle of writes loses nothing that it has
// acknowledged, in each sync mode, again and again on the same file, while it
// compacts that by itself.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	for _, mode := range []string{"interval=1s", "always", "none"} {
		t.Run(mode, func(t *testing.T) { killRepeatedly(t, "--sync", mode, "--compact-min", "1m") })
	}
}

func killRepeatedly(t *testing.T, flags ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.drive")
	flags = append(flags, path)
	var writers []*killWriter
	for i := range killWriters {
		writers = append(writers, &killWriter{
			name: fmt.Sprint("writer", i), rng: rand.New(rand.NewPCG(uint64(i), 7)),
			acknowledged: map[string]int{}, tried: map[string]int{},
		})
	}
	compactions := 0
	for range killRounds {
		p := start(t, flags...)
		c := p.dial(t)
		var count atomic.Int64
		enough := make(chan struct{})
		var done sync.WaitGroup
		for _, w := range writers {
			done.Go(func() {
				if err := w.run(t.Context(), c, &count, enough); err != nil {
					t.Error(err)
				}
			})
		}
		<-enough
		p.signal(t, syscall.SIGKILL)
		done.Wait()
		if code := p.wait(t); code != -1 {
			t.Fatalf("exit code %d of a killed process", code)
		}
		compactions += strings.Count(p.log.String(), "drive: compacted")
		after := start(t, flags...)
		c = after.dial(t)
		for _, w := range writers {
			w.check(t, c)
		}
		after.signal(t, syscall.SIGTERM)
		if code := after.wait(t); code != exitOK {
			t.Errorf("exit code %d\n%s", code, after.log)
		}
	}
	if compactions == 0 {
		t.Error("no compaction in all the rounds")
	}
}
