package server

import (
	"context"
	"errors"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
)

// registerOriginal makes the methods of the original dialect known to calls, for clients
// written in Rust and Python. As they expect, the writes of one connection are carried out
// in the order in which they come in.
func (s *service) registerOriginal(calls *endpoint.Endpoint) error {
	inOrder := endpoint.Ordered()
	return errors.Join(
		unary(s, calls, driveservice.OriginalRead, s.originalRead),
		unary(s, calls, driveservice.OriginalBatchRead, s.originalBatchRead),
		unary(s, calls, driveservice.OriginalWrite, s.originalWrite, inOrder),
		unary(s, calls, driveservice.OriginalBatchWrite, s.originalBatchWrite, inOrder),
		unary(s, calls, driveservice.OriginalDelete, s.originalDelete, inOrder),
		unary(s, calls, driveservice.OriginalExists, s.originalExists),
		unary(s, calls, driveservice.OriginalLen, s.len),
		unary(s, calls, driveservice.OriginalIsEmpty, s.isEmpty),
		unary(s, calls, driveservice.OriginalFileSize, s.fileSize),
	)
}

func (s *service) originalRead(ctx context.Context, r driveservice.OriginalKeyRequest) (driveservice.OriginalReadResponse, error) {
	result, err := s.value(ctx, drive.KeyHash(r.Key), s.maxOriginalBytes)
	return driveservice.OriginalReadResponse{Found: result.Found, Value: result.Value}, err
}

func (s *service) originalBatchRead(ctx context.Context, r driveservice.OriginalKeysRequest) (driveservice.OriginalBatchReadResponse, error) {
	hashes := make([]uint64, len(r.Keys))
	for i, key := range r.Keys {
		hashes[i] = drive.KeyHash(key)
	}
	found, err := s.values(ctx, hashes, s.maxOriginalBytes)
	if err != nil {
		return driveservice.OriginalBatchReadResponse{}, err
	}
	results := make([]driveservice.OriginalReadResponse, len(found))
	for i, r := range found {
		results[i] = driveservice.OriginalReadResponse{Found: r.Found, Value: r.Value}
	}
	return driveservice.OriginalBatchReadResponse{Results: results}, nil
}

func (s *service) originalWrite(_ context.Context, r driveservice.OriginalWriteRequest) (driveservice.TailResponse, error) {
	return originalTail(s.store.WriteHash(drive.KeyHash(r.Key), r.Value))
}

func (s *service) originalBatchWrite(_ context.Context, r driveservice.OriginalBatchWriteRequest) (driveservice.TailResponse, error) {
	items := make([]drive.HashedItem, len(r.Entries))
	for i, e := range r.Entries {
		items[i] = drive.HashedItem{Hash: drive.KeyHash(e.Key), Value: e.Value}
	}
	return originalTail(s.store.WriteBatchHash(items))
}

func (s *service) originalDelete(_ context.Context, r driveservice.OriginalKeyRequest) (driveservice.TailResponse, error) {
	return originalTail(s.store.DeleteHash(drive.KeyHash(r.Key)))
}

func (s *service) originalExists(ctx context.Context, r driveservice.OriginalKeyRequest) (driveservice.ExistsResponse, error) {
	return s.exists(ctx, driveservice.KeyRequest{Key: driveservice.Key(r.Key)})
}

// originalTail is tail with the texts that programs of the original may look for.
func originalTail(n int64, err error) (driveservice.TailResponse, error) {
	switch {
	case errors.Is(err, drive.ErrEmptyValue):
		err = driveservice.NewError(driveservice.ReasonEmptyValue, driveservice.OriginalTextEmptyValue)
	case errors.Is(err, drive.ErrNullValue):
		err = driveservice.NewError(driveservice.ReasonNullValue, driveservice.OriginalTextNullValue)
	}
	return tail(n, err)
}
