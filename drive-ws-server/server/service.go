package server

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// store is what the service needs of a [*drive.Store].
type store interface {
	Path() string
	FindHash(hash uint64) (drive.Entry, error)
	ReadBatchHash(dst []drive.Entry, hashes []uint64) []drive.Entry
	MetadataHash(hash uint64) (drive.Metadata, error)
	WriteHash(hash uint64, value []byte) (int64, error)
	WriteFromHash(hash uint64, r io.Reader) (int64, error)
	WriteBatchHash(items []drive.HashedItem) (int64, error)
	DeleteHash(hash uint64) (int64, error)
	DeleteBatchHash(hashes []uint64) (int64, error)
	RenameHash(oldHash, newHash uint64) (int64, error)
	Len() int
	IsEmpty() bool
	FileSize() int64
	Stats() (drive.Stats, error)
	CompactionSavings() (int64, error)
	Compact(ctx context.Context, opts drive.CompactOptions) (drive.CompactResult, error)
	Snapshot(ctx context.Context, w io.Writer, opts drive.SnapshotOptions) (drive.Position, error)
	Sync() error
	Entries(order drive.Order) iter.Seq2[drive.Entry, error]
	History(order drive.Order) iter.Seq2[drive.Entry, error]
	IsLive(e drive.Entry) bool
}

// service holds the handlers. What a request refers to is borrowed until its
// handler returns; the store copies what it keeps.
type service struct {
	store            store
	log              *slog.Logger
	maxMessageBytes  int
	maxOriginalBytes int
	pending          *semaphore.Weighted // bytes of values that wait to be sent
	pendingWait      time.Duration
}

// register makes the service's methods known to calls. Those that look at the index and
// at most at a few bytes of the file run where requests are received.
func (s *service) register(calls *endpoint.Endpoint) error {
	inReader := endpoint.Inline()
	return errors.Join(
		encoded(s, calls, driveservice.Read, s.read),
		unary(s, calls, driveservice.Write, s.write),
		unary(s, calls, driveservice.Delete, s.delete),
		unary(s, calls, driveservice.Exists, s.exists, inReader),
		unary(s, calls, driveservice.Metadata, s.metadata, inReader),
		unary(s, calls, driveservice.Rename, s.rename),
		unary(s, calls, driveservice.Copy, s.copy),
		encoded(s, calls, driveservice.BatchRead, s.batchRead),
		unary(s, calls, driveservice.BatchWrite, s.batchWrite),
		unary(s, calls, driveservice.BatchDelete, s.batchDelete),
		unary(s, calls, driveservice.Len, s.len, inReader),
		unary(s, calls, driveservice.IsEmpty, s.isEmpty, inReader),
		unary(s, calls, driveservice.FileSize, s.fileSize, inReader),
		unary(s, calls, driveservice.Stats, s.stats),
		unary(s, calls, driveservice.Compact, s.compact),
		unary(s, calls, driveservice.Sync, s.sync),
		serverStream(s, calls, driveservice.StreamRead, s.streamRead),
		clientStream(s, calls, driveservice.StreamWrite, s.streamWrite),
		serverStream(s, calls, driveservice.StreamEntries, s.streamEntries),
		serverStream(s, calls, driveservice.Backup, s.backup),
	)
}

// hashOf returns the hash under which the engine knows k.
func hashOf(k driveservice.KeyRef) uint64 {
	if k.ByHash {
		return k.Hash
	}
	return drive.KeyHash(k.Key)
}

func hashesOf(keys []driveservice.KeyRef) []uint64 {
	hashes := make([]uint64, len(keys))
	for i, k := range keys {
		hashes[i] = hashOf(k)
	}
	return hashes
}

// tail makes a response of what the engine's writers return.
func tail(n int64, err error) (driveservice.TailResponse, error) {
	return driveservice.TailResponse{Tail: uint64(n)}, err
}

// errMessage refuses values that do not fit into one message.
func errMessage(size, limit int64) error {
	return driveservice.NewError(driveservice.ReasonTooLarge,
		rpc.Errorf(rpc.ResourceExhausted, "values of %d bytes exceed one message of %d", size, limit).Message)
}

func isNotFound(err error) bool { return errors.Is(err, drive.ErrNotFound) }

func (s *service) read(ctx context.Context, r driveservice.KeyRequest, dst []byte) (msg rpc.Message, err error) {
	a := s.borrow()
	defer a.done(&msg)
	e, err := a.find(ctx, hashOf(r.Key), s.maxMessageBytes)
	if err != nil {
		return msg, err
	}
	out, err := a.add(a.room(dst, e.Size()+responseOverheadBytes), e)
	if err != nil {
		return msg, err
	}
	return a.sent(dst, out), nil
}

func (s *service) batchRead(ctx context.Context, r driveservice.KeysRequest, dst []byte) (msg rpc.Message, err error) {
	a := s.borrow()
	defer a.done(&msg)
	for _, k := range r.Keys {
		a.hashes = append(a.hashes, hashOf(k))
	}
	size, err := a.findBatch(ctx, s.maxMessageBytes)
	if err != nil {
		return msg, err
	}
	out := a.room(dst, size+int64(responseOverheadBytes*(1+len(a.entries))))
	out = driveservice.AppendResultCount(out, len(a.entries))
	for _, e := range a.entries {
		if out, err = a.add(out, e); err != nil {
			return msg, err
		}
	}
	return a.sent(dst, out), nil
}

func (s *service) write(_ context.Context, r driveservice.WriteRequest) (driveservice.TailResponse, error) {
	return tail(s.store.WriteHash(hashOf(r.Key), r.Value))
}

func (s *service) batchWrite(_ context.Context, r driveservice.BatchWriteRequest) (driveservice.TailResponse, error) {
	a := s.borrow()
	defer a.free()
	for _, e := range r.Entries {
		a.items = append(a.items, drive.HashedItem{Hash: hashOf(e.Key), Value: e.Value})
	}
	return tail(s.store.WriteBatchHash(a.items))
}

func (s *service) delete(_ context.Context, r driveservice.KeyRequest) (driveservice.TailResponse, error) {
	return tail(s.store.DeleteHash(hashOf(r.Key)))
}

func (s *service) batchDelete(_ context.Context, r driveservice.KeysRequest) (driveservice.TailResponse, error) {
	return tail(s.store.DeleteBatchHash(hashesOf(r.Keys)))
}

func (s *service) exists(_ context.Context, r driveservice.KeyRequest) (driveservice.ExistsResponse, error) {
	_, err := s.store.FindHash(hashOf(r.Key))
	if isNotFound(err) {
		return driveservice.ExistsResponse{}, nil
	}
	return driveservice.ExistsResponse{Exists: err == nil}, err
}

func (s *service) metadata(_ context.Context, r driveservice.KeyRequest) (driveservice.MetadataResponse, error) {
	m, err := s.store.MetadataHash(hashOf(r.Key))
	if err != nil {
		return driveservice.MetadataResponse{}, err
	}
	return driveservice.MetadataResponse{
		Offset: uint64(m.Offset), Size: uint64(m.Size), KeyHash: m.KeyHash,
		PrevOffset: uint64(m.PrevOffset), Checksum: m.Checksum,
	}, nil
}

func (s *service) rename(_ context.Context, r driveservice.KeyPairRequest) (driveservice.TailResponse, error) {
	return tail(s.store.RenameHash(hashOf(r.From), hashOf(r.To)))
}

// copy stores the value that From has at this moment under To, verified. A value
// that is not small goes from the file to the file.
func (s *service) copy(_ context.Context, r driveservice.KeyPairRequest) (driveservice.TailResponse, error) {
	from, to := hashOf(r.From), hashOf(r.To)
	if from == to {
		return driveservice.TailResponse{}, drive.ErrSameKey
	}
	e, err := s.store.FindHash(from)
	if err != nil {
		return driveservice.TailResponse{}, err
	}
	if e.Size() <= copyInMemoryBytes {
		value, err := e.AppendTo(nil)
		if err != nil {
			return driveservice.TailResponse{}, err
		}
		return tail(s.store.WriteHash(to, value))
	}
	if err := e.Verify(); err != nil {
		return driveservice.TailResponse{}, err
	}
	return tail(s.store.WriteFromHash(to, e.NewReader()))
}

func (s *service) len(context.Context, struct{}) (driveservice.LenResponse, error) {
	return driveservice.LenResponse{Entries: uint64(s.store.Len())}, nil
}

func (s *service) isEmpty(context.Context, struct{}) (driveservice.IsEmptyResponse, error) {
	return driveservice.IsEmptyResponse{Empty: s.store.IsEmpty()}, nil
}

func (s *service) fileSize(context.Context, struct{}) (driveservice.FileSizeResponse, error) {
	return driveservice.FileSizeResponse{Bytes: uint64(s.store.FileSize())}, nil
}

func (s *service) sync(context.Context, struct{}) (struct{}, error) {
	return struct{}{}, s.store.Sync()
}
