package server

import (
	"context"
	"errors"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// registerOriginal makes the methods of the original dialect known to calls, for clients
// written in Rust and Python. As they expect, the writes of one connection are carried out
// in the order in which they come in.
func (s *service) registerOriginal(calls *endpoint.Endpoint) error {
	inOrder := endpoint.Ordered()
	return errors.Join(
		encoded(s, calls, driveservice.OriginalRead, s.originalRead),
		encoded(s, calls, driveservice.OriginalBatchRead, s.originalBatchRead),
		unary(s, calls, driveservice.OriginalWrite, s.originalWrite, inOrder),
		unary(s, calls, driveservice.OriginalBatchWrite, s.originalBatchWrite, inOrder),
		unary(s, calls, driveservice.OriginalDelete, s.originalDelete, inOrder),
		unary(s, calls, driveservice.OriginalExists, s.originalExists),
		unary(s, calls, driveservice.OriginalLen, s.len),
		unary(s, calls, driveservice.OriginalIsEmpty, s.isEmpty),
		unary(s, calls, driveservice.OriginalFileSize, s.fileSize),
	)
}

func (s *service) originalRead(ctx context.Context, r driveservice.OriginalKeyRequest, dst []byte) (msg rpc.Message, err error) {
	a := s.borrow()
	defer a.done(&msg)
	e, err := a.find(ctx, drive.KeyHash(r.Key), s.maxOriginalBytes)
	if err != nil {
		return msg, err
	}
	a.entries = append(a.entries, e)
	if err := a.read(e.Size()); err != nil {
		return msg, err
	}
	return message(a, driveservice.OriginalRead.Response(), dst, a.originals[0])
}

func (s *service) originalBatchRead(ctx context.Context, r driveservice.OriginalKeysRequest, dst []byte) (msg rpc.Message, err error) {
	a := s.borrow()
	defer a.done(&msg)
	for _, key := range r.Keys {
		a.hashes = append(a.hashes, drive.KeyHash(key))
	}
	size, err := a.findBatch(ctx, s.maxOriginalBytes)
	if err != nil {
		return msg, err
	}
	if err := a.read(size); err != nil {
		return msg, err
	}
	return message(a, driveservice.OriginalBatchRead.Response(), dst, driveservice.OriginalBatchReadResponse{Results: a.originals})
}

func (s *service) originalWrite(_ context.Context, r driveservice.OriginalWriteRequest) (driveservice.TailResponse, error) {
	return originalTail(s.store.WriteHash(drive.KeyHash(r.Key), r.Value))
}

func (s *service) originalBatchWrite(_ context.Context, r driveservice.OriginalBatchWriteRequest) (driveservice.TailResponse, error) {
	a := s.borrow()
	defer a.free()
	for _, e := range r.Entries {
		a.items = append(a.items, drive.HashedItem{Hash: drive.KeyHash(e.Key), Value: e.Value})
	}
	return originalTail(s.store.WriteBatchHash(a.items))
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
