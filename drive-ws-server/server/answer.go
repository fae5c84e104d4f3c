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
	clear(a.originals)
	clear(a.items)
	if cap(a.values) > keptAnswerBytes {
		a.values = nil
	}
	if cap(a.entries) > keptAnswerKeys || cap(a.items) > keptAnswerKeys {
		a.hashes, a.entries, a.originals, a.items = nil, nil, nil, nil
	}
	a.service, a.reserved = nil, 0
	a.hashes, a.entries, a.values = a.hashes[:0], a.entries[:0], a.values[:0]
	a.originals, a.items = a.originals[:0], a.items[:0]
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

// find finds the entry of one hash, whose value fits into a message of limit bytes, and
// makes room for it; the zero Entry stands for none.
func (a *answer) find(ctx context.Context, hash uint64, limit int) (drive.Entry, error) {
	e, err := a.service.store.FindHash(hash)
	if isNotFound(err) {
		return drive.Entry{}, nil
	}
	if err != nil {
		return drive.Entry{}, err
	}
	size := e.Size()
	if room := int64(limit - responseOverheadBytes); size > room {
		return drive.Entry{}, errMessage(size, room)
	}
	return e, a.reserve(ctx, size)
}

// findBatch finds the entries of hashes, whose values fit into a message of limit bytes
// together, makes room for them and returns their size.
func (a *answer) findBatch(ctx context.Context, limit int) (size int64, err error) {
	if err := a.findAll(); err != nil {
		return 0, err
	}
	room := int64(limit - responseOverheadBytes*(1+len(a.entries)))
	for _, e := range a.entries {
		if size += e.Size(); size > room {
			return 0, errMessage(size, room)
		}
	}
	return size, a.reserve(ctx, size)
}

// room returns an empty buffer for n bytes: dst if it has so many, else memory of the
// answer.
func (a *answer) room(dst []byte, n int64) []byte {
	if n <= int64(cap(dst)) {
		return dst
	}
	if int64(cap(a.values)) < n {
		a.values = make([]byte, 0, n)
	}
	return a.values
}

// add appends the result for an entry, with a verified copy of its value.
func (a *answer) add(out []byte, e drive.Entry) ([]byte, error) {
	if e.IsZero() {
		return driveservice.AppendMissingResult(out), nil
	}
	return e.AppendTo(driveservice.AppendResultHeader(out, e.Checksum(), int(e.Size())))
}

// sent makes a message of what was written into the buffer that room has returned.
func (a *answer) sent(dst, out []byte) rpc.Message {
	if cap(out) == cap(dst) && a.reserved == 0 {
		return rpc.Message{Bytes: out}
	}
	return rpc.Message{Bytes: out, Lent: true, Release: a.release}
}

// read reads the values of the entries into originals.
func (a *answer) read(size int64) error {
	values := a.room(nil, size)
	var err error
	for _, e := range a.entries {
		if e.IsZero() {
			a.originals = append(a.originals, driveservice.OriginalReadResponse{})
			continue
		}
		begin := len(values)
		if values, err = e.AppendTo(values); err != nil {
			return err
		}
		a.originals = append(a.originals, driveservice.OriginalReadResponse{Found: true, Value: values[begin:len(values):len(values)]})
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
