package originals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/simd-drive/go/drive-ws-client"
)

// errWrongAnswer reports an answer that is not what was stored.
var errWrongAnswer = errors.New("an answer is not what was stored")

// A load is the calls of our own client, the same as those of the programs in
// interop: keys and values that differ, as many as there are calls in flight
// or in a batch.
type load struct {
	client *driveclient.Client
	c      Case
	items  []driveclient.Item
	batch  [][]byte // the keys of a batch, the first of items
}

func newLoad(client *driveclient.Client, c Case) *load {
	l := &load{client: client, c: c, items: make([]driveclient.Item, max(c.InFlight, batchKeys))}
	noise := make([]byte, len(l.items)*c.Size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // it never fails
	for i := range l.items {
		l.items[i] = driveclient.Item{Key: fmt.Appendf(nil, "bench-%05d", i), Value: noise[i*c.Size : (i+1)*c.Size]}
	}
	for _, item := range l.items[:batchKeys] {
		l.batch = append(l.batch, item.Key)
	}
	return l
}

// run writes every key, keeps calls in flight for some time, at least one for
// each worker, and returns what they took.
func (l *load) run(ctx context.Context, d time.Duration) (sample, error) {
	for items := range slices.Chunk(l.items, batchKeys) {
		if _, err := l.client.WriteBatch(ctx, items); err != nil {
			return sample{}, err
		}
	}
	took := make([][]time.Duration, l.c.InFlight)
	begun := time.Now()
	var workers errgroup.Group // each ends after d or with an error of its own
	for w := range took {
		workers.Go(func() error {
			for before := time.Now(); len(took[w]) == 0 || before.Sub(begun) < d; {
				if err := l.call(ctx, (w+len(took[w]))%len(l.items)); err != nil {
					return err
				}
				now := time.Now()
				took[w] = append(took[w], now.Sub(before))
				before = now
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return sample{}, err
	}
	seconds := time.Since(begun).Seconds()
	all := slices.Concat(took...)
	slices.Sort(all)
	quantile := func(share float64) float64 { return float64(all[int(float64(len(all)-1)*share)]) / 1e3 }
	return sample{Calls: float64(len(all)) / seconds, P50: quantile(0.5), P99: quantile(0.99)}, nil
}

// call makes one call and looks at its answer.
func (l *load) call(ctx context.Context, i int) error {
	var err error
	intact := true
	switch item := l.items[i]; l.c.Op {
	case opRead:
		var value []byte
		value, err = l.client.Get(ctx, item.Key)
		intact = bytes.Equal(value, item.Value)
	case opWrite:
		_, err = l.client.Write(ctx, item.Key, item.Value)
	case opBatchRead:
		var values [][]byte
		values, err = l.client.GetBatch(ctx, l.batch)
		intact = slices.EqualFunc(values, l.items[:batchKeys], func(v []byte, i driveclient.Item) bool { return bytes.Equal(v, i.Value) })
	case opBatchWrite:
		_, err = l.client.WriteBatch(ctx, l.items[:batchKeys])
	default:
		err = fmt.Errorf("unknown op %s", l.c.Op)
	}
	if err == nil && !intact {
		err = errWrongAnswer
	}
	return err
}
