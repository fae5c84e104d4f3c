package kv

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/simd-drive/go/drive-ws-client"
)

// Drive is a [Store] over our own client, in the native protocol.
type Drive struct {
	client *driveclient.Client
	items  []Item
	all    []driveclient.Item
	keys   [][]byte // of a batch
}

// DialDrive connects to a server at an address such as 127.0.0.1:34129.
func DialDrive(ctx context.Context, address string, items []Item) (*Drive, error) {
	client, err := driveclient.Dial(ctx, "ws://"+address, driveclient.Options{Protocol: driveclient.Native})
	if err != nil {
		return nil, err
	}
	d := &Drive{client: client, items: items}
	for _, i := range items {
		d.all = append(d.all, driveclient.Item{Key: i.Key, Value: i.Value})
	}
	for _, i := range items[:min(BatchKeys, len(items))] {
		d.keys = append(d.keys, i.Key)
	}
	return d, nil
}

// Client returns the client.
func (d *Drive) Client() *driveclient.Client { return d.client }

// Fill implements [Store].
func (d *Drive) Fill(ctx context.Context) error {
	for items := range slices.Chunk(d.all, BatchKeys) {
		if _, err := d.client.WriteBatch(ctx, items); err != nil {
			return err
		}
	}
	return nil
}

// Read implements [Store].
func (d *Drive) Read(ctx context.Context, i int) error {
	value, err := d.client.Get(ctx, d.items[i].Key)
	if err == nil && !d.items[i].Holds(value) {
		err = ErrWrongAnswer
	}
	return err
}

// Write implements [Store].
func (d *Drive) Write(ctx context.Context, i int) error {
	_, err := d.client.Write(ctx, d.items[i].Key, d.items[i].Value)
	return err
}

// Exists implements [Store].
func (d *Drive) Exists(ctx context.Context, i int) error {
	there, err := d.client.Exists(ctx, d.items[i].Key)
	if err == nil && !there {
		err = ErrWrongAnswer
	}
	return err
}

// ReadBatch implements [Store].
func (d *Drive) ReadBatch(ctx context.Context) error {
	values, err := d.client.GetBatch(ctx, d.keys)
	if err != nil {
		return err
	}
	for i, value := range values {
		if !d.items[i].Holds(value) {
			return ErrWrongAnswer
		}
	}
	return nil
}

// WriteBatch implements [Store].
func (d *Drive) WriteBatch(ctx context.Context) error {
	_, err := d.client.WriteBatch(ctx, d.all[:len(d.keys)])
	return err
}

// Close implements [Store].
func (d *Drive) Close() error { return d.client.Close() }

// streamKey is the key of the value that is streamed.
var streamKey = []byte("bench-stream")

// FillStream implements [Streamer].
func (d *Drive) FillStream(ctx context.Context, n int64) error {
	_, err := d.client.WriteFrom(ctx, streamKey, io.LimitReader(rand.NewChaCha8([32]byte{}), n))
	return err
}

// ReadStream implements [Streamer].
func (d *Drive) ReadStream(ctx context.Context, n int64) error {
	got, err := d.client.ReadTo(ctx, streamKey, io.Discard)
	if err == nil && got != n {
		err = ErrWrongAnswer
	}
	return err
}
