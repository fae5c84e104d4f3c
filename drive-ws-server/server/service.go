package server

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
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

// register makes the service's methods known to calls.
func (s *service) register(calls *endpoint.Endpoint) error {
	return errors.Join(
		unary(s, calls, driveservice.Read, s.read),
		unary(s, calls, driveservice.Write, s.write),
		unary(s, calls, driveservice.Delete, s.delete),
		unary(s, calls, driveservice.Exists, s.exists),
		unary(s, calls, driveservice.Metadata, s.metadata),
		unary(s, calls, driveservice.Rename, s.rename),
		unary(s, calls, driveservice.Copy, s.copy),
		unary(s, calls, driveservice.BatchRead, s.batchRead),
		unary(s, calls, driveservice.BatchWrite, s.batchWrite),
		unary(s, calls, driveservice.BatchDelete, s.batchDelete),
		unary(s, calls, driveservice.Len, s.len),
		unary(s, calls, driveservice.IsEmpty, s.isEmpty),
		unary(s, calls, driveservice.FileSize, s.fileSize),
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

func (s *service) read(ctx context.Context, r driveservice.KeyRequest) (driveservice.ReadResponse, error) {
	result, err := s.value(ctx, hashOf(r.Key), s.maxMessageBytes)
	return driveservice.ReadResponse{Result: result}, err
}

// value returns a copy of one value, which fits into a message of limit bytes.
func (s *service) value(ctx context.Context, hash uint64, limit int) (driveservice.ReadResult, error) {
	e, err := s.store.FindHash(hash)
	if errors.Is(err, drive.ErrNotFound) {
		return driveservice.ReadResult{}, nil
	}
	if err != nil {
		return driveservice.ReadResult{}, err
	}
	size := e.Size()
	if room := int64(limit - responseOverheadBytes); size > room {
		return driveservice.ReadResult{}, errMessage(size, room)
	}
	if err := s.reserve(ctx, size); err != nil {
		return driveservice.ReadResult{}, err
	}
	value, err := e.AppendTo(nil)
	if err != nil {
		return driveservice.ReadResult{}, err
	}
	return driveservice.ReadResult{Found: true, Checksum: e.Checksum(), Value: value}, nil
}

func (s *service) batchRead(ctx context.Context, r driveservice.KeysRequest) (driveservice.BatchReadResponse, error) {
	results, err := s.values(ctx, hashesOf(r.Keys), s.maxMessageBytes)
	return driveservice.BatchReadResponse{Results: results}, err
}

// values returns copies of values, which fit into a message of limit bytes together.
func (s *service) values(ctx context.Context, hashes []uint64, limit int) ([]driveservice.ReadResult, error) {
	entries, err := s.findAll(hashes)
	if err != nil {
		return nil, err
	}
	room := int64(limit - responseOverheadBytes*(1+len(entries)))
	var size int64
	for _, e := range entries {
		if size += e.Size(); size > room {
			return nil, errMessage(size, room)
		}
	}
	if err := s.reserve(ctx, size); err != nil {
		return nil, err
	}
	results := make([]driveservice.ReadResult, len(entries))
	values := slices.Grow([]byte(nil), int(size))
	for i, e := range entries {
		if e.IsZero() {
			continue
		}
		begin := len(values)
		if values, err = e.AppendTo(values); err != nil {
			return nil, err
		}
		results[i] = driveservice.ReadResult{Found: true, Checksum: e.Checksum(), Value: values[begin:len(values):len(values)]}
	}
	return results, nil
}

// findAll returns the entries of hashes, the zero Entry for those that are not there.
func (s *service) findAll(hashes []uint64) ([]drive.Entry, error) {
	entries := s.store.ReadBatchHash(make([]drive.Entry, 0, len(hashes)), hashes)
	for i, hash := range hashes {
		if !entries[i].IsZero() {
			continue
		}
		e, err := s.store.FindHash(hash) // tells why
		if err != nil && !errors.Is(err, drive.ErrNotFound) {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

func (s *service) write(_ context.Context, r driveservice.WriteRequest) (driveservice.TailResponse, error) {
	return tail(s.store.WriteHash(hashOf(r.Key), r.Value))
}

func (s *service) batchWrite(_ context.Context, r driveservice.BatchWriteRequest) (driveservice.TailResponse, error) {
	items := make([]drive.HashedItem, len(r.Entries))
	for i, e := range r.Entries {
		items[i] = drive.HashedItem{Hash: hashOf(e.Key), Value: e.Value}
	}
	return tail(s.store.WriteBatchHash(items))
}

func (s *service) delete(_ context.Context, r driveservice.KeyRequest) (driveservice.TailResponse, error) {
	return tail(s.store.DeleteHash(hashOf(r.Key)))
}

func (s *service) batchDelete(_ context.Context, r driveservice.KeysRequest) (driveservice.TailResponse, error) {
	return tail(s.store.DeleteBatchHash(hashesOf(r.Keys)))
}

func (s *service) exists(_ context.Context, r driveservice.KeyRequest) (driveservice.ExistsResponse, error) {
	_, err := s.store.FindHash(hashOf(r.Key))
	if errors.Is(err, drive.ErrNotFound) {
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
