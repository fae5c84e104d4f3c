package driveclient

import (
	"context"

	"github.com/simd-drive/go/drive-service-definition"
)

// MaxBatch is the largest number of keys or items in one batch.
const MaxBatch = driveservice.MaxBatch

// Item is one entry of a batch.
type Item struct{ Key, Value []byte }

// HashedItem is one entry of a batch, by the hash of its key.
type HashedItem struct {
	Hash  uint64
	Value []byte
}

// WriteBatch stores all items or none, in order, and returns the new size of
// the file. A value that is refused refuses the batch. An empty batch changes
// nothing. A batch of more than [MaxBatch] items or of more bytes than one
// message holds fails with [ErrLimit]; it is not split, as that would not be all
// or none.
func (c *Client) WriteBatch(ctx context.Context, items []Item) (int64, error) {
	return batchWrite(ctx, c, items, func(i Item) driveservice.WriteRequest {
		return driveservice.WriteRequest{Key: driveservice.Key(i.Key), Value: i.Value}
	})
}

// WriteBatchHash is [Client.WriteBatch] by the hashes of the keys.
func (c *Client) WriteBatchHash(ctx context.Context, items []HashedItem) (int64, error) {
	return batchWrite(ctx, c, items, func(i HashedItem) driveservice.WriteRequest {
		return driveservice.WriteRequest{Key: driveservice.Hash(i.Hash), Value: i.Value}
	})
}

func batchWrite[T any](ctx context.Context, c *Client, items []T, entry func(T) driveservice.WriteRequest) (int64, error) {
	r := driveservice.BatchWriteRequest{Entries: mapped(items, entry)}
	return tailOf(call(ctx, c, "write batch", driveservice.BatchWrite, r))
}

// GetBatch returns the values of keys, in their order, each verified against
// its checksum; nil stands for a key without a value. The values share one
// piece of memory, which lives as long as any of them. Values that do not fit
// into one message together fail with [ErrTooLarge].
func (c *Client) GetBatch(ctx context.Context, keys [][]byte) ([][]byte, error) {
	return c.getBatch(ctx, mapped(keys, driveservice.Key))
}

// GetBatchHash is [Client.GetBatch] by the hashes of the keys.
func (c *Client) GetBatchHash(ctx context.Context, hashes []uint64) ([][]byte, error) {
	return c.getBatch(ctx, mapped(hashes, driveservice.Hash))
}

func (c *Client) getBatch(ctx context.Context, keys []driveservice.KeyRef) ([][]byte, error) {
	r, err := call(ctx, c, "get batch", driveservice.BatchRead, driveservice.KeysRequest{Keys: keys})
	if err != nil {
		return nil, err
	}
	if len(r.Results) != len(keys) {
		return nil, c.failed("get batch", errWrongCount)
	}
	values := make([][]byte, len(keys))
	for i, result := range r.Results {
		if !result.Found {
			continue
		}
		if !c.intact(result) {
			return nil, c.refused("get batch", driveservice.ReasonCorrupt, "value does not match its checksum")
		}
		values[i] = result.Value
	}
	return values, nil
}

// DeleteBatch removes the values of keys in one step and returns the new size
// of the file. Keys without a value are left out.
func (c *Client) DeleteBatch(ctx context.Context, keys [][]byte) (int64, error) {
	return c.deleteBatch(ctx, mapped(keys, driveservice.Key))
}

// DeleteBatchHash is [Client.DeleteBatch] by the hashes of the keys.
func (c *Client) DeleteBatchHash(ctx context.Context, hashes []uint64) (int64, error) {
	return c.deleteBatch(ctx, mapped(hashes, driveservice.Hash))
}

func (c *Client) deleteBatch(ctx context.Context, keys []driveservice.KeyRef) (int64, error) {
	return tailOf(call(ctx, c, "delete batch", driveservice.BatchDelete, driveservice.KeysRequest{Keys: keys}))
}

func mapped[T, U any](in []T, f func(T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}
