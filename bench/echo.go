package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/simd-drive/go/muxio-rpc-caller"
	"github.com/simd-drive/go/muxio-ws-client"
)

// inFlights are the numbers of calls in flight that each row is measured with.
var inFlights = []int{1, 16, 256}

// echoRows measures calls beside raw echoes of the same payload.
func echoRows(ctx context.Context, s settings) ([]row, func(), error) {
	p, err := startPeer(ctx, filepath.Join(s.dir, "echo.drive"))
	if err != nil {
		return nil, nil, err
	}
	closers := closers{closerFunc(p.stop)}
	client, err := wsclient.Dial(ctx, "ws://"+p.http+"/echo", wsclient.Options{})
	if err != nil {
		closers.close()
		return nil, nil, err
	}
	closers = append(closers, client)
	tcp, conn, err := dialRawTCP(ctx, p.rawTCP)
	if err != nil {
		closers.close()
		return nil, nil, err
	}
	closers = append(closers, conn)
	ws, conn, err := dialRawWebSocket(ctx, "ws://"+p.http+"/raw")
	if err != nil {
		closers.close()
		return nil, nil, err
	}
	closers = append(closers, conn)

	var rows []row
	body := make([]byte, rawBytes)
	for _, n := range inFlights {
		rows = append(rows, row{
			name: fmt.Sprintf("muxio call, %d in flight", n),
			run: func(ctx context.Context, d time.Duration) (sample, error) {
				return load(ctx, d, n, func(ctx context.Context, _ int) error {
					_, err := caller.Call(ctx, client.Conn(), echo, body)
					return err
				})
			},
		})
		for _, raw := range []struct {
			name string
			e    exchange
		}{{"raw TCP echo", tcp}, {"raw gorilla echo", ws}} {
			rows = append(rows, row{
				name: fmt.Sprintf("%s, %d in flight", raw.name, n),
				run: func(ctx context.Context, d time.Duration) (sample, error) {
					return pingPong(ctx, d, n, raw.e)
				},
			})
		}
	}
	return rows, closers.close, nil
}

// closers are closed in reverse order.
type closers []io.Closer

func (c closers) close() {
	for _, closer := range slices.Backward(c) {
		_ = closer.Close() // nothing is measured any more
	}
}

// closerFunc makes a function an [io.Closer].
type closerFunc func()

// Close calls the function.
func (f closerFunc) Close() error {
	f()
	return nil
}
