// Package originals measures the original clients, unmodified, on the original
// server and on ours in the same run, and writes a document and the figures as
// JSON.
package originals

import (
	"context"
	"errors"
	"time"

	"github.com/simd-drive/go/bench/kv"
)

// Case is one case: calls of one kind.
type Case = kv.Case

// cases returns all cases that are measured.
func cases() []Case {
	var list []Case
	for _, op := range []string{kv.Read, kv.Write, kv.BatchRead, kv.BatchWrite} {
		for _, size := range []int{100, 1 << 10, 64 << 10} {
			for _, inFlight := range []int{1, 16, 256} {
				c := Case{Op: op, Size: size, InFlight: inFlight}
				if c.Check() == nil {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// sample is what one run gave.
type sample struct {
	Calls float64 `json:"calls_per_s"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
}

func sampleOf(s kv.Sample, err error) (sample, error) {
	if err != nil {
		return sample{}, err
	}
	return sample{Calls: s.PerSecond(), P50: float64(s.P50) / 1e3, P99: float64(s.P99) / 1e3}, nil
}

// runClient runs the measuring mode of a client's program.
func runClient(ctx context.Context, command []string, address string, c Case, d time.Duration) (sample, error) {
	return sampleOf(kv.RunProgram(ctx, command, address, c, d))
}

// callNative measures our own client in this process, in the native protocol.
func callNative(ctx context.Context, address string, c Case, d time.Duration) (s sample, err error) {
	items := kv.Items(c)
	store, err := kv.DialDrive(ctx, address, items)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Fill(ctx); err != nil {
		return sample{}, err
	}
	return sampleOf(kv.Load{Store: store, Case: c, Items: len(items)}.Run(ctx, d))
}
