package driveservice

import (
	"fmt"
	"unicode/utf8"

	"github.com/simd-drive/go/drive-service-definition/bitcode"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// originalCodec is the codec of a message of the original dialect. It writes the
// canonical form.
type originalCodec[T any] struct {
	codec[T]
	raw codec[T] // writes the raw form
}

// columns has what [codec] has, with functions for a message in columns.
type columns[T any] struct {
	build func(rpc.Builder, bitcode.Form, T) rpc.Builder
	parse func(rpc.Cursor) (T, rpc.Cursor)
	count func(T) int // bounded by MaxBatch
}

func (m columns[T]) codec() originalCodec[T] {
	in := func(form bitcode.Form) codec[T] {
		return codec[T]{
			build: func(w rpc.Builder, v T) rpc.Builder { return m.build(w, form, v) },
			parse: m.parse,
			count: m.count,
			limit: MaxBatch,

			refusal: errOriginalMalformed,
		}
	}
	return originalCodec[T]{in(bitcode.Canonical), in(bitcode.Raw)}
}

// rawForm returns the codec that writes the raw form, or c if it has none.
func rawForm[T any](c rpc.Codec[T]) rpc.Codec[T] {
	if original, ok := c.(originalCodec[T]); ok {
		return original.raw
	}
	return c
}

// errOriginalMalformed makes the answer to a request that does not parse the original's.
var errOriginalMalformed = &rpc.Error{Code: rpc.InvalidArgument, Message: OriginalTextMalformed}

// takeCount takes the number of elements of a list.
func takeCount(c *rpc.Cursor) int { return bitcode.TakeCount(c, MaxBatch, ErrBatchTooLarge) }

var originalKeyRequest = columns[OriginalKeyRequest]{
	build: func(w rpc.Builder, form bitcode.Form, v OriginalKeyRequest) rpc.Builder {
		bitcode.PutStr(&w, form, v.Key)
		return w
	},
	parse: func(c rpc.Cursor) (OriginalKeyRequest, rpc.Cursor) {
		key := bitcode.TakeStr(&c)
		return OriginalKeyRequest{key}, c
	},
}.codec()

var originalKeysRequest = columns[OriginalKeysRequest]{
	count: func(v OriginalKeysRequest) int { return len(v.Keys) },
	build: func(w rpc.Builder, form bitcode.Form, v OriginalKeysRequest) rpc.Builder {
		bitcode.PutCount(&w, form, len(v.Keys))
		bitcode.PutStrs(&w, form, len(v.Keys), func(i int) []byte { return v.Keys[i] })
		return w
	},
	parse: func(c rpc.Cursor) (OriginalKeysRequest, rpc.Cursor) {
		n := takeCount(&c)
		keys := bitcode.TakeStrs(&c, n)
		if n == 0 || c.Err() != nil {
			return OriginalKeysRequest{}, c
		}
		v := OriginalKeysRequest{make([][]byte, n)}
		for i := range v.Keys {
			v.Keys[i] = keys.Next()
		}
		return v, c
	},
}.codec()

var originalWriteRequest = columns[OriginalWriteRequest]{
	build: func(w rpc.Builder, form bitcode.Form, v OriginalWriteRequest) rpc.Builder {
		bitcode.PutStr(&w, form, v.Key)
		bitcode.PutStr(&w, form, v.Value)
		return w
	},
	parse: func(c rpc.Cursor) (OriginalWriteRequest, rpc.Cursor) {
		v := OriginalWriteRequest{Key: bitcode.TakeStr(&c), Value: bitcode.TakeStr(&c)}
		return v, c
	},
}.codec()

var originalBatchWriteRequest = columns[OriginalBatchWriteRequest]{
	count: func(v OriginalBatchWriteRequest) int { return len(v.Entries) },
	build: func(w rpc.Builder, form bitcode.Form, v OriginalBatchWriteRequest) rpc.Builder {
		bitcode.PutCount(&w, form, len(v.Entries))
		bitcode.PutStrs(&w, form, len(v.Entries), func(i int) []byte { return v.Entries[i].Key })
		bitcode.PutStrs(&w, form, len(v.Entries), func(i int) []byte { return v.Entries[i].Value })
		return w
	},
	parse: func(c rpc.Cursor) (OriginalBatchWriteRequest, rpc.Cursor) {
		n := takeCount(&c)
		keys, values := bitcode.TakeStrs(&c, n), bitcode.TakeStrs(&c, n)
		if n == 0 || c.Err() != nil {
			return OriginalBatchWriteRequest{}, c
		}
		v := OriginalBatchWriteRequest{make([]OriginalWriteRequest, n)}
		for i := range v.Entries {
			v.Entries[i] = OriginalWriteRequest{Key: keys.Next(), Value: values.Next()}
		}
		return v, c
	},
}.codec()

var originalReadResponse = columns[OriginalReadResponse]{
	build: func(w rpc.Builder, form bitcode.Form, v OriginalReadResponse) rpc.Builder {
		bitcode.PutBool(&w, v.Found)
		if v.Found {
			bitcode.PutStr(&w, form, v.Value)
		}
		return w
	},
	parse: func(c rpc.Cursor) (OriginalReadResponse, rpc.Cursor) {
		v := OriginalReadResponse{Found: bitcode.TakeBool(&c)}
		if v.Found {
			v.Value = bitcode.TakeStr(&c)
		}
		return v, c
	},
}.codec()

var originalBatchReadResponse = columns[OriginalBatchReadResponse]{
	count: func(v OriginalBatchReadResponse) int { return len(v.Results) },
	build: func(w rpc.Builder, form bitcode.Form, v OriginalBatchReadResponse) rpc.Builder {
		bitcode.PutCount(&w, form, len(v.Results))
		bitcode.PutBits(&w, len(v.Results), func(i int) bool { return v.Results[i].Found })
		found := make([][]byte, 0, len(v.Results))
		for _, r := range v.Results {
			if r.Found {
				found = append(found, r.Value)
			}
		}
		bitcode.PutStrs(&w, form, len(found), func(i int) []byte { return found[i] })
		return w
	},
	parse: func(c rpc.Cursor) (OriginalBatchReadResponse, rpc.Cursor) {
		n := takeCount(&c)
		found := bitcode.TakeBits(&c, n)
		values := bitcode.TakeStrs(&c, found.Ones())
		if n == 0 || c.Err() != nil {
			return OriginalBatchReadResponse{}, c
		}
		v := OriginalBatchReadResponse{make([]OriginalReadResponse, n)}
		for i := range v.Results {
			if found.At(i) {
				v.Results[i] = OriginalReadResponse{Found: true, Value: values.Next()}
			}
		}
		return v, c
	},
}.codec()

func originalNumber[T any](f field[T, uint64]) originalCodec[T] {
	return columns[T]{
		build: func(w rpc.Builder, form bitcode.Form, v T) rpc.Builder {
			bitcode.PutUint(&w, form, f.get(v))
			return w
		},
		parse: func(c rpc.Cursor) (T, rpc.Cursor) { n := bitcode.TakeUint(&c); return f.wrap(n), c },
	}.codec()
}

func originalFlag[T any](f field[T, bool]) originalCodec[T] {
	return columns[T]{
		build: func(w rpc.Builder, _ bitcode.Form, v T) rpc.Builder { bitcode.PutBool(&w, f.get(v)); return w },
		parse: func(c rpc.Cursor) (T, rpc.Cursor) { b := bitcode.TakeBool(&c); return f.wrap(b), c },
	}.codec()
}

var (
	originalTailResponse     = originalNumber(tailField)
	originalLenResponse      = originalNumber(lenField)
	originalFileSizeResponse = originalNumber(fileSizeField)
	originalExistsResponse   = originalFlag(existsField)
	originalIsEmptyResponse  = originalFlag(isEmptyField)
)

// originalNothing is the codec of requests without content, which ignores what
// is there.
var originalNothing rpc.Codec[struct{}] = anything{}

type anything struct{}

func (anything) Append(dst []byte, _ struct{}) ([]byte, error) { return dst, nil }

func (anything) Parse([]byte) (struct{}, error) { return struct{}{}, nil }

var errNotText = fmt.Errorf("%w: message of a failure is not UTF-8", rpc.ErrMalformed)

var originalFailure = columns[OriginalFailure]{
	build: func(w rpc.Builder, form bitcode.Form, v OriginalFailure) rpc.Builder {
		bitcode.PutVariant(&w, byte(v.Kind))
		bitcode.PutText(&w, form, v.Message)
		return w
	},
	parse: func(c rpc.Cursor) (OriginalFailure, rpc.Cursor) {
		kind := bitcode.TakeVariant(&c, 3)
		text := bitcode.TakeText(&c)
		if !utf8.Valid(text) {
			c.Fail(errNotText)
		}
		return OriginalFailure{OriginalFailureKind(kind), string(text)}, c
	},
}.codec()
