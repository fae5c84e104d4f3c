package main

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-ws-client"
)

// Close closes the connection.
func (r *remoteStore) Close() error { return r.client.Close() }

// named gives an error of the client the key that it is about.
func named(k key, err error) error {
	if errors.Is(err, driveclient.ErrNotFound) {
		return notFoundError{k}
	}
	return err
}

// at calls byKey, or byHash where the bytes of a key are not known. Servers of the original
// protocol find values by keys only.
func at[T any](k key, byKey func(key []byte) (T, error), byHash func(hash uint64) (T, error)) (T, error) {
	if k.bytes == nil {
		return byHash(k.hash)
	}
	return byKey(k.bytes)
}

func (r *remoteStore) read(ctx context.Context, k key, w io.Writer) (int64, error) {
	n, err := at(k,
		func(key []byte) (int64, error) { return r.client.ReadTo(ctx, key, w) },
		func(hash uint64) (int64, error) { return r.client.ReadToHash(ctx, hash, w) })
	return n, named(k, err)
}

func (r *remoteStore) write(ctx context.Context, k key, value []byte) (int64, error) {
	return at(k,
		func(key []byte) (int64, error) { return r.client.Write(ctx, key, value) },
		func(hash uint64) (int64, error) { return r.client.WriteHash(ctx, hash, value) })
}

func (r *remoteStore) writeFrom(ctx context.Context, k key, from io.Reader) (int64, error) {
	return at(k,
		func(key []byte) (int64, error) { return r.client.WriteFrom(ctx, key, from) },
		func(hash uint64) (int64, error) { return r.client.WriteFromHash(ctx, hash, from) })
}

// writeBatch goes by hashes unless the server cannot: they are shorter.
func (r *remoteStore) writeBatch(ctx context.Context, items []item) (int64, error) {
	if r.client.IsOriginal() {
		batch := make([]driveclient.Item, len(items))
		for i, it := range items {
			batch[i] = driveclient.Item{Key: it.key.bytes, Value: it.value}
		}
		return r.client.WriteBatch(ctx, batch)
	}
	batch := make([]driveclient.HashedItem, len(items))
	for i, it := range items {
		batch[i] = driveclient.HashedItem{Hash: it.key.hash, Value: it.value}
	}
	return r.client.WriteBatchHash(ctx, batch)
}

func (r *remoteStore) remove(ctx context.Context, k key) (int64, error) {
	return at(k,
		func(key []byte) (int64, error) { return r.client.Delete(ctx, key) },
		func(hash uint64) (int64, error) { return r.client.DeleteHash(ctx, hash) })
}

func (r *remoteStore) exists(ctx context.Context, k key) (bool, error) {
	return at(k,
		func(key []byte) (bool, error) { return r.client.Exists(ctx, key) },
		func(hash uint64) (bool, error) { return r.client.ExistsHash(ctx, hash) })
}

func (r *remoteStore) rename(ctx context.Context, from, to key) (int64, error) {
	tail, err := r.client.RenameHash(ctx, from.hash, to.hash)
	return tail, named(from, err)
}

func (r *remoteStore) duplicate(ctx context.Context, from, to key) (int64, error) {
	tail, err := r.client.CopyHash(ctx, from.hash, to.hash)
	return tail, named(from, err)
}

func (r *remoteStore) metadata(ctx context.Context, k key) (entryRecord, error) {
	m, err := r.client.MetadataHash(ctx, k.hash)
	record := recordOf(m)
	record.live = true
	return record, named(k, err)
}

func recordOf(m driveclient.Metadata) entryRecord {
	return entryRecord{offset: m.Offset, size: m.Size, keyHash: m.KeyHash, prevOffset: m.PrevOffset, checksum: m.Checksum}
}

func (r *remoteStore) entries(ctx context.Context, onlyLive bool) iter.Seq2[entryRecord, error] {
	return func(yield func(entryRecord, error) bool) {
		options := driveclient.EntriesOptions{Order: driveclient.FileOrder, All: !onlyLive}
		for e, err := range r.client.Entries(ctx, options) {
			record := recordOf(e.Metadata)
			record.tombstone, record.live = e.Tombstone, e.Live
			if !yield(record, err) {
				return
			}
		}
	}
}

func (r *remoteStore) sync(ctx context.Context) error { return r.client.Sync(ctx) }

func (r *remoteStore) stats(ctx context.Context, savings bool) (storeStats, error) {
	if r.client.IsOriginal() && !savings {
		entries, err := r.client.Len(ctx)
		if err != nil {
			return storeStats{}, err
		}
		size, err := r.client.FileSize(ctx)
		return storeStats{fileSize: size, liveEntries: int64(entries)}, err
	}
	st, err := r.client.Stats(ctx)
	if err != nil {
		return storeStats{}, err
	}
	result := storeStats{
		fileSize: st.FileBytes, liveEntries: st.LiveEntries, allEntries: st.Entries,
		tombstones: st.Tombstones, liveBytes: st.LiveBytes,
	}
	if savings {
		result.savings, err = r.client.CompactionSavings(ctx)
	}
	return result, err
}

// compact has no progress to report: the server does the work.
func (r *remoteStore) compact(ctx context.Context, rate int64, _ func(done, total int64)) (compaction, error) {
	result, err := r.client.Compact(ctx, driveclient.CompactOptions{BytesPerSecond: rate})
	return compaction{before: result.BytesBefore, after: result.BytesAfter}, err
}

func (r *remoteStore) snapshot(ctx context.Context, w io.Writer, since drive.Position, rate int64) (drive.Position, error) {
	end, err := r.client.Snapshot(ctx, w, driveclient.SnapshotOptions{Since: driveclient.Position(since), BytesPerSecond: rate})
	return drive.Position(end), err
}
