package driveclient

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"math"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// Metadata is what the file says about one entry. Offsets and sizes are in
// bytes.
type Metadata struct {
	KeyHash    uint64 // XXH3-64 of the key
	PrevOffset int64  // where the preceding entry of the file ends
	Checksum   uint32 // CRC-32/IEEE of the value
	Offset     int64  // of the value's first byte in the file
	Size       int64  // of the value
}

// minMessageBytes is the size of a value from which a refusal for a limit may be
// due to its size: every server takes smaller ones as one message.
const minMessageBytes = 256 << 10

// Write stores value under key and returns the new size of the file. A value of
// [StreamFromBytes] and more, or over a limit for one message, travels as a
// stream. It fails with
// [ErrEmptyValue], [ErrNullValue] or [ErrReadOnly], among others.
func (c *Client) Write(ctx context.Context, key, value []byte) (int64, error) {
	return c.write(ctx, driveservice.Key(key), value)
}

// WriteHash is [Client.Write] by the hash of the key.
func (c *Client) WriteHash(ctx context.Context, hash uint64, value []byte) (int64, error) {
	return c.write(ctx, driveservice.Hash(hash), value)
}

func (c *Client) write(ctx context.Context, key driveservice.KeyRef, value []byte) (int64, error) {
	if len(value) >= StreamFromBytes && !c.original {
		return c.writeFrom(ctx, key, bytes.NewReader(value))
	}
	tail, err := tailOf(call(ctx, c, "write", driveservice.Write, driveservice.WriteRequest{Key: key, Value: value}))
	if len(value) >= minMessageBytes && errors.Is(err, ErrLimit) && !c.original {
		return c.writeFrom(ctx, key, bytes.NewReader(value))
	}
	return tail, err
}

// Get returns the value of key, verified against its checksum. It fails with
// [ErrNotFound] for a key without a value and with [ErrCorrupt] for a damaged
// one. A value over a limit for one message travels as a stream.
func (c *Client) Get(ctx context.Context, key []byte) ([]byte, error) {
	return c.get(ctx, driveservice.Key(key))
}

// GetHash is [Client.Get] by the hash of the key.
func (c *Client) GetHash(ctx context.Context, hash uint64) ([]byte, error) {
	return c.get(ctx, driveservice.Hash(hash))
}

func (c *Client) get(ctx context.Context, key driveservice.KeyRef) ([]byte, error) {
	r, err := call(ctx, c, "get", driveservice.Read, driveservice.KeyRequest{Key: key})
	if (errors.Is(err, ErrTooLarge) || errors.Is(err, ErrLimit)) && !c.original {
		var whole bytes.Buffer
		_, err = c.readTo(ctx, key, &whole)
		return whole.Bytes(), err
	}
	switch {
	case err != nil:
		return nil, err
	case !r.Result.Found:
		return nil, c.refused("get", driveservice.ReasonNotFound, "key not found")
	case !c.intact(r.Result):
		return nil, c.refused("get", driveservice.ReasonCorrupt, "value does not match its checksum")
	}
	return r.Result.Value, nil
}

// intact verifies a value, if the server has told its checksum.
func (c *Client) intact(r driveservice.ReadResult) bool {
	return c.original || crc32.ChecksumIEEE(r.Value) == r.Checksum
}

// Delete removes the value of key and returns the new size of the file. A key
// without a value is no error.
func (c *Client) Delete(ctx context.Context, key []byte) (int64, error) {
	return c.delete(ctx, driveservice.Key(key))
}

// DeleteHash is [Client.Delete] by the hash of the key.
func (c *Client) DeleteHash(ctx context.Context, hash uint64) (int64, error) {
	return c.delete(ctx, driveservice.Hash(hash))
}

func (c *Client) delete(ctx context.Context, key driveservice.KeyRef) (int64, error) {
	return tailOf(call(ctx, c, "delete", driveservice.Delete, driveservice.KeyRequest{Key: key}))
}

// Exists reports whether key has a value.
func (c *Client) Exists(ctx context.Context, key []byte) (bool, error) {
	return c.exists(ctx, driveservice.Key(key))
}

// ExistsHash is [Client.Exists] by the hash of the key.
func (c *Client) ExistsHash(ctx context.Context, hash uint64) (bool, error) {
	return c.exists(ctx, driveservice.Hash(hash))
}

func (c *Client) exists(ctx context.Context, key driveservice.KeyRef) (bool, error) {
	r, err := call(ctx, c, "exists", driveservice.Exists, driveservice.KeyRequest{Key: key})
	return r.Exists, err
}

// Metadata returns what the file says about the value of key. It fails with
// [ErrNotFound] for a key without a value.
func (c *Client) Metadata(ctx context.Context, key []byte) (Metadata, error) {
	return c.metadata(ctx, driveservice.Key(key))
}

// MetadataHash is [Client.Metadata] by the hash of the key.
func (c *Client) MetadataHash(ctx context.Context, hash uint64) (Metadata, error) {
	return c.metadata(ctx, driveservice.Hash(hash))
}

func (c *Client) metadata(ctx context.Context, key driveservice.KeyRef) (Metadata, error) {
	r, err := call(ctx, c, "metadata", driveservice.Metadata, driveservice.KeyRequest{Key: key})
	return Metadata{
		KeyHash: r.KeyHash, PrevOffset: signed(r.PrevOffset), Checksum: r.Checksum,
		Offset: signed(r.Offset), Size: signed(r.Size),
	}, err
}

// Rename moves the value of oldKey to newKey in one step, replacing what
// newKey had, and returns the new size of the file. It fails with [ErrNotFound]
// and, when both keys are the same, with [ErrSameKey].
func (c *Client) Rename(ctx context.Context, oldKey, newKey []byte) (int64, error) {
	return c.rename(ctx, driveservice.Key(oldKey), driveservice.Key(newKey))
}

// RenameHash is [Client.Rename] by the hashes of the keys.
func (c *Client) RenameHash(ctx context.Context, oldHash, newHash uint64) (int64, error) {
	return c.rename(ctx, driveservice.Hash(oldHash), driveservice.Hash(newHash))
}

func (c *Client) rename(ctx context.Context, from, to driveservice.KeyRef) (int64, error) {
	return tailOf(call(ctx, c, "rename", driveservice.Rename, driveservice.KeyPairRequest{From: from, To: to}))
}

// Copy stores the value of from under to as well, replacing what to had, and
// returns the new size of the file. It fails with [ErrNotFound], [ErrSameKey],
// and [ErrCorrupt] for a damaged value, which is not copied.
func (c *Client) Copy(ctx context.Context, from, to []byte) (int64, error) {
	return c.copy(ctx, driveservice.Key(from), driveservice.Key(to))
}

// CopyHash is [Client.Copy] by the hashes of the keys.
func (c *Client) CopyHash(ctx context.Context, from, to uint64) (int64, error) {
	return c.copy(ctx, driveservice.Hash(from), driveservice.Hash(to))
}

func (c *Client) copy(ctx context.Context, from, to driveservice.KeyRef) (int64, error) {
	return tailOf(call(ctx, c, "copy", driveservice.Copy, driveservice.KeyPairRequest{From: from, To: to}))
}

// call makes a unary call.
func call[Req, Resp any](ctx context.Context, c *Client, op string, m rpc.Method[Req, Resp], r Req) (Resp, error) {
	if c.original {
		response, err := callOriginal(ctx, c.conn, m, r)
		return response, c.failed(op, err)
	}
	response, err := caller.Call(ctx, c.conn, m, r)
	return response, c.failed(op, err)
}

func tailOf(r driveservice.TailResponse, err error) (int64, error) { return signed(r.Tail), err }

// signed converts a number of the server; what no file can have becomes the
// largest number.
func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
