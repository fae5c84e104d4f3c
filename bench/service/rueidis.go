package service

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/simd-drive/go/bench/kv"
)

// rueidisStore is a [kv.Store] over Redis by way of rueidis.
type rueidisStore struct {
	client rueidis.Client
	items  []kv.Item
	keys   []string // of a batch
}

// dialRueidis connects once: without more, rueidis would open a connection for each
// two processors.
func dialRueidis(_ context.Context, address string, items []kv.Item) (kv.Store, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address}, PipelineMultiplex: -1, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		return nil, err
	}
	return &rueidisStore{client: client, items: items, keys: batchNames(items)}, nil
}

// batchNames returns the keys of a batch.
func batchNames(items []kv.Item) []string {
	keys := make([]string, kv.BatchKeys)
	for i := range keys {
		keys[i] = items[i].Name
	}
	return keys
}

// Fill implements [kv.Store].
func (s *rueidisStore) Fill(ctx context.Context) error {
	for i := range s.items {
		if err := s.Write(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// Read implements [kv.Store].
func (s *rueidisStore) Read(ctx context.Context, i int) error {
	value, err := s.client.Do(ctx, s.client.B().Get().Key(s.items[i].Name).Build()).AsBytes()
	if err == nil && !s.items[i].Holds(value) {
		err = kv.ErrWrongAnswer
	}
	return err
}

// Write implements [kv.Store].
func (s *rueidisStore) Write(ctx context.Context, i int) error {
	item := &s.items[i]
	return s.client.Do(ctx, s.client.B().Set().Key(item.Name).Value(rueidis.BinaryString(item.Value)).Build()).Error()
}

// Exists implements [kv.Store].
func (s *rueidisStore) Exists(ctx context.Context, i int) error {
	n, err := s.client.Do(ctx, s.client.B().Exists().Key(s.items[i].Name).Build()).AsInt64()
	if err == nil && n != 1 {
		err = kv.ErrWrongAnswer
	}
	return err
}

// ReadBatch implements [kv.Store].
func (s *rueidisStore) ReadBatch(ctx context.Context) error {
	values, err := s.client.Do(ctx, s.client.B().Mget().Key(s.keys...).Build()).AsStrSlice()
	if err != nil {
		return err
	}
	if len(values) != len(s.keys) {
		return kv.ErrWrongAnswer
	}
	for i, value := range values {
		if value != string(s.items[i].Value) {
			return kv.ErrWrongAnswer
		}
	}
	return nil
}

// WriteBatch implements [kv.Store].
func (s *rueidisStore) WriteBatch(ctx context.Context) error {
	pairs := s.client.B().Mset().KeyValue()
	for i := range s.keys {
		pairs = pairs.KeyValue(s.items[i].Name, rueidis.BinaryString(s.items[i].Value))
	}
	return s.client.Do(ctx, pairs.Build()).Error()
}

// Close implements [kv.Store].
func (s *rueidisStore) Close() error {
	s.client.Close()
	return nil
}
