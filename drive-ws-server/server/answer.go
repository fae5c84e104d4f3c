package server

import (
	"context"
	"sync"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// keptAnswerBytes is the largest buffer of values that is kept for further answers, and
// keptAnswerKeys the largest number of keys.
const (
	keptAnswerBytes = 1 << 20
	keptAnswerKeys  = 1 << 12
)

// answer is memory for reading values and telling them. It is used for one call after
// the other: from answers, until free.
type answer struct {
	service  *service
	reserved int64 // of the service's bytes that wait to be sent

	hashes    []uint64
	entries   []drive.Entry
	values    []byte
	results   []driveservice.ReadResult
	originals []driveservice.OriginalReadResponse
	items     []drive.HashedItem

	release func() // is free: made once
}

// answers holds those that are not in use.
var answers sync.Pool

// borrow returns an answer, to be given back by free, or by done.
func (s *service) borrow() *answer {
	a, ok := answers.Get().(*answer)
	if !ok {
		a = &answer{}
		a.release = a.free
	}
	a.service = s
	return a
}

// free gives the answer and the room for its bytes back. Nothing may refer to its
// memory any more.
func (a *answer) free() {
	if a.reserved > 0 {
		a.service.pending.Release(a.reserved)
	}
	clear(a.entries) // each of them pins a mapping
	clear(a.results)
	clear(a.originals)
	clear(a.items)
	if cap(a.values) > keptAnswerBytes {
		a.values = nil
	}
	if cap(a.entries) > keptAnswerKeys || cap(a.items) > keptAnswerKeys {
		a.hashes, a.entries, a.results, a.originals, a.items = nil, nil, nil, nil, nil
	}
	a.service, a.reserved = nil, 0
	a.hashes, a.entries, a.values = a.hashes[:0], a.entries[:0], a.values[:0]
	a.results, a.originals, a.items = a.results[:0], a.originals[:0], a.items[:0]
	answers.Put(a)
}

// done gives the answer back unless a message refers to it. It is deferred: a handler
// may be ended by a fault of the mapping.
func (a *answer) done(msg *rpc.Message) {
	if msg.Release == nil {
		a.free()
	}
}

// message encodes a response that refers to the answer, which lives until that has been
// sent.
func message[T any](a *answer, codec rpc.Codec[T], dst []byte, response T) (rpc.Message, error) {
	msg, err := rpc.AppendMessage(codec, dst, response)
	if err != nil {
		return rpc.Message{}, rpc.Errorf(rpc.Internal, "encode the response: %v", err)
	}
	if len(msg.More) > 0 || a.reserved > 0 {
		msg.Release = a.release
	}
	return msg, nil
}

// hash adds the hash of a key.
func (a *answer) hash(k driveservice.KeyRef) { a.hashes = append(a.hashes, hashOf(k)) }

// one reads the value of one hash.
func (a *answer) one(ctx context.Context, hash uint64, limit int) (driveservice.ReadResult, error) {
	e, err := a.service.store.FindHash(hash)
	if isNotFound(err) {
		return driveservice.ReadResult{}, nil
	}
	if err != nil {
		return driveservice.ReadResult{}, err
	}
	size := e.Size()
	if room := int64(limit - responseOverheadBytes); size > room {
		return driveservice.ReadResult{}, errMessage(size, room)
	}
	if err := a.reserve(ctx, size); err != nil {
		return driveservice.ReadResult{}, err
	}
	if a.values, err = e.AppendTo(a.values); err != nil {
		return driveservice.ReadResult{}, err
	}
	return driveservice.ReadResult{Found: true, Checksum: e.Checksum(), Value: a.values}, nil
}

// all reads the values of all hashes into results. Together they fit into a message of
// limit bytes.
func (a *answer) all(ctx context.Context, limit int) error {
	if err := a.findAll(); err != nil {
		return err
	}
	room := int64(limit - responseOverheadBytes*(1+len(a.entries)))
	var size int64
	for _, e := range a.entries {
		if size += e.Size(); size > room {
			return errMessage(size, room)
		}
	}
	if err := a.reserve(ctx, size); err != nil {
		return err
	}
	if int64(cap(a.values)) < size {
		a.values = make([]byte, 0, size)
	}
	var err error
	for _, e := range a.entries {
		if e.IsZero() {
			a.results = append(a.results, driveservice.ReadResult{})
			continue
		}
		begin := len(a.values)
		if a.values, err = e.AppendTo(a.values); err != nil {
			return err
		}
		a.results = append(a.results, driveservice.ReadResult{
			Found: true, Checksum: e.Checksum(), Value: a.values[begin:len(a.values):len(a.values)],
		})
	}
	return nil
}

// findAll finds the entries of hashes, the zero Entry for those that are not there.
func (a *answer) findAll() error {
	store := a.service.store
	a.entries = store.ReadBatchHash(a.entries, a.hashes)
	for i, hash := range a.hashes {
		if !a.entries[i].IsZero() {
			continue
		}
		e, err := store.FindHash(hash) // tells why
		if err != nil && !isNotFound(err) {
			return err
		}
		a.entries[i] = e
	}
	return nil
}

// reserve waits until there is room for a response with n bytes of values. The room is
// given back by free.
func (a *answer) reserve(ctx context.Context, n int64) error {
	if n < countedBytes {
		return nil
	}
	s := a.service
	if !s.pending.TryAcquire(n) {
		waiting, cancel := context.WithTimeout(ctx, s.pendingWait)
		defer cancel()
		if s.pending.Acquire(waiting, n) != nil {
			if err := ctx.Err(); err != nil {
				return err
			}
			return rpc.Errorf(rpc.ResourceExhausted, "no room for %d bytes: other responses wait to be sent; stream the values", n)
		}
	}
	a.reserved = n
	return nil
}
