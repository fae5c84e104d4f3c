package driveclient

import (
	"context"
	"io"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// What is asked of a server that speaks the original protocol goes by the methods of its
// dialect.

var (
	errNotOriginal = &rpc.Error{Code: rpc.Unimplemented, Reason: rpc.ReasonNotStarted, Message: "the server speaks the original protocol, which has no such method"}
	errHashOnly    = &rpc.Error{Code: rpc.Unimplemented, Reason: rpc.ReasonNotStarted, Message: "the server speaks the original protocol, which finds values by their keys, not by hashes of them"}
)

// originals tells what takes the place of a method; those that have no place are missing.
var originals = func() map[rpc.MethodID]originalCall {
	table := make(map[rpc.MethodID]originalCall)
	inPlaceOf(table, driveservice.Read, driveservice.OriginalRead, originalKey, func(r driveservice.OriginalReadResponse) driveservice.ReadResponse {
		return driveservice.ReadResponse{Result: driveservice.ReadResult{Found: r.Found, Value: r.Value}}
	})
	inPlaceOf(table, driveservice.BatchRead, driveservice.OriginalBatchRead, originalKeys, func(r driveservice.OriginalBatchReadResponse) driveservice.BatchReadResponse {
		return driveservice.BatchReadResponse{Results: mapped(r.Results, func(r driveservice.OriginalReadResponse) driveservice.ReadResult {
			return driveservice.ReadResult{Found: r.Found, Value: r.Value}
		})}
	})
	inPlaceOf(table, driveservice.Write, driveservice.OriginalWrite, originalWrite, same[driveservice.TailResponse])
	inPlaceOf(table, driveservice.BatchWrite, driveservice.OriginalBatchWrite, originalWrites, same[driveservice.TailResponse])
	inPlaceOf(table, driveservice.Delete, driveservice.OriginalDelete, originalKey, same[driveservice.TailResponse])
	inPlaceOf(table, driveservice.Exists, driveservice.OriginalExists, originalKey, same[driveservice.ExistsResponse])
	inPlaceOf(table, driveservice.Len, driveservice.OriginalLen, nothing, same[driveservice.LenResponse])
	inPlaceOf(table, driveservice.IsEmpty, driveservice.OriginalIsEmpty, nothing, same[driveservice.IsEmptyResponse])
	inPlaceOf(table, driveservice.FileSize, driveservice.OriginalFileSize, nothing, same[driveservice.FileSizeResponse])
	return table
}()

// originalCall makes a call with a request of a native method and returns a response of it.
type originalCall func(ctx context.Context, conn rpc.Invoker, request any) (response any, err error)

// inPlaceOf adds to table that calls of native are made as calls of original.
func inPlaceOf[Req, Resp, OriginalReq, OriginalResp any](
	table map[rpc.MethodID]originalCall,
	native rpc.Method[Req, Resp], original rpc.Method[OriginalReq, OriginalResp],
	request func(Req) (OriginalReq, error), response func(OriginalResp) Resp,
) {
	table[native.ID()] = func(ctx context.Context, conn rpc.Invoker, r any) (any, error) {
		req, err := request(r.(Req)) //nolint:forcetypeassert // callOriginal has looked native up
		if err != nil {
			return nil, err
		}
		resp, err := caller.Call(ctx, conn, original, req)
		return response(resp), err
	}
}

// callOriginal makes a unary call to a server of the original protocol.
func callOriginal[Req, Resp any](ctx context.Context, conn rpc.Invoker, m rpc.Method[Req, Resp], r Req) (Resp, error) {
	var zero Resp
	call, ok := originals[m.ID()]
	if !ok {
		return zero, errNotOriginal
	}
	response, err := call(ctx, conn, r)
	if err != nil {
		return zero, err
	}
	return response.(Resp), nil //nolint:forcetypeassert // it is that of m
}

func same[T any](v T) T { return v }

func nothing(struct{}) (struct{}, error) { return struct{}{}, nil }

// keyOf returns the key that is meant.
func keyOf(k driveservice.KeyRef) ([]byte, error) {
	if k.ByHash {
		return nil, errHashOnly
	}
	return k.Key, nil
}

func originalKey(r driveservice.KeyRequest) (driveservice.OriginalKeyRequest, error) {
	key, err := keyOf(r.Key)
	return driveservice.OriginalKeyRequest{Key: key}, err
}

func originalKeys(r driveservice.KeysRequest) (driveservice.OriginalKeysRequest, error) {
	keys := make([][]byte, len(r.Keys))
	for i, k := range r.Keys {
		key, err := keyOf(k)
		if err != nil {
			return driveservice.OriginalKeysRequest{}, err
		}
		keys[i] = key
	}
	return driveservice.OriginalKeysRequest{Keys: keys}, nil
}

func originalWrite(r driveservice.WriteRequest) (driveservice.OriginalWriteRequest, error) {
	key, err := keyOf(r.Key)
	return driveservice.OriginalWriteRequest{Key: key, Value: r.Value}, err
}

func originalWrites(r driveservice.BatchWriteRequest) (driveservice.OriginalBatchWriteRequest, error) {
	entries := make([]driveservice.OriginalWriteRequest, len(r.Entries))
	for i, e := range r.Entries {
		entry, err := originalWrite(e)
		if err != nil {
			return driveservice.OriginalBatchWriteRequest{}, err
		}
		entries[i] = entry
	}
	return driveservice.OriginalBatchWriteRequest{Entries: entries}, nil
}

// originalReason returns the reason of a failure, which an original server tells by a text.
func originalReason(e *rpc.Error) string {
	switch {
	case e.Reason != "": // found at this end
		return e.Reason
	case e.Message == driveservice.OriginalTextEmptyValue:
		return driveservice.ReasonEmptyValue
	case e.Message == driveservice.OriginalTextNullValue:
		return driveservice.ReasonNullValue
	}
	return ""
}

// writeWhole is writeFrom where values go whole.
func (c *Client) writeWhole(ctx context.Context, key driveservice.KeyRef, r io.Reader) (int64, error) {
	value, err := io.ReadAll(io.LimitReader(r, int64(c.room)+1))
	if err == nil && len(value) > c.room {
		err = rpc.Errorf(rpc.ResourceExhausted, "a value of more than %d bytes, limit MaxMessageBytes, cannot be sent in the original protocol", c.room)
	}
	if err != nil {
		return 0, c.failed("write from", err)
	}
	return c.write(ctx, key, value)
}

// openOriginal is open where values come whole.
func (c *Client) openOriginal(ctx context.Context, r driveservice.StreamReadRequest) (*valueReader, error) {
	value, err := c.get(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	if r.Offset > uint64(len(value)) {
		return nil, c.refused("read", driveservice.ReasonOutOfRange, "range starts beyond the end of the value")
	}
	value = value[r.Offset:]
	if r.Length > 0 {
		value = value[:min(r.Length, uint64(len(value)))]
	}
	return &valueReader{client: c, rest: value, err: io.EOF}, nil
}
