package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/simd-drive/go/drive-ws-client"
)

const (
	serviceKeys       = 10_000
	serviceValueBytes = 100
)

// serviceRows measures reads and writes of a served drive.
func serviceRows(ctx context.Context, s settings) ([]row, func(), error) {
	p, err := startPeer(ctx, filepath.Join(s.dir, "service.drive"))
	if err != nil {
		return nil, nil, err
	}
	closers := closers{closerFunc(p.stop)}
	client, err := driveclient.Dial(ctx, "ws://"+p.http, driveclient.Options{})
	if err != nil {
		closers.close()
		return nil, nil, err
	}
	closers = append(closers, client)
	value := make([]byte, serviceValueBytes)
	for i := range value {
		value[i] = byte(i + 1)
	}
	for i := range serviceKeys {
		if _, err := client.Write(ctx, serviceKey(i), value); err != nil {
			closers.close()
			return nil, nil, err
		}
	}
	read := func(ctx context.Context, i int) error {
		_, err := client.Get(ctx, serviceKey(i))
		return err
	}
	write := func(ctx context.Context, i int) error {
		_, err := client.Write(ctx, serviceKey(i), value)
		return err
	}
	var rows []row
	for _, op := range []struct {
		name string
		run  func(ctx context.Context, i int) error
	}{{"read", read}, {"write", write}} {
		for _, n := range inFlights {
			rows = append(rows, row{
				name: fmt.Sprintf("%s, %d in flight", op.name, n),
				run: func(ctx context.Context, d time.Duration) (sample, error) {
					next := make([]int, n) // each worker walks the keys on its own
					return load(ctx, d, n, func(ctx context.Context, worker int) error {
						next[worker] += 7919 // a prime: it visits every key
						return op.run(ctx, (next[worker]+worker)%serviceKeys)
					})
				},
			})
		}
	}
	return rows, closers.close, nil
}

func serviceKey(i int) []byte { return strconv.AppendInt([]byte("bench-key-"), int64(i), 10) }
