package service

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/simd-drive/go/bench/kv"
)

// goRedisStore is a [kv.Store] over Redis by way of go-redis.
type goRedisStore struct {
	client *redis.Client
	items  []kv.Item
	keys   []string // of a batch
	pairs  []any    // of a batch
}

// dialGoRedis connects once: the pool has one connection, which one call has at a time.
func dialGoRedis(ctx context.Context, address string, items []kv.Item) (kv.Store, error) {
	s := &goRedisStore{
		client: redis.NewClient(&redis.Options{Addr: address, PoolSize: 1}),
		items:  items, keys: batchNames(items),
	}
	for i := range s.keys {
		s.pairs = append(s.pairs, items[i].Name, items[i].Value)
	}
	return s, s.client.Ping(ctx).Err()
}

// Fill implements [kv.Store].
func (s *goRedisStore) Fill(ctx context.Context) error {
	for i := range s.items {
		if err := s.Write(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// Read implements [kv.Store].
func (s *goRedisStore) Read(ctx context.Context, i int) error {
	value, err := s.client.Get(ctx, s.items[i].Name).Bytes()
	if err == nil && !s.items[i].Holds(value) {
		err = kv.ErrWrongAnswer
	}
	return err
}

// Write implements [kv.Store].
func (s *goRedisStore) Write(ctx context.Context, i int) error {
	return s.client.Set(ctx, s.items[i].Name, s.items[i].Value, 0).Err()
}

// Exists implements [kv.Store].
func (s *goRedisStore) Exists(ctx context.Context, i int) error {
	n, err := s.client.Exists(ctx, s.items[i].Name).Result()
	if err == nil && n != 1 {
		err = kv.ErrWrongAnswer
	}
	return err
}

// ReadBatch implements [kv.Store].
func (s *goRedisStore) ReadBatch(ctx context.Context) error {
	values, err := s.client.MGet(ctx, s.keys...).Result()
	if err != nil {
		return err
	}
	if len(values) != len(s.keys) {
		return kv.ErrWrongAnswer
	}
	for i, value := range values {
		if text, ok := value.(string); !ok || text != string(s.items[i].Value) {
			return kv.ErrWrongAnswer
		}
	}
	return nil
}

// WriteBatch implements [kv.Store].
func (s *goRedisStore) WriteBatch(ctx context.Context) error {
	return s.client.MSet(ctx, s.pairs...).Err()
}

// Close implements [kv.Store].
func (s *goRedisStore) Close() error { return s.client.Close() }
